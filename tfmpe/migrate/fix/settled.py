"""Expressions whose value stays what it is as long as a function runs."""

from dataclasses import dataclass, field, replace

import libcst as cst

from .between import MUTATING, Kept, kept_at
from .module import Module
from .reads import is_written
from .sides import is_pure, string_value

__all__ = ["Datum", "settled", "value_of"]


@dataclass(frozen=True)
class Datum:
    """An expression whose value stays what it is.

    Two are the same if they are written alike and their names are.
    """

    text: str
    names: tuple[tuple[str, int], ...]
    kept: tuple[Kept, ...] = field(compare=False)


def settled(module: Module, node: cst.BaseExpression) -> Datum | None:
    """Return an expression whose value stays what it is; None if unsure.

    An entry of a dictionary display that has a name is looked up.
    """
    if not is_pure(node):
        return None
    kept = tuple(kept_at(module, node))
    names = {each.name: each.home for each in kept}
    if not names or not all(_is_constant(module, each) for each in kept):
        return None
    if isinstance(node, cst.Subscript) and isinstance(node.value, cst.Name):
        value = value_of(module, node.value)
        key = string_value(_index(node))
        for element in value.elements if isinstance(value, cst.Dict) else ():
            # An attribute may have been another when this was written.
            if (
                isinstance(element, cst.DictElement)
                and isinstance(element.value, cst.Name)
                and string_value(element.key) == key
                and (found := settled(module, element.value)) is not None
            ):
                return replace(found, kept=(*kept, *found.kept))
    return Datum(
        module.source(node),
        tuple((name, id(home)) for name, home in names.items()),
        kept,
    )


def value_of(
    module: Module, name: cst.BaseExpression | None
) -> cst.BaseExpression | None:
    """Return what a name that is bound once is assigned; else None."""
    if not isinstance(name, cst.Name):
        return None
    bindings = module.bindings(name.value, module.scope_of(name))
    node = getattr(bindings[0], "node", None) if len(bindings) == 1 else None
    if not isinstance(node, cst.Name):
        return None
    assign = module.parent(module.parent(node))
    return assign.value if isinstance(assign, cst.Assign) else None


def _is_constant(module: Module, kept: Kept) -> bool:
    """Whether a name is bound once, and what it holds is not changed."""
    if len(module.bindings(kept.name, kept.home)) != 1:
        return False
    for use in module.uses_of(kept.name, kept.home):
        node, parent = use.node, module.parent(use.node)
        while isinstance(parent, cst.Subscript) and parent.value is node:
            node, parent = parent, module.parent(parent)
        if is_written(module, use.node) or (
            isinstance(parent, cst.Attribute) and parent.attr.value in MUTATING
        ):
            return False
    return True


def _index(node: cst.Subscript) -> cst.CSTNode:
    return cst.ensure_type(node.slice[0].slice, cst.Index).value
