"""Whether a dictionary has the keys of another."""

import libcst as cst
import libcst.matchers as m

from .module import Module
from .settled import Datum, entry_of_display, settled, value_of
from .sides import string_value

__all__ = ["is_derived"]


def is_derived(module: Module, new: cst.BaseExpression, old: Datum) -> bool:
    """Whether a dictionary is another one with some values replaced.

    Parameters
    ----------
    module : Module
    new : BaseExpression
        A name of the dictionary, of which it is the only value.
    old : Datum
        The other one.

    Returns
    -------
    bool
        True, too, if it may have more keys and these are not written out.
    """
    value = value_of(module, new)
    if isinstance(value, cst.DictComp):
        loop = value.for_in
        keys = loop.iter
        if m.matches(keys, m.Call(func=m.Attribute(attr=m.Name("keys")))):
            keys = cst.ensure_type(
                cst.ensure_type(keys, cst.Call).func, cst.Attribute
            ).value
        return (
            not loop.ifs
            and loop.inner_for_in is None
            and module.source(value.key) == module.source(loop.target)
            and settled(module, keys) == old
        )
    if isinstance(value, cst.Dict):
        first = value.elements[0] if value.elements else None
        if not isinstance(first, cst.StarredDictElement):
            return False
        base = first.value
    elif isinstance(value, cst.BinaryOperation) and isinstance(
        value.operator, cst.BitOr
    ):
        base = value.left
    else:
        return False
    if settled(module, base) != old:
        return False
    before, all_known = _keys(module, base)
    written, _ = _keys(module, value)
    return not all_known or written <= before


def _keys(
    module: Module, node: cst.BaseExpression | None
) -> tuple[frozenset[str], bool]:
    """Return the keys that are written out, and whether these are all."""
    if isinstance(node, cst.Name):
        return _keys(module, value_of(module, node))
    if isinstance(node, cst.BinaryOperation) and isinstance(
        node.operator, cst.BitOr
    ):
        both = [_keys(module, node.left), _keys(module, node.right)]
    elif isinstance(node, cst.Dict):
        both = [
            _keys(module, element.value)
            if not isinstance(element, cst.DictElement)
            else _key(string_value(element.key))
            for element in node.elements
        ]
    elif node is not None and m.matches(node, m.Call(func=m.Name("dict"))):
        both = [
            _key(arg.keyword.value)
            if arg.keyword is not None
            else _keys(module, arg.value)
            for arg in cst.ensure_type(node, cst.Call).args
        ]
    elif isinstance(node, cst.Subscript):
        return _keys(module, entry_of_display(module, node))
    else:
        return frozenset(), False
    return (
        frozenset().union(*(keys for keys, _ in both)),
        all(known for _, known in both),
    )


def _key(key: str | None) -> tuple[frozenset[str], bool]:
    return frozenset([] if key is None else [key]), key is not None
