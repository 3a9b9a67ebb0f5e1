"""What was gained, which defects were met, and on what all was run."""

import json
from collections.abc import Iterable, Sequence
from typing import Any

from msgspec.structs import replace

from tfmpe.migrate.catalogue import CATALOGUE
from tfmpe.migrate.records.checks import Bench, Verify
from tfmpe.migrate.records.code import Fix, Mention, Scan
from tfmpe.migrate.records.files import Record
from tfmpe.migrate.records.runs import ComparedCalls, Run, Shadow, Warned
from tfmpe.migrate.show.words import counted

from .file_names import FileNames
from .gather import Source, only
from .sites import short_name
from .views import AT_RUN_TIME, Defect, Gain, Input

__all__ = ["defects_of", "gains_of", "inputs_of", "mentions_of", "summary_of"]


def summary_of(code: str, otherwise: str = "") -> str:
    """Return what the catalogue says of a code in a line."""
    entry = CATALOGUE.get(code)
    return entry.summary if entry else otherwise


def mentions_of(
    sources: Sequence[Source], names: FileNames
) -> tuple[Mention, ...]:
    """Return what names the package outside of imports, each once."""
    found = {}
    for record in only(sources, Scan, Fix):
        for each in record.left if isinstance(record, Fix) else record.mentions:
            place = names.at(each.place)
            found[str(place), each.text] = replace(each, place=place)
    return tuple(found.values())


def defects_of(sources: Sequence[Source], names: FileNames) -> list[Defect]:
    """Return the defects that were warned of, by code."""
    by_code: dict[str, list[Warned]] = {}
    for run in only(sources, Run, Shadow):
        for each in run.warnings:
            by_code.setdefault(each.code, []).append(each)
    return [
        Defect(
            code,
            summary_of(code, warned[0].text.removeprefix(f"{code}: ")),
            sum(each.count for each in warned),
            tuple(dict.fromkeys(str(names.at(w.place)) for w in warned)),
        )
        for code, warned in sorted(by_code.items())
    ]


def gains_of(sources: Sequence[Source]) -> list[Gain]:
    """Return time and memory of functions at run time and of benchmarks."""
    by_function: dict[str, list[ComparedCalls]] = {}
    for shadow in only(sources, Shadow):
        for call in shadow.calls:
            by_function.setdefault(short_name(call.function), []).append(call)
    found = [
        Gain(
            name,
            f"{AT_RUN_TIME}, {counted(sum(c.calls for c in calls), 'call')}",
            _sum((c.seconds_old, c.seconds_new) for c in calls),
            _sum((c.bytes_old or None, c.bytes_new or None) for c in calls),
        )
        for name, calls in sorted(by_function.items())
    ]
    for bench in only(sources, Bench):
        for case in bench.cases:
            for side, words in (("new", "Tokens"), ("bridge", "bridge")):
                both = [r for r in case.rows if {"old", side} <= r.sides.keys()]
                for row in sorted(both, key=lambda row: row.sites)[-1:]:
                    about = f"benchmark, {case.mode}, {words}, "
                    about += counted(row.sites, "site")
                    old, new = row.sides["old"], row.sides[side]
                    time = old.median_s, new.median_s
                    memory = old.bytes, new.bytes
                    found.append(Gain(case.case, about, time, memory))
    return [each for each in found if each.seconds or each.bytes]


def _sum(
    pairs: Iterable[tuple[float | None, float | None]],
) -> tuple[float, float] | None:
    """Return the sums of those that both sides have."""
    known = [(o, n) for o, n in pairs if o is not None and n is not None]
    if not known:
        return None
    return sum(old for old, _ in known), sum(new for _, new in known)


def inputs_of(sources: Sequence[Source]) -> list[Input]:
    """Return what each command has done, left out, and with what."""
    return [
        Input(
            source.file,
            source.tool,
            about,
            tuple(notes),
            {name: _text(value) for name, value in facts.items()},
        )
        for source in sources
        for about, notes, facts in [_described(source.record)]
    ]


def _described(record: Record) -> tuple[str, Iterable[str], dict[str, Any]]:
    match record:
        case Scan():
            files = counted(record.files_read, "file")
            about = f"{files} read, {counted(len(record.uses), 'use')}"
            return about, (), {}
        case Fix():
            n = sum(len(each.changes) for each in record.changed)
            done = "changed" if record.written else "would be changed"
            return f"{counted(n, 'import')} {done}", (), {}
        case Run() | Shadow():
            calls = counted(sum(call.calls for call in record.calls), "call")
            left = (f"cell {c.cell} not run: {c.text}" for c in record.not_run)
            return f"{record.script}: {calls}", left, record.fingerprint
        case Verify():
            n = sum(row.tally.compared for row in record.rows)
            about = f"{record.folder}: {counted(n, 'recorded call')}"
            left = (
                f"{row.cases} of {row.function} not replayed: {row.reason}"
                for row in record.not_replayed
            )
            return about, (*record.notes, *left), dict(record.versions)
        case Bench():
            about = counted(len(record.cases), "benchmark")
            left = (
                f"{case.case}, {side} not measured: {why}"
                for case in record.cases
                for row in case.rows[-1:]
                for side, why in row.left_out.items()
            )
            return f"{about}, old side: {record.old}", left, record.machine


def _text(value: Any, longest: int = 200) -> str:
    text = value if isinstance(value, str) else json.dumps(value)
    return text if len(text) <= longest else f"{text[:longest]}..."
