"""Facts of the report: gains, defects met, and inputs."""

import json
from collections.abc import Iterable, Sequence

from msgspec.structs import replace

from tfmpe.migrate.catalogue import CATALOGUE
from tfmpe.migrate.records.checks import Bench, Verify
from tfmpe.migrate.records.code import Fix, Mention, Scan
from tfmpe.migrate.records.runs import Run, Shadow
from tfmpe.migrate.show.words import counted

from .file_names import FileNames
from .gather import Source, only
from .sites import short_name
from .views import AT_RUN_TIME, Defect, Gain, Input


def summary_of(code: str, otherwise: str = "") -> str:
    """Return the catalog's one-line summary of a code."""
    entry = CATALOGUE.get(code)
    return entry.summary if entry else otherwise


def mentions_of(
    sources: Sequence[Source], names: FileNames
) -> tuple[Mention, ...]:
    """Return the distinct mentions of the package outside of imports."""
    found = {}
    for record in only(sources, Scan, Fix):
        for each in record.left if isinstance(record, Fix) else record.mentions:
            found[replace(each, place=names.at(each.place))] = None
    return tuple(found)


def defects_of(sources: Sequence[Source], names: FileNames) -> list[Defect]:
    """Return the defects of all warnings, by code."""
    warnings = [w for run in only(sources, Run, Shadow) for w in run.warnings]
    found = []
    for code in sorted({each.code for each in warnings}):
        warned = [each for each in warnings if each.code == code]
        summary = summary_of(code, warned[0].text.removeprefix(f"{code}: "))
        places = dict.fromkeys(str(names.at(w.place)) for w in warned)
        count = sum(each.count for each in warned)
        found.append(Defect(code, summary, count, tuple(places)))
    return found


def gains_of(sources: Sequence[Source]) -> list[Gain]:
    """Return the time and memory of functions in runs and in benchmarks."""
    every = [c for shadow in only(sources, Shadow) for c in shadow.calls]
    found = []
    for name in sorted({short_name(call.function) for call in every}):
        calls = [c for c in every if short_name(c.function) == name]
        about = f"{AT_RUN_TIME}, "
        about += counted(sum(c.calls for c in calls), "call")
        time = _sum((c.seconds_old, c.seconds_new) for c in calls)
        memory = _sum((c.bytes_old or None, c.bytes_new or None) for c in calls)
        found.append(Gain(name, about, time, memory))
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
    """Return sums over the entries that both sides have."""
    known = [(o, n) for o, n in pairs if o is not None and n is not None]
    if not known:
        return None
    return sum(old for old, _ in known), sum(new for _, new in known)


def described(source: Source) -> Input:
    """Describe a record: results, what it does not cover, and versions."""
    record, notes, facts = source.record, [], {}
    match record:
        case Scan():
            about = f"{counted(record.files_read, 'file')} read, "
            about += counted(len(record.uses), "use")
        case Fix():
            n = sum(len(each.changes) for each in record.changed)
            done = "changed" if record.written else "would be changed"
            about = f"{counted(n, 'import')} {done}"
        case Run() | Shadow():
            calls = counted(sum(call.calls for call in record.calls), "call")
            about, facts = f"{record.script}: {calls}", record.fingerprint
            notes = [f"cell {c.cell} not run: {c.text}" for c in record.not_run]
        case Verify():
            n = sum(row.tally.compared for row in record.rows)
            about = f"{record.folder}: {counted(n, 'recorded call')}"
            facts, notes = record.versions, [*record.notes]
            for row in record.not_replayed:
                left = f"{row.cases} of {row.function}"
                notes.append(f"{left} not replayed: {row.reason}")
        case Bench():
            about = counted(len(record.cases), "benchmark")
            about, facts = f"{about}, old side: {record.old}", record.machine
            last = [(c.case, row) for c in record.cases for row in c.rows[-1:]]
            for case, row in last:
                for side, why in row.left_out.items():
                    notes.append(f"{case}, {side} not measured: {why}")
    in_words = {
        name: value if isinstance(value, str) else json.dumps(value)
        for name, value in facts.items()
    }
    return Input(source.file, source.tool, about, tuple(notes), in_words)
