"""Agreement by function and by array, and the list of differences."""

from collections.abc import Sequence

from tfmpe.migrate.records.checks import Replayed, Verify
from tfmpe.migrate.records.parity import ArrayParity, Tally
from tfmpe.migrate.records.runs import ComparedCalls, Shadow

from .file_names import FileNames
from .gather import Source, only
from .sites import short_name
from .views import AT_RUN_TIME, RECORDED, DifferenceAt, FunctionParity


def parity_of(sources: Sequence[Source]) -> list[FunctionParity]:
    """Return one entry per function and kind of evidence, worst first."""
    rows = [(AT_RUN_TIME, c) for s in only(sources, Shadow) for c in s.calls]
    rows += [(RECORDED, row) for v in only(sources, Verify) for row in v.rows]
    found: dict[tuple[str, str], list[ComparedCalls | Replayed]] = {}
    for evidence, row in rows:
        found.setdefault((short_name(row.function), evidence), []).append(row)
    return sorted(
        (_of_function(*key, of) for key, of in found.items()),
        key=lambda p: (*_worst_first(p.tally), p.function, p.evidence),
    )


def _of_function(
    function: str, evidence: str, rows: list[ComparedCalls | Replayed]
) -> FunctionParity:
    calls, tallies = 0, {}
    for row in rows:
        is_run = isinstance(row, ComparedCalls)
        calls += row.calls if is_run else row.tally.compared
        for each in row.arrays:
            tallies[each.path] = tallies.get(each.path, Tally()) + each.tally
    arrays = [ArrayParity(path, tally) for path, tally in tallies.items()]
    return FunctionParity(
        function,
        evidence,
        calls,
        sum((row.tally for row in rows), Tally()),
        tuple(sorted(arrays, key=lambda each: _worst_first(each.tally))),
    )


def _worst_first(tally: Tally) -> tuple[int, int]:
    return -tally.different, -tally.within_tolerance


def differences_of(
    sources: Sequence[Source], names: FileNames
) -> list[DifferenceAt]:
    """Return all differences, those beyond their tolerance first."""
    found = []
    for shadow in only(sources, Shadow):
        for each in shadow.differences:
            name, call = short_name(each.function), f"call {each.call}"
            where = f"{names.at(each.place)}, {call}"
            more = each.difference, each.layer, each.masks
            found.append(DifferenceAt(name, AT_RUN_TIME, where, *more))
    for row in (row for v in only(sources, Verify) for row in v.rows):
        name = short_name(row.function)
        for each in row.differences:
            where = f"{row.example}, {each.case}"
            found.append(DifferenceAt(name, RECORDED, where, each.difference))
    return sorted(found, key=lambda d: (d.difference.tolerated, d.function))
