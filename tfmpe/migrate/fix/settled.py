"""Expressions whose value stays what it is as long as a function runs."""

from dataclasses import dataclass, field, replace

import libcst as cst

from .between import MUTATING, Kept, kept_at
from .module import Module
from .reads import constant_key, is_written
from .sides import is_pure, string_value

__all__ = ["Datum", "entry_of_display", "settled", "value_of"]


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
        entry = entry_of_display(module, node)
        # An attribute may have been another when this was written.
        if isinstance(entry, cst.Name):
            found = settled(module, entry)
            if found is not None:
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


def entry_of_display(
    module: Module, node: cst.Subscript
) -> cst.BaseExpression | None:
    """Return an entry of a dictionary display that has a name; else None."""
    value, key = value_of(module, node.value), constant_key(node)
    if key is None or not isinstance(value, cst.Dict):
        return None
    for element in value.elements:
        if (
            isinstance(element, cst.DictElement)
            and string_value(element.key) == key
        ):
            return element.value
    return None


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
