"""Step 2: flat dictionaries become Tokens, where every use is known."""

from dataclasses import dataclass, field

import libcst as cst

from .decoding import decoded
from .legacy_uses import LegacyUse, bind, legacy_uses
from .module import Module, Use
from .names import Namer, imported_from_tfmpe, numpy_name
from .reads import Read, Value, read_path
from .result import Change, Findings, Part, Remark, Span
from .sites import Site, read_combine, read_flatten, uses_of_site

__all__ = ["find_flattened"]

_DYNAMIC = frozenset({"eval", "exec", "globals", "locals", "vars"})
_NOTE = (
    "both sides must have the same samples, and rules may name existing keys "
    "only; cross_local opens every matching pair (L9); an index given once "
    "has a row for every sample"
)
_JOIN_NOTE = (
    "tokens are padded key by key, so that the order of tokens differs where "
    "event shapes do"
)


@dataclass(eq=False)
class _Plan:
    """What becomes of one value."""

    value: Value
    spans: list[Span] = field(default_factory=list)
    parts: list[Part] = field(default_factory=list)
    needs: set["_Plan"] = field(default_factory=set)
    operands: list["_Plan"] = field(default_factory=list)
    claimed: set[cst.CSTNode] = field(default_factory=set)
    why: str = ""

    @property
    def site(self) -> Site:
        return self.value.site

    def replace(
        self, module: Module, code: str, node: cst.CSTNode, text: str
    ) -> None:
        """Replace an expression."""
        start, end = module.span(node)
        self.spans.append(Span(start, end, text))
        self.parts.append(Part(code, start, module.source(node), text))


def find_flattened(module: Module) -> Findings:
    """Propose Tokens in place of flat dictionaries.

    Parameters
    ----------
    module : Module

    Returns
    -------
    Findings
        One change for each set of calls whose results flow only into one
        another and into known uses; remarks on the others.
    """
    found = Findings()
    uses = legacy_uses(module)
    namer, jnp = Namer(module), numpy_name(module) or ""
    plans: list[_Plan] = []
    readers = {"flatten_structured": read_flatten, "combine_data": read_combine}
    for use in uses:
        reader = readers.get(use.entry.name)
        if reader is None:
            continue
        site = reader(module, use)
        if isinstance(site, str):
            _remark(module, use, site, found)
            continue
        tokens = namer.tokens_for(site.flat)
        views = {s: namer.free(f"{tokens}_{s}") for s in ("theta", "y")}
        plans.append(_Plan(Value(site, tokens, views, jnp)))
    _refuse_all(module, plans, jnp)
    calls = {id(use.call): use for use in uses if use.call is not None}
    for plan in plans:
        if not plan.why:
            plan.why = _plan_uses(module, plan, plans, calls)
    _refuse_dependants(plans)
    for plan in plans:
        if plan.why:
            _remark(module, plan.site.found, plan.why, found)
    for group in _groups([plan for plan in plans if not plan.why]):
        found.changes.append(_change(module, group))
    return found


def _remark(module: Module, use: LegacyUse, why: str, found: Findings) -> None:
    start = module.span(use.node)[0]
    found.remarks.append(Remark(start, use.entry.code, why))


def _refuse_all(module: Module, plans: list[_Plan], jnp: str) -> None:
    """Refuse everything where names could not be followed or given."""
    dynamic = sorted(
        use.name
        for use in module.uses
        if use.name in _DYNAMIC and not module.bindings(use.name, use.scope)
    )
    taken = [
        name
        for name in ("Tokens", "concatenate_tokens")
        if imported_from_tfmpe(module, name) is None
    ]
    why = ""
    if dynamic:
        why = f"{dynamic[0]}() may read it by name"
    elif taken:
        why = f"the name {taken[0]} means something else here"
    elif not jnp:
        why = "the name jnp means something else here"
    for plan in plans:
        plan.why = why


def _plan_uses(
    module: Module,
    plan: _Plan,
    plans: list[_Plan],
    calls: dict[int, LegacyUse],
) -> str:
    """Plan what becomes of every use of a value; or say why it cannot."""
    site = plan.site
    if site.slices is not None:
        uses = uses_of_site(module, site.slices, site)
        if isinstance(uses, str):
            return uses
        for use in uses:
            why = _plan_slices(module, plan, use, calls)
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


def _plan_flat(
    module: Module, plan: _Plan, use: Use, plans: list[_Plan]
) -> str:
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
    plan: _Plan,
    use: Use,
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
        and _plan_decode(module, plan, call, argument, read.path[0])
    ):
        return ""
    _note_views(plan.value, text)
    plan.replace(module, "T101", read.node, text)
    return ""


