"""What is left of the legacy names, and why."""

from collections.abc import Iterator, Sequence

import libcst as cst

from tfmpe.migrate.names.known import entry_of
from tfmpe.migrate.uses import find_uses

from .module import Module
from .result import Findings, Options, Remark, safety_of

__all__ = ["find_remaining"]


def find_remaining(
    module: Module, proposed: Sequence[Findings], options: Options
) -> list[Remark]:
    """Return what could not be rewritten or, for Tokens, still is legacy.

    Parameters
    ----------
    module : Module
    proposed : sequence of Findings
        What could be rewritten, but was not.
    options : Options
    """
    remarks = [remark for each in proposed for remark in each.remarks]
    for change in (each for found in proposed for each in found.changes):
        if not options.unsafe and options.wants(*change.codes):
            why = "can be rewritten with --unsafe-fixes"
            # The reads of a value go with the call that it comes from.
            first = {part.code: part for part in reversed(change.parts)}
            remarks += [
                Remark(part.start, part.code, why, False, change.note)
                for part in first.values()
            ]
    said = {(module.statement_start(each.start), each.code) for each in remarks}
    for node, code, why in _uses(module) if options.to == "tokens" else ():
        start = module.span(node)[0]
        statement = module.statement_start(start)
        if (statement, code) not in said:
            said.add((statement, code))
            remarks.append(Remark(start, code, why))
    return remarks


def _uses(module: Module) -> Iterator[tuple[cst.CSTNode, str, str]]:
    """Yield all that may be a legacy name, as the scanner finds it."""
    asked = module.names.others.asked_of(module.names.path)
    for node, code, name, _ in find_uses(module.names):
        entry = entry_of(name) if name is not None else None
        if entry is None or code != entry.code:
            continue
        parent = module.parent(node)
        if entry.kind == "method":
            # What to do about an object is said where it is made.
            if code in ("T202", "T203") and _has_positions(parent, node):
                yield node, code, "by hand: name its arguments"
            continue
        if isinstance(parent, cst.ImportAlias):
            # Of a use in another file, nothing is to be done here before.
            shown = parent.evaluated_alias or parent.evaluated_name
            if shown not in asked:
                continue
            why = (
                f"{entry.name} is imported for other files: drop it once "
                "they do without it"
            )
        elif safety_of(code) == "manual":
            why = f"{entry.name} becomes {entry.becomes}"
        else:
            why = f"by hand: {entry.name} becomes {entry.becomes}"
        yield node, code, why


def _has_positions(call: cst.CSTNode, function: cst.CSTNode) -> bool:
    return (
        isinstance(call, cst.Call)
        and call.func is function
        and any(arg.keyword is None for arg in call.args)
    )
