"""What becomes of every use of one flat dictionary."""

from dataclasses import dataclass, field

import libcst as cst
from libcst import metadata

from .arguments import bind
from .decoding import decoded
from .legacy_uses import LegacyUse
from .module import Module, Use
from .reads import Read, Value, read_path
from .result import Part, Span
from .sites import Site, uses_of_site
from .wrapping import COLUMNS, wrapped

__all__ = ["Plan", "plan_uses"]


@dataclass(eq=False)
class Plan:
    """What becomes of one value.

    Attributes
    ----------
    value : Value
    spans : list of Span
    parts : list of Part
    needs : set of Plan
        Those that can be carried out only together with this one.
    operands : list of Plan
        Of a `combine_data`, the plans of its arguments.
    claimed : set of CSTNode
        Expressions that are part of a replaced call.
    why : str
        Why nothing can be done; empty if it can.
    """

    value: Value
    spans: list[Span] = field(default_factory=list)
    parts: list[Part] = field(default_factory=list)
    needs: set["Plan"] = field(default_factory=set)
    operands: list["Plan"] = field(default_factory=list)
    claimed: set[cst.CSTNode] = field(default_factory=set)
    why: str = ""

    @property
    def site(self) -> Site:
        """The call, and what its result is bound to."""
        return self.value.site

    def replace(
        self, module: Module, code: str, node: cst.CSTNode, text: str
    ) -> None:
        """Replace an expression."""
        start, end = module.span(node)
        self.spans.append(Span(start, end, text))
        self.parts.append(Part(code, start, module.source(node), text))


def plan_uses(
    module: Module,
    plan: Plan,
    plans: list[Plan],
    calls: dict[int, LegacyUse],
) -> str:
    """Plan what becomes of every use of a value; or say why it cannot."""
    site = plan.site
    shown = _shown_to_others(module, site)
    if shown:
        return shown
    if site.slices is not None:
        uses = uses_of_site(module, site.slices, site)
        if isinstance(uses, str):
            return uses
        for use in uses:
            why = _plan_slices(module, plan, use, plans, calls)
            if why:
                return why
    uses = uses_of_site(module, site.flat, site)
    if isinstance(uses, str):
        return uses
    for use in uses:
        why = _plan_flat(module, plan, use, plans)
        if why:
            return why
    return _plan_operands(module, plan, plans) if site.operands else ""


def _shown_to_others(module: Module, site: Site) -> str:
    """Say which name of a site other files can take; empty if none."""
    if not isinstance(site.scope, metadata.GlobalScope):
        return ""
    asked = module.names.others.asked_of(module.names.path)
    for name in (site.flat, site.slices):
        if name in asked:
            return f"{name!r} is used in other files"
        if name in (module.names.syntax.exported or ()):
            return f"{name!r} is in __all__"
    return ""


def _plan_flat(module: Module, plan: Plan, use: Use, plans: list[Plan]) -> str:
    read = read_path(module, use, plan.value.flat())
    if isinstance(read, str):
        return read
    if not read.path:
        joined = _joining(module, read.node, plans)
        if joined is None:
            return f"{use.name!r} is used as a whole"
        plan.needs.add(joined)
        return ""
    indent = module.indent(module.span(read.node)[0])
    text = read.text(plan.value.flat(), indent)
    why = _why_not(module, read, text, use.name)
    if text is None or why:
        return why
    if not text.startswith("{"):
        start, end = module.span(read.node)
        after = module.text[end : module.line_end(end)].decode().strip()
        _, column = module.place(start)
        text = wrapped(text, indent, COLUMNS + 1 - column - len(after))
    text = text.replace("\n", module.newline)
    if read.node not in plan.claimed:
        _note_views(plan.value, text)
        plan.replace(module, "T101", read.node, text)
    return ""


