"""What a parameter of a function stands for."""

from typing import TYPE_CHECKING

import libcst as cst

from .values import Local, LocalInstance, Values

if TYPE_CHECKING:
    from .module_names import ModuleNames

__all__ = ["parameter"]


def parameter(names: "ModuleNames", node: cst.Param) -> Values:
    """Return what a parameter may stand for.

    Parameters
    ----------
    names
        What the other names of its module stand for.
    node
        The parameter.

    Returns
    -------
    frozenset
        By its annotation, else by what calls in the same module give.
    """
    function = names.syntax.enclosing(node, cst.FunctionDef)
    if node.annotation is not None:
        return names.annotated(node.annotation)
    if not isinstance(function, cst.FunctionDef):
        return frozenset()
    params = [*function.params.posonly_params, *function.params.params]
    of = names.syntax.class_around(function)
    if of is None:
        return _handed_over(names, node, params, function.name.value)
    if params and params[0] is node:
        return frozenset([LocalInstance(Local(names.path, of))])
    if function.name.value == "__init__":
        return _handed_over(names, node, params[1:], of.name.value)
    return frozenset()


def _handed_over(
    names: "ModuleNames",
    node: cst.Param,
    params: list[cst.Param],
    function: str,
) -> Values:
    found: Values = frozenset()
    for call in names.syntax.calls.get(function, ()):
        positional = params
        for argument in call.args:
            if argument.star:
                break
            if argument.keyword is not None:
                if argument.keyword.value == node.name.value:
                    found |= names.values(argument.value)
            elif positional:
                if positional[0] is node:
                    found |= names.values(argument.value)
                positional = positional[1:]
    return found
