"""Whether data may have changed between two places of a module.

Only what is in sight is seen: a call whose result is used is taken for one
that changes nothing, a call whose result is dropped for one that does.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import libcst as cst
import libcst.matchers as m
from libcst import metadata

from .module import Module, Use
from .reads import is_written

__all__ = ["MUTATING", "Kept", "is_disturbed", "kept_at"]

MUTATING = frozenset({"clear", "pop", "popitem", "setdefault", "update"})
# Of an array, what is no view of it.
_NUMBER = m.Name("shape") | m.Name("ndim") | m.Name("size") | m.Name("dtype")
_LOOPS = (cst.For, cst.While)
_DISPLAYS = (
    cst.Element,
    cst.Tuple,
    cst.List,
    cst.Set,
    cst.DictElement,
    cst.Dict,
)
_ASSIGNING = (cst.Assign, cst.AnnAssign, cst.NamedExpr)
# What a dropped result may be part of, and be dropped with.
_PASSING_ON = (
    *_DISPLAYS,
    cst.Await,
    cst.IfExp,
    cst.BooleanOperation,
    cst.ListComp,
    cst.SetComp,
)


@dataclass(frozen=True)
class Kept:
    """Where data are kept.

    Attributes
    ----------
    name : str
        What the expression begins with.
    home : Scope
        That the name is bound in.
    path : str
        The name with the attributes that follow it.
    """

    name: str
    home: metadata.Scope
    path: str


def kept_at(module: Module, node: cst.BaseExpression) -> Iterator[Kept]:
    """Yield where an expression takes its value from, as it is written."""
    path = node
    while isinstance(node, cst.Attribute | cst.Subscript):
        if isinstance(node, cst.Subscript):
            path = node.value
            for name in m.findall(node.slice[0], m.Name()):
                assert isinstance(name, cst.Name)
                yield from kept_at(module, name)
        node = node.value
    if isinstance(node, cst.Name):
        scope = module.scope_of(node)
        for home in module.bound_in(node.value, scope):
            yield Kept(node.value, home, module.source(path))
    elif isinstance(node, cst.Tuple | cst.List | cst.Set | cst.Dict):
        for each in node.elements:
            if not isinstance(each, cst.StarredDictElement):
                yield from kept_at(module, each.value)
    elif isinstance(node, cst.IfExp):
        yield from kept_at(module, node.body)
        yield from kept_at(module, node.orelse)
    elif isinstance(node, cst.BooleanOperation):
        yield from kept_at(module, node.left)
        yield from kept_at(module, node.right)


def is_disturbed(
    module: Module,
    data: Iterable[Kept],
    first: cst.CSTNode,
    last: cst.CSTNode,
) -> bool:
    """Whether data may change between a statement and a place below it.

    Parameters
    ----------
    module : Module
    data : iterable of Kept
    first : CSTNode
        The statement; its block holds the place, too.
    last : CSTNode

    Returns
    -------
    bool
    """
    scope = module.scope_of(first)
    start, end = module.span(first)[1], module.span(last)[0]
    block = module.parent(first)
    for outer in module.ancestors(last):
        if outer is block:
            break
        if isinstance(outer, _LOOPS):
            # What stands below the place comes before it the next time.
            end = module.span(outer)[1]
    own = list(dict.fromkeys(data))
    for kept in _with_aliases(module, own):
        if any(
            start <= module.span(node)[0] < end or module.scope_of(node) != home
            for node, home in _rebound(module, kept, kept in own)
        ):
            return True
        for use in module.uses_of(kept.name, kept.home):
            within = _runs_within(use.scope, scope)
            place = module.span(use.node)[0]
            if within is None or (within and not start <= place < end):
                continue
            if _disturbs(module, use, kept):
                return True
    return False


def _rebound(
    module: Module, kept: Kept, own: bool
) -> Iterator[tuple[cst.CSTNode, metadata.Scope]]:
    """Yield where a name is given another value, or an alias changes its."""
    for binding in module.bindings(kept.name, kept.home):
        node = getattr(binding, "node", None)
        if isinstance(node, cst.Name) and (
            own or isinstance(module.parent(node), cst.AugAssign)
        ):
            yield node, binding.scope


def _runs_within(scope: metadata.Scope, own: metadata.Scope) -> bool | None:
    """Whether a scope runs in the order of the text of another.

    None if it stands still meanwhile; False if it may run at any time.
    """
    while isinstance(scope, metadata.ComprehensionScope):
        scope = scope.parent
    if scope is own:
        return True
    outer = own
    while outer is not outer.parent:
        outer = outer.parent
        if outer is scope:
            return None
    return False


def _with_aliases(module: Module, data: Iterable[Kept]) -> list[Kept]:
    """Add the other names under which the same data are known."""
    found = list(data)
    for kept in found:
        others: list[Kept] = []
        for binding in module.bindings(kept.name, kept.home):
            value = _assigned(module, getattr(binding, "node", None))
            if value is not None:
                others += kept_at(module, value)
        for use in module.uses_of(kept.name, kept.home):
            others += _aliases(module, use, kept)
        found += [x for x in dict.fromkeys(others) if x not in found]
    return found


def _assigned(module: Module, node: object) -> cst.BaseExpression | None:
    """Return what a name is assigned, or what it is taken out of."""
    if not isinstance(node, cst.Name):
        return None
    outer = module.parent(node)
    while isinstance(outer, cst.Element | cst.Tuple | cst.List):
        outer = module.parent(outer)
    if isinstance(outer, cst.AssignTarget):
        outer = module.parent(outer)
    if isinstance(outer, _ASSIGNING):
        return outer.value
    return None


def _aliases(module: Module, use: Use, kept: Kept) -> Iterator[Kept]:
    """Yield the names that the data are given at a use."""
    chain = _chain(module, use.node)
    about = _is_about(module, chain, kept)
    if not about or m.findall(chain, m.Attribute(attr=_NUMBER)):
        return
    top, parent = _carried(module, chain)
    if isinstance(parent, _ASSIGNING) and parent.value is top:
        for target in _targets(parent):
            yield from kept_at(module, target)


def _targets(
    assign: cst.Assign | cst.AnnAssign | cst.NamedExpr,
) -> list[cst.BaseExpression]:
    if isinstance(assign, cst.Assign):
        return [each.target for each in assign.targets]
    return [assign.target]


def _chain(module: Module, node: cst.CSTNode) -> cst.CSTNode:
    """Return the longest ``name.a["b"]`` that begins with a name."""
    parent = module.parent(node)
    while (
        isinstance(parent, cst.Attribute | cst.Subscript)
        and parent.value is node
    ):
        node, parent = parent, module.parent(parent)
    return node


def _carried(
    module: Module, node: cst.CSTNode
) -> tuple[cst.CSTNode, cst.CSTNode]:
    """Follow a value out of displays; return it and what it is part of."""
    parent = module.parent(node)
    while isinstance(parent, _DISPLAYS) or (
        isinstance(parent, cst.IfExp | cst.BooleanOperation)
        and node is not getattr(parent, "test", None)
    ):
        node, parent = parent, module.parent(parent)
    return node, parent


def _is_about(module: Module, chain: cst.CSTNode, kept: Kept) -> bool:
    """Whether a chain of attributes may lead to the data."""
    links = [chain]
    while isinstance(links[-1], cst.Attribute | cst.Subscript):
        links.append(links[-1].value)
    path = links.pop()
    while links and isinstance(links[-1], cst.Attribute):
        path = links.pop()
    one, other = f"{module.source(path)}.", f"{kept.path}."
    return one.startswith(other) or other.startswith(one)


def _disturbs(module: Module, use: Use, kept: Kept) -> bool:
    """Whether a use may change the data, or hide who changes them."""
    chain = _chain(module, use.node)
    parent = module.parent(chain)
    if is_written(module, chain):
        return _is_about(module, chain, kept)
    if isinstance(parent, cst.Call) and parent.func is chain:
        return _is_changing_call(module, parent, chain, kept)
    top, parent = _carried(module, chain)
    if isinstance(parent, cst.Arg):
        call = module.parent(parent)
        return (
            isinstance(call, cst.Call)
            and not _is_print(module, call)
            and _is_dropped(module, call)
        )
    if isinstance(parent, _ASSIGNING) and parent.value is top:
        whole = module.source(chain) == kept.path
        # An alias is followed; what is put into something else cannot be.
        names = all(isinstance(x, cst.Name) for x in _targets(parent))
        return whole and (top is chain or not names)
    # Whoever goes through a display of data has them in hand.
    return isinstance(parent, cst.For | cst.CompFor) and top is not chain


def _is_changing_call(
    module: Module, call: cst.Call, chain: cst.CSTNode, kept: Kept
) -> bool:
    """Whether ``data.method()`` may change the data."""
    if not isinstance(chain, cst.Attribute):
        return _is_dropped(module, call)
    if chain.attr.value in MUTATING:
        return _is_about(module, chain.value, kept)
    # A method of the object that keeps the data needs no argument for it.
    is_keeper = kept.path.startswith(module.source(chain.value) + ".")
    return is_keeper or _is_dropped(module, call)


def _is_print(module: Module, call: cst.Call) -> bool:
    return m.matches(call.func, m.Name("print")) and not module.bindings(
        "print", module.scope_of(call)
    )


def _is_dropped(module: Module, node: cst.CSTNode) -> bool:
    """Whether nothing is done with the result of a call."""
    parent = module.parent(node)
    while isinstance(parent, _PASSING_ON):
        node, parent = parent, module.parent(parent)
    if isinstance(parent, cst.Assign):
        return all(m.matches(x.target, m.Name("_")) for x in parent.targets)
    return isinstance(parent, cst.Expr | cst.WithItem)
