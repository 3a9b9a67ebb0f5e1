"""What the page says by function: errors, differences, time, defects."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any

from tfmpe.migrate.catalogue import CATALOGUE
from tfmpe.migrate.show.words import counted

from .check_inputs import Bench, BenchRow, Replayed, Verify
from .places import FileNames
from .reading import Source
from .run_inputs import (
    ArrayParity,
    Call,
    Difference,
    Masks,
    Run,
    Shadow,
    Warned,
)
from .sites import short_name
from .tally import Tally, as_number

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
    arrays : tuple of ArrayParity
        Array by array, what differs first; empty where that is not known.
    """

    function: str
    evidence: str
    tally: Tally
    arrays: tuple[ArrayParity, ...] = ()

    @property
    def of_arrays(self) -> str:
        """How many arrays there are, and how many agree, in words."""
        whole = counted(len(self.arrays), "array")
        different = sum(bool(each.different) for each in self.arrays)
        close = sum(bool(each.within_tolerance) for each in self.arrays)
        if not (different or close):
            return f"{whole}, identical"
        parts = []
        if different:
            parts.append(f"{different} differ{'s' if different == 1 else ''}")
        if close:
            parts.append(f"{close} within tolerance")
        return f"{whole}: {', '.join(parts)}"

    def to_json(self) -> dict[str, Any]:
        """Return it as plain objects."""
        return {
            "function": self.function,
            "evidence": self.evidence,
            **self.tally.to_json(),
            "arrays": [dict(vars(each)) for each in self.arrays],
        }


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
    arrays: dict[tuple[str, str], list[ArrayParity]] = {}
    for function, evidence, entry in _compared(sources):
        key = short_name(function), evidence
        tallies[key] = tallies.get(key, Tally()) + Tally.of(entry)
        arrays.setdefault(key, []).extend(entry.arrays)
    found = [
        FunctionParity(*key, tally, _together(arrays[key]))
        for key, tally in tallies.items()
    ]
    return sorted(
        found,
        key=lambda each: (
            -each.tally.different,
            -each.tally.within_tolerance,
            each.function,
            each.evidence,
        ),
    )


def _together(arrays: Iterable[ArrayParity]) -> tuple[ArrayParity, ...]:
    """Return one entry per array, what differs first."""
    found: dict[str, ArrayParity] = {}
    for each in arrays:
        before = found.get(each.path)
        found[each.path] = each if before is None else _sum(before, each)
    return tuple(
        sorted(
            found.values(),
            key=lambda each: (-each.different, -each.within_tolerance),
        )
    )


def _sum(one: ArrayParity, other: ArrayParity) -> ArrayParity:
    return ArrayParity(
        one.path,
        one.compared + other.compared,
        one.identical + other.identical,
        one.within_tolerance + other.within_tolerance,
        one.different + other.different,
        max(one.largest_absolute, other.largest_absolute, key=as_number),
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
                        f"{_place(each, names)}{call}",
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
            f"{AT_RUN_TIME}, {_calls(each.tally.calls)}",
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


def _calls(calls: int) -> str:
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
                where[_place(each, names)] = None
                texts.setdefault(each.code, each.text)
    return [
        Defect(code, _summary(code, texts[code]), count, tuple(places[code]))
        for code, count in sorted(counts.items())
    ]


def _place(seen: Difference | Warned, names: FileNames) -> str:
    cell = "" if seen.cell is None else f"cell {seen.cell}:"
    return f"{names.shown(seen.file)}:{cell}{seen.line}"


def _summary(code: str, text: str) -> str:
    """Return what the catalogue says of a code, else what the warning said."""
    entry = CATALOGUE.get(code)
    return entry.summary if entry else text.removeprefix(f"{code}: ")
