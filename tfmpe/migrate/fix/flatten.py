"""Step 2: flat dictionaries become Tokens, where every use is known."""

from .emit import change_of
from .legacy_uses import LegacyUse, legacy_uses
from .module import Module
from .new_names import Namer, imported_from_tfmpe, numpy_name
from .plans import Plan, plan_uses
from .reads import Value
from .result import Findings, Remark
from .sides import SIDES
from .sites import read_combine, read_flatten
from .text import overlaps

__all__ = ["find_flattened"]

_DYNAMIC = frozenset({"eval", "exec", "globals", "locals", "vars"})


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
    plans: list[Plan] = []
    readers = {"flatten_structured": read_flatten, "combine_data": read_combine}
    for use in uses:
        reader = readers.get(use.entry.name)
        if reader is None:
            continue
        site = reader(module, use)
        if isinstance(site, str):
            _remark(module, use, site, found)
            continue
        tokens = namer.tokens_for(site.flat, site.scope)
        views = {
            side: namer.free(f"{tokens}_{side}", site.scope) for side in SIDES
        }
        plans.append(Plan(Value(site, tokens, views, jnp)))
    _refuse_all(module, plans, jnp)
    calls = {id(use.call): use for use in uses if use.call is not None}
    for plan in plans:
        if not plan.why:
            plan.why = plan_uses(module, plan, plans, calls)
    _refuse_dependants(plans)
    for plan in plans:
        if plan.why:
            _remark(module, plan.site.found, plan.why, found)
    for group in _groups([plan for plan in plans if not plan.why]):
        change = change_of(module, group)
        if not overlaps(change.spans):
            found.changes.append(change)
            continue
        for plan in group:
            why = "one of its uses is within another that is rewritten"
            _remark(module, plan.site.found, why, found)
    return found


def _remark(module: Module, use: LegacyUse, why: str, found: Findings) -> None:
    start = module.span(use.node)[0]
    found.remarks.append(Remark(start, use.entry.code, why))


def _refuse_all(module: Module, plans: list[Plan], jnp: str) -> None:
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


def _refuse_dependants(plans: list[Plan]) -> None:
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


def _groups(plans: list[Plan]) -> list[list[Plan]]:
    """Put together what has to be rewritten together, in written order."""
    groups: list[list[Plan]] = []
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
