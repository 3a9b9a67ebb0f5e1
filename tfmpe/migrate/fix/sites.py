"""Calls whose results may become Tokens: what is read of each."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import libcst as cst
import libcst.matchers as m
from libcst import metadata

from .arguments import bind
from .legacy_uses import LegacyUse
from .module import Module, Use
from .result import Span
from .sides import Sides, read_sides

__all__ = ["Site", "read_combine", "read_flatten", "uses_of_site"]


@dataclass(eq=False)
class Site:
    """One assignment of the result of a legacy call.

    Attributes
    ----------
    found : LegacyUse
    statement : SimpleStatementLine
    target : CSTNode
        What is assigned to.
    flat, slices : str or None
        The names that are bound.
    scope : Scope
    spans : list of Span
        Turn the arguments.
    sides : Sides or None
        None of a `combine_data`.
    sample_ndims : int
    has_index, has_shapes, has_rules : bool
        Which optional arguments there are.
    operands : tuple of str
        The names that a `combine_data` joins.
    why : str
        Why it cannot become Tokens; empty if it can.
    """

    found: LegacyUse
    statement: cst.SimpleStatementLine
    target: cst.CSTNode
    flat: str
    slices: str | None
    scope: metadata.Scope
    spans: list[Span] = field(default_factory=list)
    sides: Sides | None = None
    sample_ndims: int = 1
    has_index: bool = False
    has_shapes: bool = False
    has_rules: bool = False
    operands: tuple[str, ...] = ()
    why: str = ""


def read_flatten(module: Module, found: LegacyUse) -> Site | str:
    """Read ``flat, slices = flatten_structured(...)``; or say why not."""
    if found.call is None:
        return "flatten_structured is used without being called"
    target = _target(module, found.call)
    names = _two_names(target)
    if target is None or names is None:
        return "its result is not taken apart into two names"
    if not _has_a_line_of_its_own(module, found.call):
        return "its line holds other statements"
    statement = module.statement(found.call)
    assert isinstance(statement, cst.SimpleStatementLine)
    site = Site(found, statement, target, *names, module.scope_of(statement))
    bound = bind(found.call, found.entry.parameters)
    if bound is None or "data" not in bound:
        return "its arguments cannot be told apart"
    why = _read_arguments(module, found.call, bound, site)
    return why or site


def read_combine(module: Module, found: LegacyUse) -> Site | str:
    """Read ``joined = combine_data(flat_a, flat_b)``; or say why not."""
    if found.call is None:
        return "combine_data is used without being called"
    target = _target(module, found.call)
    if not isinstance(target, cst.Name):
        return "its result is not given a name"
    if not _has_a_line_of_its_own(module, found.call):
        return "its line holds other statements"
    bound = bind(found.call, found.entry.parameters)
    if bound is None or set(bound) != {"x", "y"}:
        return "Tokens are padded with PAD_VALUE, and it has another argument"
    operands = [bound["x"].value, bound["y"].value]
    names = [each.value for each in operands if isinstance(each, cst.Name)]
    if len(names) != 2:
        return "its arguments are no names"
    statement = module.statement(found.call)
    assert isinstance(statement, cst.SimpleStatementLine)
    scope = module.scope_of(statement)
    spans = [
        Span(*module.span(arg.keyword), "")
        for arg in bound.values()
        if arg.keyword is not None
    ]
    if spans:
        return "its arguments are given by keyword"
    return Site(
        found,
        statement,
        target,
        target.value,
        None,
        scope,
        operands=tuple(names),
    )


def _target(module: Module, call: cst.Call) -> cst.CSTNode | None:
    """Return what the result of a call is assigned to, and nothing else."""
    assign = module.parent(call)
    if not isinstance(assign, cst.Assign) or len(assign.targets) != 1:
        return None
    return assign.targets[0].target


def _has_a_line_of_its_own(module: Module, call: cst.Call) -> bool:
    line = module.parent(module.parent(call))
    return isinstance(line, cst.SimpleStatementLine) and len(line.body) == 1


def _two_names(target: cst.CSTNode | None) -> tuple[str, str] | None:
    if not isinstance(target, cst.Tuple) or len(target.elements) != 2:
        return None
    names = [
        each.value.value
        for each in target.elements
        if isinstance(each, cst.Element) and isinstance(each.value, cst.Name)
    ]
    return (names[0], names[1]) if len(set(names)) == 2 else None


def _read_arguments(
    module: Module,
    call: cst.Call,
    bound: Mapping[str, cst.Arg],
    site: Site,
) -> str:
    """Turn the arguments into those of from_pytree; or say why not."""
    renamed = {
        "data": "data",
        "data_sample_ndims": "sample_ndims",
        "data_batch_ndims": "batch_ndims",
        "index": "functional_inputs",
        "event_shapes": "event_shapes",
        "independence": "independence",
    }
    for name, arg in bound.items():
        if name == "pad_value":
            return "Tokens are padded with PAD_VALUE, and it has pad_value="
        if arg.keyword is not None:
            if renamed[name] != name:
                place = module.span(arg.keyword)
                site.spans.append(Span(*place, renamed[name]))
        elif name != "data":
            start = module.span(arg)[0]
            site.spans.append(Span(start, start, f"{renamed[name]}="))
        given = not m.matches(arg.value, m.Name("None"))
        if name in ("data", "data_batch_ndims", "event_shapes") and given:
            sides = read_sides(module, arg.value)
            if isinstance(sides, str):
                return sides
            site.spans += sides.spans
            if name == "data":
                site.sides = sides
        if name == "data_sample_ndims":
            if not isinstance(arg.value, cst.Integer):
                return "the number of sample axes is not written out"
            site.sample_ndims = arg.value.evaluated_value
            if not site.sample_ndims:
                return "there is no sample axis"
    site.has_index = "index" in bound
    site.has_shapes = "event_shapes" in bound
    site.has_rules = "independence" in bound
    if not site.has_rules:
        end = module.span(bound["data"])[1]
        site.spans.append(Span(end, end, ", independence={}"))
        if call.args[0] is not bound["data"]:
            return "its data are not the first argument"
    return ""


def uses_of_site(module: Module, name: str, site: Site) -> list[Use] | str:
    """Return the uses of a name that a site binds; or say why not.

    Where the name is bound several times, each binding has the uses up to
    the next, which is right in one block without branches alone.
    """
    own = [
        binding
        for binding in module.bindings(name, site.scope)
        if binding.scope is site.scope
    ]
    if not own:
        return f"{name!r} is bound in another scope"
    if isinstance(site.scope, metadata.ClassScope):
        return f"{name!r} is an attribute of a class"
    uses = module.uses_of(name, site.scope)
    start, end = module.span(site.statement)
    if len(own) == 1:
        early = [u for u in uses if module.span(u.node)[0] < start]
        if any(u.scope is site.scope for u in early):
            return f"{name!r} is used above"
        return uses
    block = module.parent(site.statement)
    ends = []
    for binding in own:
        node = getattr(binding, "node", None)
        if not isinstance(node, cst.CSTNode):
            return f"{name!r} is bound several times"
        statement = module.statement(node)
        if module.parent(statement) is not block or not isinstance(
            statement, cst.SimpleStatementLine
        ):
            return f"{name!r} is bound several times, not all in one block"
        ends.append(module.span(statement)[1])
    if any(isinstance(a, cst.Try) for a in module.ancestors(site.statement)):
        return f"{name!r} is bound several times where errors are caught"
    if any(_is_deferred(use.scope, site.scope) for use in uses):
        return f"{name!r} is bound several times and used in a function"
    first = min(ends)
    if any(module.span(use.node)[0] < first for use in uses):
        return f"{name!r} is used above"
    following = min((each for each in ends if each > end), default=None)
    return [
        use
        for use in uses
        if end <= module.span(use.node)[0]
        and (following is None or module.span(use.node)[0] < following)
    ]


def _is_deferred(scope: metadata.Scope, outer: metadata.Scope) -> bool:
    return scope is not outer and not isinstance(
        scope, metadata.ComprehensionScope
    )
