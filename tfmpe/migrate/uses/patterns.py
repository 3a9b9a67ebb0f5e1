"""Four ways in which bottom-up scripts rebuild what they flatten."""

import re
from collections.abc import Iterator

import libcst as cst

from tfmpe.migrate.names.annotations import constant_text
from tfmpe.migrate.names.collect import parts
from tfmpe.migrate.names.module_names import ModuleNames

from .imports import Finding

__all__ = ["patterns"]

_BECOMES = {
    "T301": "a view of the other keys: tokens.select_tokens(names)",
    "T302": "tokens.select_tokens(names)",
    "T303": "tokens.with_values(name=values)",
    "T304": "one Tokens, and a view at each use",
}
_MAX_STEPS = 4
_DATA = ("data", "blocks")
_SIDE = {
    "theta": re.compile(r"(?:^|_)(?:theta|prior|param\w*)(?:_|$)"),
    "y": re.compile(r"(?:^|_)(?:y|obs\w*)(?:_|$)"),
}


def patterns(names: ModuleNames, call: cst.Call) -> Iterator[Finding]:
    """Find how the data of a call that flattens were rebuilt.

    Parameters
    ----------
    names
        What the names of its module stand for.
    call
        A call of ``flatten_structured`` or ``flatten_blocks``.

    Yields
    ------
    Finding
    """
    for argument in call.args:
        keyword = argument.keyword.value if argument.keyword else None
        if keyword in _DATA or (argument is call.args[0] and not keyword):
            yield from _feeding(names, argument.value, _MAX_STEPS)
            return


def _feeding(
    names: ModuleNames, node: cst.BaseExpression, steps: int
) -> Iterator[Finding]:
    """Look at an expression, its parts, and what its names were given."""
    code = _pattern(node)
    if code is not None:
        yield node, code, None, _BECOMES[code]
    match node:
        case cst.Dict():
            for element in node.elements:
                yield from _feeding(names, element.value, steps)
        case cst.BinaryOperation():
            for side in (node.left, node.right):
                yield from _feeding(names, side, steps)
        case cst.Call(func=cst.Name(value="dict")):
            for argument in node.args:
                yield from _feeding(names, argument.value, steps)
        case cst.DictComp():
            for source in _iterated(node):
                yield from _feeding(names, source, steps)
        case cst.Name() if steps:
            for value in names.given(node):
                yield from _feeding(names, value, steps - 1)


def _pattern(node: cst.BaseExpression) -> str | None:
    match node:
        case cst.BinaryOperation(operator=cst.BitOr()):
            return "T303"
        case cst.DictComp():
            return _comprehension(node)
        case cst.Dict():
            return _dictionary(node)
    return None


def _comprehension(node: cst.DictComp) -> str | None:
    over_items = _items_of(node.for_in.iter) is not None
    match node.key:
        case cst.Name(value=key):
            if any(_picks(test.test, key) for test in node.for_in.ifs):
                return "T302"
            match node.for_in.target, node.value:
                case (
                    cst.Name(value=one),
                    cst.Subscript(
                        slice=[
                            cst.SubscriptElement(
                                slice=cst.Index(value=cst.Name(value=other))
                            )
                        ]
                    ),
                ) if one == other == key:
                    return "T302"
    return "T304" if over_items else None


def _picks(test: cst.BaseExpression, key: str) -> bool:
    match test:
        case cst.Comparison(
            left=cst.Name(value=name),
            comparisons=[cst.ComparisonTarget(operator=cst.In() | cst.NotIn())],
        ):
            return name == key
    return False


def _items_of(node: cst.BaseExpression) -> cst.BaseExpression | None:
    match node:
        case cst.Call(
            func=cst.Attribute(value=owner, attr=cst.Name(value="items"))
        ):
            return owner
    return None


def _dictionary(node: cst.Dict) -> str | None:
    values = {
        constant_text(element.key): element.value
        for element in node.elements
        if isinstance(element, cst.DictElement)
    }
    if {"theta", "y"} <= values.keys():
        swapped = {
            side: _side(values[other])
            for side, other in (("theta", "y"), ("y", "theta"))
        }
        # One of them may be called anything, but none its own name.
        if any(side == swapped[side] for side in swapped) and all(
            found in (side, None) for side, found in swapped.items()
        ):
            return "T301"
    starred = sum(
        isinstance(element, cst.StarredDictElement) for element in node.elements
    )
    if starred and len(node.elements) > 1:
        return "T303"
    rebuilt = any(
        key is not None and key not in ("theta", "y") and _is_item(value, key)
        for key, value in values.items()
    )
    return "T304" if rebuilt else None


def _side(node: cst.BaseExpression) -> str | None:
    """Return which side an expression is of, by its name."""
    if isinstance(node, cst.Subscript):
        for part in node.slice:
            if isinstance(part.slice, cst.Index):
                text = constant_text(part.slice.value)
                if text in _SIDE:
                    return text
        return _side(node.value)
    if isinstance(node, cst.Attribute):
        node = node.attr
    if isinstance(node, cst.Name):
        found = [
            side for side, name in _SIDE.items() if name.search(node.value)
        ]
        return found[0] if len(found) == 1 else None
    return None


def _is_item(node: cst.BaseExpression, key: str) -> bool:
    return bool(parts(node, cst.Subscript)) and any(
        constant_text(text) == key for text in parts(node, cst.SimpleString)
    )


def _iterated(node: cst.DictComp) -> Iterator[cst.BaseExpression]:
    owner = _items_of(node.for_in.iter)
    if owner is not None:
        yield owner
    elif isinstance(node.value, cst.Subscript):
        yield node.value.value