def _why_not(module: Module, read: Read, text: str | None, name: str) -> str:
    shown = name + "".join(f"[{part!r}]" for part in read.path)
    if text is None:
        return f"{shown} has no counterpart"
    if text.startswith("{") and not isinstance(
        module.parent(read.node), cst.Arg
    ):
        return f"{shown} is used as a whole"
    return ""


def _plan_slices(
    module: Module,
    plan: Plan,
    use: Use,
    plans: list[Plan],
    calls: dict[int, LegacyUse],
) -> str:
    read = read_path(module, use, plan.value.slices())
    if isinstance(read, str):
        return read
    text = read.text(plan.value.slices())
    why = _why_not(module, read, text, use.name)
    if text is None or why:
        return why
    argument = module.parent(read.node)
    call = calls.get(id(module.parent(argument)))
    if (
        read.path
        and isinstance(argument, cst.Arg)
        and call is not None
        and call.entry.name == "decode_theta"
        and _plan_decode(module, plan, plans, call, argument, read.path[0])
    ):
        return ""
    _note_views(plan.value, text)
    plan.replace(module, "T101", read.node, text)
    return ""


def _plan_decode(
    module: Module,
    plan: Plan,
    plans: list[Plan],
    call: LegacyUse,
    argument: cst.Arg,
    side: str,
) -> bool:
    """Plan ``view.decode``; False if slices alone are replaced."""
    assert call.call is not None
    bound = bind(call.call, call.entry.parameters) or {}
    if bound.get("theta_slices") is not argument or "theta" not in bound:
        return False
    array = bound["theta"].value
    read = _read_of(module, array, plan)
    text = own = None
    if read is not None:
        text = read.text(plan.value.flat())
        if text is None:
            return False
        own = array if read.path == ("data", side) else None
    elif _names_in(module, array) & {each.site.flat for each in plans}:
        # Replaced where it is read; the slices are replaced alone.
        return False
    view = plan.value.views[side]
    one_axis = plan.site.sample_ndims == 1
    code = decoded(module, call, view, own, text, one_axis)
    if code is None:
        return False
    plan.claimed.add(array)
    _note_views(plan.value, code)
    plan.replace(module, "T102", call.call, code)
    return True


def _read_of(module: Module, node: cst.CSTNode, plan: Plan) -> Read | None:
    """Return what an expression reads of a value, if it does just that."""
    uses = uses_of_site(module, plan.site.flat, plan.site)
    for use in () if isinstance(uses, str) else uses:
        read = read_path(module, use, plan.value.flat())
        if isinstance(read, Read) and read.node is node:
            return read
    return None


def _names_in(module: Module, node: cst.CSTNode) -> set[str]:
    start, end = module.span(node)
    return {
        use.name
        for use in module.uses
        if start <= module.span(use.node)[0] < end
    }


def _note_views(value: Value, text: str) -> None:
    value.used |= {s for s, view in value.views.items() if view in text}


def _joining(
    module: Module, node: cst.CSTNode, plans: list[Plan]
) -> Plan | None:
    """Return the plan of the `combine_data` that a name is an argument of."""
    call = module.parent(module.parent(node))
    for plan in plans:
        if plan.site.operands and plan.site.found.call is call:
            return plan
    return None


def _plan_operands(module: Module, plan: Plan, plans: list[Plan]) -> str:
    """Replace the arguments of a `combine_data` by the Tokens they become."""
    call = plan.site.found.call
    assert call is not None
    for arg, name in zip(call.args, plan.site.operands, strict=True):
        owner = _owner(module, arg.value, name, plans)
        if owner is None:
            return f"{name!r} does not become Tokens"
        plan.needs.add(owner)
        plan.operands.append(owner)
        plan.spans.append(Span(*module.span(arg.value), owner.value.tokens))
    return ""


def _owner(
    module: Module, node: cst.CSTNode, name: str, plans: list[Plan]
) -> Plan | None:
    for plan in plans:
        if plan.site.flat == name:
            uses = uses_of_site(module, name, plan.site)
            if not isinstance(uses, str) and any(u.node is node for u in uses):
                return plan
    return None
