"""Whether numbers changed: by function, by array, difference by difference."""

from collections.abc import Iterable, Iterator, Sequence

from msgspec.structs import replace

from tfmpe.migrate.records.checks import Verify
from tfmpe.migrate.records.parity import ArrayParity, Tally
from tfmpe.migrate.records.runs import Shadow

from .file_names import FileNames
from .gather import Source, only
from .sites import short_name
from .views import AT_RUN_TIME, RECORDED, DifferenceAt, FunctionParity

__all__ = ["differences_of", "parity_of"]


def parity_of(sources: Sequence[Source]) -> list[FunctionParity]:
    """Return one entry per function and kind of evidence, worst first."""
    found: dict[tuple[str, str], FunctionParity] = {}
    for each in _entries(sources):
        key = each.function, each.evidence
        found[key] = _both(found[key], each) if key in found else each
    return sorted(
        (replace(p, arrays=_by_path(p.arrays)) for p in found.values()),
        key=lambda p: (*_worst_first(p.tally), p.function, p.evidence),
    )


def _entries(sources: Sequence[Source]) -> Iterator[FunctionParity]:
    for shadow in only(sources, Shadow):
        for call in shadow.calls:
            yield FunctionParity(
                short_name(call.function),
                AT_RUN_TIME,
                call.calls,
                call.tally,
                call.arrays,
            )
    for verify in only(sources, Verify):
        for row in verify.rows:
            yield FunctionParity(
                short_name(row.function),
                RECORDED,
                row.tally.compared,
                row.tally,
                row.arrays,
            )


def _both(one: FunctionParity, other: FunctionParity) -> FunctionParity:
    return replace(
        one,
        calls=one.calls + other.calls,
        tally=one.tally + other.tally,
        arrays=one.arrays + other.arrays,
    )


def _by_path(arrays: Iterable[ArrayParity]) -> tuple[ArrayParity, ...]:
    tallies: dict[str, Tally] = {}
    for each in arrays:
        tallies[each.path] = tallies.get(each.path, Tally()) + each.tally
    found = [ArrayParity(path, tally) for path, tally in tallies.items()]
    return tuple(sorted(found, key=lambda each: _worst_first(each.tally)))


def _worst_first(tally: Tally) -> tuple[int, int]:
    return -tally.different, -tally.within_tolerance


def differences_of(
    sources: Sequence[Source], names: FileNames
) -> list[DifferenceAt]:
    """Return all differences, those beyond a tolerance first."""
    found = [
        DifferenceAt(
            short_name(each.function),
            AT_RUN_TIME,
            f"{names.at(each.place)}, call {each.call}",
            each.difference,
            each.layer,
            each.masks,
        )
        for shadow in only(sources, Shadow)
        for each in shadow.differences
    ]
    found += [
        DifferenceAt(
            short_name(row.function),
            RECORDED,
            f"{row.example}, {each.case}",
            each.difference,
        )
        for verify in only(sources, Verify)
        for row in verify.rows
        for each in row.differences
    ]
    return sorted(found, key=lambda d: (d.difference.tolerated, d.function))
