"""Imports of legacy modules."""

from collections.abc import Iterator, Sequence

import libcst as cst

from tfmpe.migrate.names.known import (
    FUNCTIONS_ONLY_LEGACY,
    canonical,
    entry_of,
    has_same_name,
    is_legacy,
    is_module,
    modern,
    of_bridge,
)
from tfmpe.migrate.names.module_names import ModuleNames
from tfmpe.migrate.names.values import Outside

__all__ = ["LACKING", "Finding", "import_findings", "not_scanned"]

Finding = tuple[cst.CSTNode, str, str | None, str]
"""The node, the code, the full legacy name, and what it becomes; why, if the
code is that of doubt."""

LACKING = "nothing: the bridge lacks it"
"""What a legacy name becomes that was never listed."""


def import_findings(
    names: ModuleNames, node: cst.Import | cst.ImportFrom
) -> Iterator[Finding]:
    """Find what an import has to do with legacy modules.

    Parameters
    ----------
    names
        What the names of its module stand for.
    node
        The import.

    Yields
    ------
    Finding
        An import from the bridge is none, but a name that it imports for
        others alone is.
    """
    if isinstance(node, cst.Import):
        for alias in node.names:
            module = alias.evaluated_name
            if is_legacy(module) and not of_bridge(module):
                if is_module(module):
                    yield alias.name, "T001", module, modern(module)
                else:
                    yield alias.name, "T003", module, LACKING
        return
    parts = names.module_of(node)
    module = ".".join(parts or ())
    if not is_legacy(module):
        yield from _from_elsewhere(names, node, parts or ())
    elif of_bridge(module):
        yield from _only_imported(names, node, module)
    elif not is_module(module):
        yield node, "T003", module, LACKING
    elif isinstance(node.names, cst.ImportStar):
        yield node, "T002", module, modern(module)
    else:
        yield from _from_legacy(node, node.names, module)


def not_scanned(module: str) -> str:
    """Return why it is not known what a module shows."""
    return f"{module} is not among the files that were read: give it as well"


def _from_elsewhere(
    names: ModuleNames, node: cst.ImportFrom, module: tuple[str, ...]
) -> Iterator[Finding]:
    """Doubt a module that shows legacy functions and was not scanned."""
    if isinstance(node.names, cst.ImportStar) or not module:
        return
    for alias in node.names:
        name = alias.evaluated_name
        if name in FUNCTIONS_ONLY_LEGACY and any(
            isinstance(value, Outside)
            for value in names.from_module(module, name)
        ):
            yield alias.name, "T901", None, not_scanned(".".join(module))


def _from_legacy(
    node: cst.ImportFrom, aliases: Sequence[cst.ImportAlias], module: str
) -> Iterator[Finding]:
    lacking = [
        alias
        for alias in aliases
        if not entry_of(f"{module}.{alias.evaluated_name}")
        and not has_same_name(f"{module}.{alias.evaluated_name}")
    ]
    if len(lacking) < len(aliases):
        yield node, "T001", module, modern(module)
    for alias in lacking:
        yield alias.name, "T003", f"{module}.{alias.evaluated_name}", LACKING


def _only_imported(
    names: ModuleNames, node: cst.ImportFrom, module: str
) -> Iterator[Finding]:
    scope = names.syntax.scope(node)
    if isinstance(node.names, cst.ImportStar) or scope is None:
        return
    for alias in node.names:
        full = canonical(f"{module}.{alias.evaluated_name}")
        entry = entry_of(full)
        local = alias.evaluated_alias or alias.evaluated_name
        if entry is not None and not any(
            one.references for one in scope[local]
        ):
            yield alias.name, entry.code, full, entry.becomes
