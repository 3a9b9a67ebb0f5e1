"""Step 2: what is left of the legacy names, and why."""

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
    """Return what still uses legacy names after everything was rewritten.

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
            remarks += [
                Remark(part.start, part.code, why, False, change.note)
                for part in change.parts
            ]
    said = {(module.statement_start(each.start), each.code) for each in remarks}
    for node, code, why in _uses(module):
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
        # Imports are of step 1; what to do about the objects of a class is
        # said where they are made.
        if entry is None or entry.kind == "method" or code != entry.code:
            continue
        alias = module.parent(node)
        if isinstance(alias, cst.ImportAlias):
            # Of a use in another file, nothing is to be done here before.
            shown = alias.evaluated_alias or alias.evaluated_name
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
