"""Which argument of a call is which."""

from collections.abc import Mapping

import libcst as cst

from tfmpe.migrate.names.known import FEWEST

__all__ = ["bind", "positional_names"]


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
