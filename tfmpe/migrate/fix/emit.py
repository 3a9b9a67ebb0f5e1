"""From plans to the spans that are replaced."""

from collections.abc import Sequence

from .module import Module
from .plans import Plan
from .result import Change, Part, Span

__all__ = ["change_of"]

_NOTE = (
    "both sides must have the same samples; rules may name existing keys only, "
    "so that a stage of fewer keys needs rules of its own; all values get one "
    "dtype; cross_local opens every matching pair (L9); an index given once "
    "has a row for every sample, and rows for keys without one (L2)"
)
_JOIN_NOTE = (
    "tokens are padded key by key, so that the order of tokens differs where "
    "event shapes do"
)


def change_of(module: Module, group: Sequence[Plan]) -> Change:
    """Return the change that carries out plans which depend on one another.

    Parameters
    ----------
    module : Module
    group : sequence of Plan

    Returns
    -------
    Change
    """
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


def _statement_spans(module: Module, plan: Plan) -> list[Span]:
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
