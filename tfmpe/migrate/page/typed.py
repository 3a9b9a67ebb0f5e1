"""Objects of a json file as dataclasses, with every field checked.

Names that a dataclass does not have are ignored, so that a tool may add some.
"""

import math
import types
from collections.abc import Mapping
from dataclasses import MISSING, fields, is_dataclass
from functools import cache
from typing import (
    Annotated,
    Any,
    Literal,
    Union,
    get_args,
    get_origin,
    get_type_hints,
)

__all__ = ["Count", "WrongFieldError", "read_as"]

Count = Annotated[int, "from 0"]
"""A whole number that is not negative."""

_LARGEST = 2**63


class WrongFieldError(ValueError):
    """A value of a json file that is not what it should be.

    Parameters
    ----------
    place
        Where it is, such as ``'sites[3].line'``.
    expected
        What should be there, in words.
    found
        What is there.
    """

    def __init__(self, place: str, expected: str, found: Any):
        super().__init__(
            f"{place or 'the file'} is {_in_words(found)}, not {expected}"
        )


def read_as(kind: Any, value: Any, place: str = "") -> Any:
    """Return a json value as a type that says all of what is expected.

    Parameters
    ----------
    kind
        ``str``, ``int``, ``Count``, ``float``, ``bool``, ``Any``, a literal, a
        union, a tuple of any length, a dict by strings, or a dataclass of
        these.
    value
        What `json` has read.
    place
        Where that is, for the error.

    Returns
    -------
    object
        An instance of `kind`.

    Raises
    ------
    WrongFieldError
        If the value is not of that type.

    Examples
    --------
    >>> read_as(tuple[int, ...], [1, 2])
    (1, 2)
    >>> read_as(dict[str, int], {"line": "3"})
    Traceback (most recent call last):
        ...
    tfmpe.migrate.page.typed.WrongFieldError: line is '3', not a whole number
    """
    if kind is Any:
        return value
    if is_dataclass(kind):
        return _read_object(kind, value, place)
    origin, args = get_origin(kind), get_args(kind)
    if origin in (Union, types.UnionType):
        return _read_union(kind, args, value, place)
    if origin is Annotated:
        if _is_plain(int, value) and value >= 0:
            return value
    elif origin is Literal:
        if value in args and type(value) in map(type, args):
            return value
    elif origin is tuple:
        if isinstance(value, list):
            return tuple(
                read_as(args[0], item, f"{place}[{number}]")
                for number, item in enumerate(value)
            )
    elif origin is dict:
        if isinstance(value, dict):
            return {
                name: read_as(args[1], item, _below(place, name))
                for name, item in value.items()
            }
    elif _is_plain(kind, value):
        return value
    raise WrongFieldError(place, _expected(kind), value)


def _is_plain(kind: type, value: Any) -> bool:
    if kind is int:
        return type(value) is int and abs(value) < _LARGEST
    if kind is float:
        if type(value) is int:
            return abs(value) < _LARGEST
        return type(value) is float and math.isfinite(value)
    return type(value) is kind


def _read_union(kind: Any, args: tuple, value: Any, place: str) -> Any:
    if value is None and type(None) in args:
        return None
    choices = [each for each in args if each is not type(None)]
    for choice in choices[:-1]:
        try:
            return read_as(choice, value, place)
        except WrongFieldError:
            continue
    if len(choices) == 1:
        return read_as(choices[0], value, place)
    try:
        return read_as(choices[-1], value, place)
    except WrongFieldError:
        raise WrongFieldError(place, _expected(kind), value) from None


def _read_object(kind: Any, value: Any, place: str) -> Any:
    if not isinstance(value, Mapping):
        raise WrongFieldError(place, "an object", value)
    found = {}
    for name, (hint, needed) in _fields(kind).items():
        below = _below(place, name)
        if name in value:
            found[name] = read_as(hint, value[name], below)
        elif needed:
            raise WrongFieldError(below, _expected(hint), MISSING)
    return kind(**found)


@cache
def _fields(kind: Any) -> dict[str, tuple[Any, bool]]:
    hints = get_type_hints(kind, include_extras=True)
    return {
        each.name: (
            hints[each.name],
            each.default is MISSING and each.default_factory is MISSING,
        )
        for each in fields(kind)
    }


def _below(place: str, name: str) -> str:
    return f"{place}.{name}" if place else name


def _expected(kind: Any) -> str:
    origin, args = get_origin(kind), get_args(kind)
    if origin in (Union, types.UnionType):
        return " or ".join(_expected(each) for each in args)
    if origin is Annotated:
        return f"{_NAMES[args[0]]} {args[1]}"
    if origin is Literal:
        return " or ".join(map(repr, args))
    if origin is tuple:
        return "a list"
    if origin is dict or is_dataclass(kind):
        return "an object"
    return _NAMES[kind]


_NAMES = {
    str: "a text",
    int: "a whole number",
    float: "a finite number",
    bool: "true or false",
    type(None): "null",
}


def _in_words(value: Any) -> str:
    if value is MISSING:
        return "missing"
    if value is None:
        return "null"
    if isinstance(value, dict):
        return "an object"
    if isinstance(value, list):
        return "a list"
    if type(value) is int and abs(value) >= _LARGEST:
        return "a number too large"
    return f"{value!r:.60}"