def _plan_decode(
    module: Module,
    plan: _Plan,
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
    elif _names_in(module, array) & {plan.site.flat}:
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


def _read_of(module: Module, node: cst.CSTNode, plan: _Plan) -> Read | None:
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
    module: Module, node: cst.CSTNode, plans: list[_Plan]
) -> _Plan | None:
    """Return the plan of the `combine_data` that a name is an argument of."""
    call = module.parent(module.parent(node))
    for plan in plans:
        if plan.site.operands and plan.site.found.call is call:
            return plan
    return None


def _plan_operands(module: Module, plan: _Plan, plans: list[_Plan]) -> str:
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
    module: Module, node: cst.CSTNode, name: str, plans: list[_Plan]
) -> _Plan | None:
    for plan in plans:
        if plan.site.flat == name:
            uses = uses_of_site(module, name, plan.site)
            if not isinstance(uses, str) and any(u.node is node for u in uses):
                return plan
    return None


def _refuse_dependants(plans: list[_Plan]) -> None:
    """Refuse what a refused value flows into or comes from."""
    changed = True
    while changed:
        changed = False
        for plan in plans:
            for other in plan.needs:
                if bool(plan.why) != bool(other.why):
                    late = other if plan.why else plan
                    cause = plan if plan.why else other
                    name = cause.site.flat
                    late.why = f"{name!r} cannot become Tokens: {cause.why}"
                    changed = True


def _groups(plans: list[_Plan]) -> list[list[_Plan]]:
    """Put together what has to be rewritten together, in written order."""
    groups: list[list[_Plan]] = []
    for plan in plans:
        linked = [
            group
            for group in groups
            if any(
                plan in other.needs or other in plan.needs for other in group
            )
        ]
        rest = [group for group in groups if group not in linked]
        groups = [*rest, [*(p for group in linked for p in group), plan]]
    return groups


def _change(module: Module, group: list[_Plan]) -> Change:
    spans: list[Span] = []
    parts: list[Part] = []
    imports: set[str] = set()
    group = sorted(group, key=lambda p: module.span(p.site.statement))
    for plan in reversed(group):
        # The sides of joined Tokens are those of the first operand.
        for operand in plan.operands[:1]:
            operand.value.used |= plan.value.used
    for plan in group:
        own = _statement_spans(module, plan)
        start, end = module.span(plan.site.statement)
        code = plan.site.found.entry.code
        parts.append(
            Part(
                code,
                start,
                module.source(plan.site.statement),
                _after(module, start, end, own),
            )
        )
        parts += plan.parts
        spans += own + [s for s in plan.spans if s not in own]
        imports.add("concatenate_tokens" if plan.site.operands else "Tokens")
        if any(f"{plan.value.jnp}." in span.text for span in plan.spans):
            imports.add("jnp")
    joined = any(plan.site.operands for plan in group)
    note = f"{_NOTE}; {_JOIN_NOTE}" if joined else _NOTE
    return Change(
        tuple(spans),
        tuple(parts),
        "unsafe",
        note,
        frozenset(imports),
        frozenset(plan.value.tokens for plan in group),
    )


def _statement_spans(module: Module, plan: _Plan) -> list[Span]:
    """Return the spans that turn the statement of a site itself."""
    site, value = plan.site, plan.value
    callee = "concatenate_tokens" if site.operands else "Tokens.from_pytree"
    start, end = module.span(site.statement)
    spans = [
        Span(*module.span(site.target), value.tokens),
        Span(*module.span(site.found.node), callee),
        *site.spans,
        *(s for s in plan.spans if start <= s.start and s.end <= end),
    ]
    lines = []
    for side in ("theta", "y"):
        if side not in value.used:
            continue
        if site.operands:
            keys = f"{plan.operands[0].value.views[side]}.key_order"
        else:
            assert site.sides is not None
            keys = site.sides.keys[side]
        lines.append(
            f"{value.views[side]} = {value.tokens}.select_tokens({keys})"
        )
    at = module.line_end(end)
    ended = module.text[:at].endswith((b"\n", b"\r"))
    text = "".join(
        f"{module.indent(start)}{line}{module.newline}" for line in lines
    )
    if lines and not ended:
        text = module.newline + text.removesuffix(module.newline)
    if lines:
        spans.append(Span(at, at, text))
    return spans


def _after(module: Module, start: int, end: int, spans: list[Span]) -> str:
    text, at = "", start
    for span in sorted(spans, key=lambda each: (each.start, each.end)):
        if start <= span.start and span.end <= end:
            text += module.text[at : span.start].decode() + span.text
            at = span.end
    return text + module.text[at:end].decode()
