"""What to do next, in order, with commands for this code base."""

import shlex
from collections.abc import Iterable, Sequence

from .check_inputs import Verify
from .code_inputs import Scan
from .numbers import Defect, FunctionParity
from .problems import Problem
from .reading import Source
from .rewriting import left_by_fix, rewriting_steps, root_of
from .run_inputs import Run, Shadow
from .sites import JoinedSite
from .step import KINDS, Step, named

__all__ = ["next_steps"]


def next_steps(
    sources: Sequence[Source],
    sites: Sequence[JoinedSite],
    parity: Iterable[FunctionParity],
    defects: Sequence[Defect],
    problems: Iterable[Problem],
) -> list[Step]:
    """Return what is left to do, what matters most first.

    Parameters
    ----------
    sources, sites, parity, defects, problems
        All that the page knows.

    Returns
    -------
    list of Step
    """
    where = root_of(sites)
    steps = [
        _unreadable(problems, where),
        _differences(sources, sites),
        _recordings(sources),
        *rewriting_steps(sites, where),
        left_by_fix(sites),
        _comparing(sources, sites, parity),
        _on_bridge(sites),
        _unknown_to_scan(sources, sites, where),
        _undecided(sites),
        _unscanned(sources, where),
        _not_compared(sites),
        _met(defects),
    ]
    found = [step for step in steps if step is not None]
    return sorted(found, key=lambda step: KINDS.index(step.kind))


def _beside(
    runs: Iterable[Run | Shadow], option: str, stem: str, ending: str = ""
) -> tuple[str, ...]:
    """Return commands that run scripts beside the legacy package.

    Each writes to a place of its own, or one would replace the other's.
    """
    scripts = dict.fromkeys(run.script for run in runs)
    known = [
        shlex.quote(each)
        for each in scripts
        if each.endswith((".py", ".ipynb"))
    ]
    many = len(known) > 1
    return tuple(
        f"tfmpe run --shadow {option} "
        f"{stem}{f'-{number}' if many else ''}{ending} {script}"
        for number, script in enumerate(known or ["SCRIPT"], 1)
    )


def _runs(sources: Iterable[Source]) -> list[Run]:
    return [s.content for s in sources if isinstance(s.content, Run)]


def _differing(sources: Iterable[Source]) -> list[Shadow]:
    return [
        source.content
        for source in sources
        if isinstance(source.content, Shadow)
        and any(call.different for call in source.content.calls)
    ]


def _unreadable(problems: Iterable[Problem], where: str) -> Step | None:
    files = [each for each in problems if each.tool in ("scan", "fix")]
    files = [each for each in files if each.file is not None]
    if not files:
        return None
    return Step(
        "Make these files readable",
        "Nothing is known of what is in them. Correct the fault, or exclude "
        "them on purpose, and scan again.",
        (f"tfmpe scan --format json --output scan.json {where}",),
        tuple(dict.fromkeys(f"{each.file}: {each.why}" for each in files)),
    )


def _differences(
    sources: Iterable[Source], sites: Iterable[JoinedSite]
) -> Step | None:
    places = _places(sites, "differs")
    if not places:
        return None
    return Step(
        "Look at the differences",
        "The bridge gave something else than the legacy package at these "
        "sites. Keep the legacy result there until you know why.",
        _beside(_differing(sources), "--save-cases", "differing"),
        places,
    )


def _recordings(sources: Iterable[Source]) -> Step | None:
    folders = {}
    for source in sources:
        content = source.content
        if isinstance(content, Verify) and content.exit_code:
            folders[shlex.quote(content.folder)] = None
    if not folders:
        return None
    return Step(
        "Look at the recordings that are not equal, or not usable",
        "They are what the legacy package returned.",
        tuple(f"tfmpe verify {f} --json verify.json" for f in folders),
    )


