"""Remaining steps in order, with commands for this code base."""

import os
import shlex
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress

from tfmpe.migrate.legacy_names import BRIDGE, is_below
from tfmpe.migrate.records.checks import Bench, Verify
from tfmpe.migrate.records.code import Scan
from tfmpe.migrate.records.runs import Run, Shadow
from tfmpe.migrate.show.words import counted

from .gather import Source, only
from .views import Report, Site, Step


def next_steps(report: Report, sources: Sequence[Source]) -> list[Step]:
    """Return the remaining steps in order."""
    # Comparisons need the legacy imports, so they come first.
    work = [*_of_numbers(report, sources), *_of_files(report, sources)]
    steps = [*work, *_to_know(report)]
    return sorted(steps, key=lambda step: step.kind == "optional")


def _of_files(report: Report, sources: Sequence[Source]) -> Iterator[Step]:
    """Yield the steps on imports and on unreadable files."""
    where = _root(report.sites)
    scan = (f"tfmpe scan --format json --output scan.json {where}",)
    unread = [each for each in report.missing if each.tool in ("scan", "fix")]
    if files := {f"{m.file}: {m.why}" for m in unread if m.file is not None}:
        yield Step(
            "required",
            "Make these files readable",
            "They were not scanned. Correct or exclude them, and scan again.",
            scan,
            tuple(sorted(files)),
        )
    if left := report.counts.get("left"):
        yield Step(
            "required",
            "Change the imports",
            f"{counted(left, 'import')} left. Results do not change.",
            (f"tfmpe fix --diff {where}", f"tfmpe fix {where}"),
        )
    if report.mentions:
        yield Step(
            "required",
            "Check the other mentions of the legacy package",
            "No command changes them. Change them by hand where necessary.",
            _explain(each.code for each in report.mentions),
            tuple(f"{m.place}: {m.text} ({m.why})" for m in report.mentions),
        )
    if not any(only(sources, Scan)):
        yield Step(
            "optional",
            "Scan the code",
            "Without a scan, places that no run has reached are unknown.",
            scan,
        )


def _of_numbers(report: Report, sources: Sequence[Source]) -> Iterator[Step]:
    """Yield the steps on differences and on missing comparisons."""
    if report.counts.get("different"):
        different = (s for s in report.sites if s.status == "different")
        shadows = [run for run in only(sources, Shadow) if run.differences]
        yield Step(
            "required",
            "Look at the differences",
            "Keep the legacy results until you know the cause.",
            _shadow(_scripts(shadows), "--save-cases differing-{}"),
            tuple(f"{site.use.place} {site.function}" for site in different),
        )
    differing = [d for b in only(sources, Bench) for d in b.differences]
    folders = {v.folder for v in only(sources, Verify) if v.exit_code}
    if folders or differing:
        verify = (f"tfmpe verify {_quoted(f)}" for f in sorted(folders))
        yield Step(
            "required",
            "Look at the recordings and benchmarks that differ or failed",
            "They compare the bridge with results of the legacy package.",
            (*verify, *["tfmpe bench"] * bool(differing)),
            tuple(differing),
        )
    places = [
        each
        for each in report.sites
        if each.status in ("unseen", "seen")
        and not each.not_compared
        and not (_calls_bridge(each) and each.recorded)
    ]
    if places or not report.compared().compared:
        yield Step(
            "check",
            "Compare the remaining calls",
            "If the legacy package is installed, use tfmpe run --shadow "
            "before imports change; otherwise replay recordings.",
            tuple(_comparing(sources, places)),
            tuple(
                f"{each.use.place} {each.function}: "
                + ("ran, not compared" if each.ran else "not reached by a run")
                for each in places
            ),
        )


def _comparing(
    sources: Sequence[Source], places: Sequence[Site]
) -> Iterator[str]:
    """Yield the commands that compare the calls at the given sites."""
    legacy = [each for each in places if not _calls_bridge(each)]
    if legacy or not places:
        # The script that reaches a module is unknown; notebooks run themselves.
        scripts = _scripts(only(sources, Run))
        scripts += [
            "SCRIPT" if site.use.place.cell is None else site.use.place.file
            for site in legacy
            if site.use.place.cell is not None or not site.ran
        ]
        yield from _shadow(scripts, "--json shadow-{}.json")
    if len(legacy) < len(places):
        yield "tfmpe record --out recordings -- OLD_SCRIPT"
        yield "tfmpe verify recordings --json verify.json"
    elif not any(only(sources, Verify)):
        yield "tfmpe verify --json verify.json"


def _to_know(report: Report) -> Iterator[Step]:
    """Yield the optional steps."""
    if report.defects:
        yield Step(
            "optional",
            "Read about the defects that your code encountered",
            "Decide whether your results depend on them.",
            _explain(each.code for each in report.defects),
        )
    if found := [s for s in report.sites if s.use.code and s.kind != "import"]:
        yield Step(
            "optional",
            "Move to Tokens by hand",
            f"{counted(len(found), 'place has', 'places have')} a replacement.",
            _explain(each.use.code for each in found),
        )


def _calls_bridge(site: Site) -> bool:
    return is_below(site.use.name, BRIDGE)


def _explain(codes: Iterable[str]) -> tuple[str, ...]:
    return (f"tfmpe explain {shlex.join(sorted(set(codes)))}",)


def _scripts(runs: Iterable[Run | Shadow]) -> list[str]:
    """Return the script and notebook files of runs, but no module names."""
    return [r.script for r in runs if r.script.endswith((".py", ".ipynb"))]


def _shadow(scripts: Iterable[str], options: str) -> tuple[str, ...]:
    """Return one command per script, each with its own output file."""
    known = list(dict.fromkeys(scripts)) or ["SCRIPT"]
    return tuple(
        f"tfmpe run --shadow {options.format(number)} {_quoted(script)}"
        for number, script in enumerate(known, 1)
    )


def _root(sites: Iterable[Site]) -> str:
    """Return the common folder of the scanned files, quoted for a shell."""
    files = [os.path.dirname(s.use.place.file) for s in sites if not s.by_run]
    with suppress(ValueError):  # none, or relative and absolute ones
        return _quoted(os.path.commonpath(files) or ".")
    return "."


def _quoted(path: str) -> str:
    """Return a path quoted for a shell, and never mistaken for an option."""
    return shlex.quote(f"./{path}" if path.startswith("-") else path)
