"""Step 2: what is left of the legacy names, and why."""

from .legacy_uses import legacy_uses
from .module import Module
from .result import Findings, Options, Remark, safety_of

__all__ = ["find_remaining"]


def find_remaining(
    module: Module, proposed: Findings, options: Options
) -> list[Remark]:
    """Return what still uses legacy names after everything was rewritten.

    Parameters
    ----------
    module : Module
    proposed : Findings
        What could be rewritten, but was not.
    options : Options
    """
    remarks = list(proposed.remarks)
    waiting: set[tuple[int, str]] = set()
    for change in proposed.changes:
        for part in change.parts:
            waiting.add((part.start, part.code))
            if not options.unsafe and options.wants(*change.codes):
                why = "can be rewritten with --unsafe-fixes"
                remarks.append(
                    Remark(part.start, part.code, why, False, change.note)
                )
    said = {(module.statement_start(each.start), each.code) for each in remarks}
    for found in legacy_uses(module):
        entry = found.entry
        start = module.span(found.node)[0]
        statement = module.statement_start(start)
        # Its uses say what there is to do, once they are found.
        if (statement, entry.code) in said or entry.kind == "method":
            continue
        how = "" if safety_of(entry.code) == "manual" else "by hand: "
        remarks.append(
            Remark(
                start, entry.code, f"{how}{entry.name} becomes {entry.becomes}"
            )
        )
        said.add((statement, entry.code))
    return remarks
