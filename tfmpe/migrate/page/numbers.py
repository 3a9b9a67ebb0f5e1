"""What the page says by function: errors, differences, time, defects."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any

from tfmpe.migrate.catalogue import CATALOGUE
from tfmpe.migrate.wording import counted

from .check_inputs import Bench, BenchRow, Replayed, Verify
from .places import FileNames
from .reading import Source
from .run_inputs import Call, Masks, Run, Shadow
from .sites import short_name
from .tally import Tally

__all__ = [
    "Defect",
    "FoundDifference",
    "FunctionParity",
    "Speed",
    "defects_of",
    "differences_of",
    "parity_of",
    "speed_of",
]

AT_RUN_TIME = "at run time"
RECORDED = "recordings"


@dataclass(frozen=True)
class FunctionParity:
    """How well a function agrees with its legacy one.

    Attributes
    ----------
    function : str
    evidence : str
        ``'at run time'`` or ``'recordings'``.
    tally : Tally
    """

    function: str
    evidence: str
    tally: Tally

    def to_json(self) -> dict[str, Any]:
        """Return it as plain objects."""
        named = {"function": self.function, "evidence": self.evidence}
        return named | self.tally.to_json()


@dataclass(frozen=True)
class FoundDifference:
    """One thing that is not equal.

    Attributes
    ----------
    function, evidence, place : str
        What, as of ``FunctionParity``, and where it was called.
    kind, path : str
        What sort of difference, and where in the result.
    stored, found : str
        What the legacy package and the bridge give.
    tolerated : bool
    masks : Masks or None
    """

    function: str
    evidence: str
    place: str
    kind: str
    path: str
    stored: str
    found: str
    tolerated: bool
    masks: Masks | None = None

    def to_json(self) -> dict[str, Any]:
        """Return it as plain objects."""
        masks = self.masks and {"old": self.masks.old, "new": self.masks.new}
        return {**vars(self), "masks": masks}


@dataclass(frozen=True)
class Speed:
    """Old against new in time and memory.

    Attributes
    ----------
    name, about : str
    seconds, bytes : tuple of float or None
        Old, then new.
    """

    name: str
    about: str
    seconds: tuple[float, float] | None
    bytes: tuple[float, float] | None

    def to_json(self) -> dict[str, Any]:
        """Return it as plain objects."""
        return dict(vars(self))


@dataclass(frozen=True)
class Defect:
    """A defect of the legacy package that the code has run into.

    Attributes
    ----------
    code, summary : str
    count : int
        How often.
    places : tuple of str
        Where, each once.
    """

    code: str
    summary: str
    count: int
    places: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        """Return it as plain objects."""
        return dict(vars(self))


def parity_of(sources: Iterable[Source]) -> list[FunctionParity]:
    """Return one entry per function and kind of evidence, worst first."""
    tallies: dict[tuple[str, str], Tally] = {}
    for function, evidence, entry in _compared(sources):
        key = short_name(function), evidence
        tallies[key] = tallies.get(key, Tally()) + Tally.of(entry)
    found = [FunctionParity(*key, tally) for key, tally in tallies.items()]
    return sorted(
        found,
        key=lambda each: (
            -each.tally.different,
            -each.tally.within_tolerance,
            each.function,
            each.evidence,
        ),
    )


def _compared(
    sources: Iterable[Source],
) -> Iterator[tuple[str, str, Call | Replayed]]:
    for source in sources:
        if isinstance(source.content, Shadow):
            for call in source.content.calls:
                yield call.function, AT_RUN_TIME, call
        elif isinstance(source.content, Verify):
            for row in source.content.rows:
                yield row.function, RECORDED, _with_example(row)


def _with_example(row: Replayed) -> Replayed:
    """Return the row with example and case in the paths of its errors."""
    changes = {}
    for name in ("largest_absolute", "largest_relative", "largest_ulp"):
        found = getattr(row, name)
        if found is not None:
            path = f"{row.example}, {found.case}: {found.path}"
            changes[name] = replace(found, path=path)
    return replace(row, **changes)


def differences_of(
    sources: Iterable[Source], names: FileNames
) -> list[FoundDifference]:
    """Return all differences, those beyond a tolerance first."""
    found = []
    for source in sources:
        content = source.content
        if isinstance(content, Shadow):
            for each in content.differences:
                call = "" if each.call is None else f", call {each.call}"
                found.append(
                    FoundDifference(
                        short_name(each.function),
                        AT_RUN_TIME,
                        f"{names.shown(each.file)}:{each.line}{call}",
                        *(each.kind, each.path, each.stored, each.found),
                        each.tolerated,
                        each.masks,
                    )
                )
        elif isinstance(content, Verify):
            found += [
                FoundDifference(
                    short_name(row.function),
                    RECORDED,
                    f"{row.example}, {each.case}",
                    *(each.kind, each.path, each.stored, each.found),
                    each.tolerated,
                )
                for row in content.rows
                for each in row.differences
            ]
    return sorted(found, key=lambda each: (each.tolerated, each.function))


def speed_of(
    parity: Iterable[FunctionParity], sources: Iterable[Source]
) -> list[Speed]:
    """Return time and memory of functions at run time and of benchmarks."""
    found = [
        Speed(
            each.function,
            f"{AT_RUN_TIME}, {_together(each.tally.calls)}",
            each.tally.seconds,
            each.tally.bytes,
        )
        for each in sorted(parity, key=lambda each: each.function)
        if each.tally.seconds or each.tally.bytes
    ]
    for source in sources:
        if isinstance(source.content, Bench):
            for case in source.content.cases:
                speed = _largest_row(case.rows)
                if speed is not None:
                    row, new = speed
                    old, other = row.sides["old"], row.sides[new]
                    found.append(
                        Speed(
                            case.case,
                            f"benchmark, {case.mode}, "
                            f"{counted(row.sites, 'site')}, "
                            + ("Tokens" if new == "new" else "bridge"),
                            (old.median_s, other.median_s),
                            (old.bytes, other.bytes),
                        )
                    )
    return found


def _together(calls: int) -> str:
    return "1 call" if calls == 1 else f"{calls} calls together"


def _largest_row(rows: Iterable[BenchRow]) -> tuple[BenchRow, str] | None:
    """Return the largest size that both sides have, and the new side."""
    both = [
        (row, new)
        for row in rows
        if "old" in row.sides
        for new in [next((n for n in ("new", "bridge") if n in row.sides), "")]
        if new
    ]
    return max(both, key=lambda pair: pair[0].sites, default=None)


def defects_of(sources: Iterable[Source], names: FileNames) -> list[Defect]:
    """Return the defects that were warned of, by code."""
    counts: dict[str, int] = {}
    places: dict[str, dict[str, None]] = {}
    texts: dict[str, str] = {}
    for source in sources:
        if isinstance(source.content, Shadow | Run):
            for each in source.content.warnings:
                counts[each.code] = counts.get(each.code, 0) + each.count
                where = places.setdefault(each.code, {})
                where[f"{names.shown(each.file)}:{each.line}"] = None
                texts.setdefault(each.code, each.text)
    return [
        Defect(code, _summary(code, texts[code]), count, tuple(places[code]))
        for code, count in sorted(counts.items())
    ]


def _summary(code: str, text: str) -> str:
    """Return what the catalogue says of a code, else what the warning said."""
    entry = CATALOGUE.get(code)
    return entry.summary if entry else text.removeprefix(f"{code}: ")
