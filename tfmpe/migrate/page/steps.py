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
from .step import Step, named

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
        *_recordings(sources, parity),
        _unseen(sites),
        _only_seen(sources, sites),
        _not_compared(sites),
        _on_bridge(sites),
        _unknown_to_scan(sources, sites),
        _undecided(sites),
        *rewriting_steps(sites, where),
        left_by_fix(sites),
        _met(defects),
    ]
    if not any(isinstance(source.content, Scan) for source in sources):
        steps.insert(
            1,
            Step(
                "Scan the code",
                "No scan was given, so sites that no run met are unknown.",
                (f"tfmpe scan --format json --output scan.json {where}",),
                optional=True,
            ),
        )
    return [step for step in steps if step is not None]


def _beside(
    runs: Iterable[Run | Shadow], option: str, stem: str, ending: str = ""
) -> tuple[str, ...]:
    """Return commands that run scripts beside the legacy package.

    Each writes to a place of its own, or one would replace the other's.
    """
    scripts = dict.fromkeys(run.script for run in runs)
    known = [shlex.quote(each) for each in scripts if each.endswith(".py")]
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


def _recordings(
    sources: Iterable[Source], parity: Iterable[FunctionParity]
) -> list[Step]:
    steps = []
    folders = {}
    for source in sources:
        content = source.content
        if isinstance(content, Verify) and content.exit_code:
            folders[shlex.quote(content.folder)] = None
    if folders:
        steps.append(
            Step(
                "Look at the recordings that are not equal, or not usable",
                "They are what the legacy package returned.",
                tuple(f"tfmpe verify {f} --json verify.json" for f in folders),
            )
        )
    if not any(each.tally.compared for each in parity):
        steps.append(
            Step(
                "Compare something",
                "No call was compared with the legacy package yet. With it "
                "installed, run your scripts beside it; without it, replay "
                "recordings.",
                (
                    *_beside(_runs(sources), "--json", "shadow", ".json"),
                    "tfmpe verify --json verify.json",
                ),
            )
        )
    return steps


def _unseen(sites: Iterable[JoinedSite]) -> Step | None:
    places = _places((s for s in sites if not s.on_bridge), "unseen")
    if not places:
        return None
    return Step(
        "Run what was never seen",
        "No run has met these call sites, so nothing is known of their "
        "numbers. Run a script or a test that reaches them.",
        ("tfmpe run --shadow --json more.json SCRIPT",),
        places,
    )


def _only_seen(
    sources: Iterable[Source], sites: Iterable[JoinedSite]
) -> Step | None:
    found = tuple(
        named(each)
        for each in sites
        if each.status == "seen"
        and not each.not_compared
        and not each.on_bridge
    )
    if not found:
        return None
    return Step(
        "Compare what only ran",
        "These sites ran, but not beside the legacy package.",
        _beside(_runs(sources), "--json", "shadow", ".json"),
        found,
    )


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
        optional=True,
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
    )


def _unknown_to_scan(
    sources: Iterable[Source], sites: Iterable[JoinedSite]
) -> Step | None:
    if not any(isinstance(source.content, Scan) for source in sources):
        return None
    found = tuple(named(each) for each in sites if each.found_by == "run")
    if not found:
        return None
    return Step(
        "Look at calls that the scan does not know",
        "They ran, but no scanned file has them at that line: the file was "
        "not scanned or has changed since, or the name is built at run time.",
        (),
        found,
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
    )


def _met(defects: Sequence[Defect]) -> Step | None:
    if not defects:
        return None
    return Step(
        "Read about the defects that you met",
        "The bridge repeats them, so that no number changes. Decide for each "
        "whether your results depend on it.",
        tuple(f"tfmpe explain {shlex.quote(d.code)}" for d in defects),
        optional=True,
    )


def _places(sites: Iterable[JoinedSite], status: str) -> tuple[str, ...]:
    return tuple(named(each) for each in sites if each.status == status)
