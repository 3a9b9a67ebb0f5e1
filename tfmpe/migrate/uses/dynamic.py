"""Names that are known only when the script runs."""

import re
from collections.abc import Iterator

import libcst as cst

from tfmpe.migrate.names.annotations import constant_text
from tfmpe.migrate.names.known import (
    IN_TEXT,
    ONLY_LEGACY,
    entry_of,
    is_legacy,
    is_module,
)
from tfmpe.migrate.names.module_names import ModuleNames
from tfmpe.migrate.names.values import Instance, Legacy, Outside

from .imports import LACKING, Finding

__all__ = ["dynamic_calls", "looks_up", "names_module"]

_DOTTED = re.compile(r"[^\W\d]\w*(?:\.[^\W\d]\w*)*")
_IMPORTERS = ("importlib.import_module", "builtins.__import__")
_RUNNERS = ("builtins.exec", "builtins.eval", "builtins.compile")
_LOOKUPS = ("builtins.getattr", "builtins.setattr", "builtins.hasattr")
_TAKE_A_MODULE = re.compile(
    r"(?:^|\.)(?:import_module|__import__|find_spec|importorskip|patch|"
    r"run_module|reload|setitem|delitem)$"
)


def names_module(names: ModuleNames, node: cst.CSTNode, text: str) -> bool:
    """Whether a string names a legacy module, or what is in one.

    Parameters
    ----------
    names
        What the names of its module stand for.
    node
        The string.
    text
        What it says.

    Returns
    -------
    bool
        The bare name of the package may mean anything, so it counts only
        where a module is asked for.
    """
    if not _DOTTED.fullmatch(text) or not is_legacy(text):
        return False
    parent = names.syntax.parents.get(node)
    if isinstance(parent, cst.Expr):
        # A docstring, or a string that does nothing.
        return False
    return ("." in text and _is_listed(text)) or _asks_for_module(names, node)


def _is_listed(text: str) -> bool:
    parts = text.split(".")
    return any(is_module(".".join(parts[:n])) for n in range(2, len(parts) + 1))


def _asks_for_module(names: ModuleNames, node: cst.CSTNode) -> bool:
    parent = names.syntax.parents.get(node)
    if isinstance(parent, cst.Index):
        subscript = names.syntax.enclosing(parent, cst.Subscript)
        return isinstance(subscript, cst.Subscript) and any(
            isinstance(value, Outside) and value.name == "sys.modules"
            for value in names.values(subscript.value)
        )
    call = (
        names.syntax.parents.get(parent)
        if isinstance(parent, cst.Arg)
        else None
    )
    if not isinstance(call, cst.Call):
        return False
    written = names.syntax.module.code_for_node(call.func)
    return bool(_TAKE_A_MODULE.search(written)) or any(
        isinstance(value, Outside) and _TAKE_A_MODULE.search(value.name)
        for value in names.values(call.func)
    )


def dynamic_calls(names: ModuleNames, node: cst.Call) -> Iterator[Finding]:
    """Find calls that may reach a legacy name that is not written out.

    Parameters
    ----------
    names
        What the names of its module stand for.
    node
        Any call.

    Yields
    ------
    Finding
    """
    arguments = [argument.value for argument in node.args]
    for value in names.values(node.func):
        if not isinstance(value, Outside) or not arguments:
            continue
        first = arguments[0]
        if value.name in _IMPORTERS:
            if constant_text(first) is None:
                yield node, "T901", None, "the module's name is computed"
        elif value.name in _RUNNERS:
            text = names.syntax.module.code_for_node(first)
            if IN_TEXT.search(text) or any(
                re.search(rf"\b{name}\b", text) for name in ONLY_LEGACY
            ):
                yield node, "T901", None, "code in a string names the package"
        elif value.name in _LOOKUPS and len(arguments) > 1:
            yield from _lookup(names, node, first, arguments[1])


def looks_up(names: ModuleNames, call: cst.Call) -> bool:
    """Whether a call takes an object and the name of an attribute."""
    return any(
        isinstance(value, Outside) and value.name in _LOOKUPS
        for value in names.values(call.func)
    )


def _lookup(
    names: ModuleNames,
    node: cst.Call,
    owner: cst.BaseExpression,
    attribute: cst.BaseExpression,
) -> Iterator[Finding]:
    if not any(
        isinstance(value, Legacy | Instance) for value in names.values(owner)
    ):
        return
    if constant_text(attribute) is None:
        yield node, "T901", None, "the attribute's name is computed"
        return
    for found in names.values(node):
        if isinstance(found, Legacy):
            entry = entry_of(found.name)
            yield node, "T004", found.name, entry.becomes if entry else LACKING