def _comparing(
    sources: Sequence[Source],
    sites: Iterable[JoinedSite],
    parity: Iterable[FunctionParity],
) -> Step | None:
    """Return the one step that runs scripts beside the legacy package."""
    nothing = not any(each.tally.compared for each in parity)
    left = [s for s in sites if not s.on_bridge and not s.not_compared]
    unseen = [each for each in left if each.status == "unseen"]
    seen = [each for each in left if each.status == "seen"]
    if not (nothing or unseen or seen):
        return None
    commands = []
    if seen or (nothing and not unseen):
        commands += _beside(_runs(sources), "--json", "shadow", ".json")
    commands += _to_meet(unseen)
    why = (
        "With the legacy package installed, run what reaches these calls "
        "beside it; without it, replay recordings. Scripts that were "
        "rewritten have nothing to run beside: do it before, or after "
        "tfmpe undo."
    )
    if nothing:
        commands.append("tfmpe verify --json verify.json")
        why = f"No call was compared with the legacy package yet. {why}"
    return Step(
        "Compare what was not compared yet",
        why,
        tuple(commands),
        (
            *(f"{named(each)}: no run has met it" for each in unseen),
            *(f"{named(each)}: ran, was not compared" for each in seen),
        ),
        kind="check",
    )


def _to_meet(unseen: Iterable[JoinedSite]) -> list[str]:
    """Return commands that run what no run has met."""
    files = dict.fromkeys(each.site.file for each in unseen)
    notebooks = [name for name in files if name.endswith(".ipynb")]
    commands = [
        f"tfmpe run --shadow --json notebook"
        f"{f'-{number}' if len(notebooks) > 1 else ''}.json "
        f"{shlex.quote(f'./{name}' if name.startswith('-') else name)}"
        for number, name in enumerate(notebooks, 1)
    ]
    # Which script reaches a module, nobody knows.
    if len(notebooks) < len(files):
        commands.append("tfmpe run --shadow --json more.json SCRIPT")
    return commands


def _not_compared(sites: Iterable[JoinedSite]) -> Step | None:
    found = tuple(
        f"{named(each)}: {'; '.join(each.not_compared)}"
        for each in sites
        if each.not_compared
    )
    if not found:
        return None
    return Step(
        "Know what was not compared",
        "These calls ran beside the legacy package, and some or all of them "
        "could not be compared. Look at their results in another way.",
        (),
        found,
        kind="optional",
    )


def _on_bridge(sites: Iterable[JoinedSite]) -> Step | None:
    found = tuple(
        named(each)
        for each in sites
        if each.on_bridge
        and each.status in ("seen", "unseen")
        and each.recorded is None
    )
    if not found:
        return None
    return Step(
        "Check what is on the bridge by recordings",
        "These sites call the bridge already, so they have no old side to run "
        "beside. Nothing was replayed of their functions: record your scripts "
        "as they were before, and replay that.",
        (
            "tfmpe record --out recordings -- OLD_SCRIPT",
            "tfmpe verify recordings --json verify.json",
        ),
        found,
        kind="check",
    )


def _unknown_to_scan(
    sources: Iterable[Source], sites: Iterable[JoinedSite], where: str
) -> Step | None:
    if not _has_scan(sources):
        return None
    found = tuple(
        named(each)
        for each in sites
        if each.found_by == "run" and each.caller is None
    )
    if not found:
        return None
    return Step(
        "Look at calls that the scan does not know",
        "They ran, but no scanned file has them at that line: the file was "
        "not scanned or has changed since, or the name is built at run time.",
        (f"tfmpe scan {where}",),
        found,
        kind="check",
    )


def _undecided(sites: Iterable[JoinedSite]) -> Step | None:
    found = tuple(
        f"{each.place}: {each.undecided or each.site.text}"
        for each in sites
        if each.status == "undecided"
    )
    if not found:
        return None
    return Step(
        "Decide what the scanner could not",
        "It could not follow an object or a name here, and no run has shown "
        "what it is.",
        ("tfmpe explain T901",),
        found,
        kind="check",
    )


def _unscanned(sources: Iterable[Source], where: str) -> Step | None:
    if _has_scan(sources):
        return None
    return Step(
        "Scan the code",
        "No scan was given, so sites that no run met are unknown.",
        (f"tfmpe scan --format json --output scan.json {where}",),
        kind="optional",
    )


def _has_scan(sources: Iterable[Source]) -> bool:
    return any(isinstance(source.content, Scan) for source in sources)


def _met(defects: Sequence[Defect]) -> Step | None:
    if not defects:
        return None
    return Step(
        "Read about the defects that you met",
        "The bridge repeats them, so that no number changes. Decide for each "
        "whether your results depend on it.",
        tuple(f"tfmpe explain {shlex.quote(d.code)}" for d in defects),
        kind="optional",
    )


def _places(sites: Iterable[JoinedSite], status: str) -> tuple[str, ...]:
    return tuple(named(each) for each in sites if each.status == status)
