"""Calls of what other packages have: what they return."""

from typing import TYPE_CHECKING

import libcst as cst

from .annotations import constant_text
from .values import Local, Outside, Values

if TYPE_CHECKING:
    from .module_names import ModuleNames

__all__ = ["result_of"]

_SAME_BEHAVIOUR = (
    "functools.partial",
    "functools.wraps",
    "copy.copy",
    "copy.deepcopy",
    "jax.jit",
    "jax.vmap",
    "flax.nnx.jit",
    "flax.nnx.clone",
)


def result_of(names: "ModuleNames", name: str, call: cst.Call) -> Values:
    """Return what a call of something from elsewhere may return.

    Parameters
    ----------
    names
        What the names of the module stand for.
    name
        The full name of what is called.
    call
        The call.

    Returns
    -------
    frozenset
    """
    first = call.args[0].value if call.args else None
    if name in _SAME_BEHAVIOUR and first is not None:
        return names.values(first)
    if name in ("importlib.import_module", "builtins.__import__"):
        text = constant_text(first)
        parts = tuple(text.split(".")) if text else ()
        return names.imported_module(parts) if parts else frozenset()
    if name == "builtins.getattr" and len(call.args) > 1 and first:
        text = constant_text(call.args[1].value)
        if text is None:
            return frozenset()
        return frozenset().union(
            *(names.member(value, text) for value in names.values(first))
        )
    if name == "builtins.super":
        of = names.syntax.enclosing(call, cst.ClassDef)
        if isinstance(of, cst.ClassDef):
            return names.bases(Local(names.path, of))
    # By convention a class: its objects are nobody else's.
    last = name.rpartition(".")[2]
    return frozenset([Outside(name)]) if last[:1].isupper() else frozenset()
