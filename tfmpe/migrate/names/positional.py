"""Calls whose positional arguments can be given their names."""

from collections.abc import Mapping

import libcst as cst

from tfmpe.migrate.catalogue import Safety

from .module_names import ModuleNames
from .values import Legacy

__all__ = ["FEWEST", "bind", "keywords_safety", "positional_names"]

FEWEST = 9
"""Fewer positional arguments may be those of any distribution."""


def positional_names(
    call: cst.Call, parameters: tuple[str, ...]
) -> tuple[str, ...] | None:
    """Return the names of the positional arguments of a long call.

    Parameters
    ----------
    call
        A call of a method.
    parameters
        The names of its parameters in their order.

    Returns
    -------
    tuple of str or None
        None where there are fewer arguments than `FEWEST`, or they cannot be
        counted, or a method of the same class is called, which may be
        another one.
    """
    func = call.func
    owner = func.value if isinstance(func, cst.Attribute) else None
    if isinstance(owner, cst.Name) and owner.value in ("self", "cls"):
        return None
    n_positional = sum(arg.keyword is None for arg in call.args)
    if not n_positional:
        return None
    names = parameters[:n_positional]
    keywords = {arg.keyword.value for arg in call.args if arg.keyword}
    if (
        len(call.args) < FEWEST
        or n_positional > len(parameters)
        or any(arg.star for arg in call.args)
        or keywords & set(names)
    ):
        return None
    return names


def keywords_safety(
    names: ModuleNames, call: cst.Call, parameters: tuple[str, ...]
) -> Safety:
    """Return how safe it is to name the positional arguments of a call.

    Parameters
    ----------
    names
        What the names of the module stand for.
    call
        A call of what has the name of a legacy method.
    parameters
        The names of that method's parameters in their order.

    Returns
    -------
    str
        ``'unsafe'`` where so many arguments are the only sign that it is
        that method; ``'manual'`` where nothing can be named.
    """
    if positional_names(call, parameters) is None:
        return "manual"
    followed = any(
        isinstance(value, Legacy) for value in names.values(call.func)
    )
    return "safe" if followed else "unsafe"


def bind(
    call: cst.Call, parameters: tuple[str, ...]
) -> Mapping[str, cst.Arg] | None:
    """Say which argument of a call is which; None where one cannot know."""
    bound: dict[str, cst.Arg] = {}
    for number, arg in enumerate(call.args):
        if arg.star or (arg.keyword is None and number >= len(parameters)):
            return None
        name = arg.keyword.value if arg.keyword else parameters[number]
        if name in bound or name not in parameters:
            return None
        bound[name] = arg
    return bound
