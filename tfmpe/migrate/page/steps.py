"""What to do next, in order, with commands for this code base."""

import shlex
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

from .inputs import Run, Scan, Shadow, Verify
from .numbers import Defect, FunctionParity
from .problems import Problem
from .reading import Source
from .sites import JoinedSite

__all__ = ["Step", "next_steps"]


@dataclass(frozen=True)
class Step:
    """One thing to do.

    Attributes
    ----------
    title, why : str
    commands : tuple of str
        To be typed as they are, with names in capitals replaced.
    places : tuple of str
        What it is about.
    optional : bool
        Whether the code works without it.
    """

    title: str
    why: str
    commands: tuple[str, ...] = ()
    places: tuple[str, ...] = ()
    optional: bool = False

    def to_json(self) -> dict[str, Any]:
        """Return it as plain objects."""
        return dict(vars(self))


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
    where = _root(sites)
    steps = [
        _unreadable(problems, where),
        _differences(sources, sites),
        *_recordings(sources, parity),
        _unseen(sites),
        _not_compared(sources, sites),
        _unknown_to_scan(sources, sites),
        _undecided(sites),
        *_rewrites(sites, where),
        _left(sites),
        _met(defects),
    ]
    if not any(isinstance(source.content, Scan) for source in sources):
        steps.insert(
            1,
            Step(
                "Scan the code",
                "No scan was given, so sites that no run met are unknown.",
                (f"tfmpe scan {where} --format json > scan.json",),
                optional=True,
            ),
        )
    return [step for step in steps if step is not None]


def _shadow(sources: Iterable[Source], options: str) -> tuple[str, ...]:
    """Return commands that run the known scripts beside the legacy package."""
    scripts = {
        source.content.script: None
        for source in sources
        if isinstance(source.content, Run | Shadow)
    }
    known = [shlex.quote(each) for each in scripts if each.endswith(".py")]
    return tuple(
        f"tfmpe run --shadow {options} {script}"
        for script in known or ["SCRIPT"]
    )


def _root(sites: Iterable[JoinedSite]) -> str:
    """Return the folder that the scanned files are in, quoted for a shell."""
    folders = [
        PurePosixPath(joined.site.file).parent.parts
        for joined in sites
        if joined.found_by == "scan"
    ]
    common = []
    for parts in zip(*folders, strict=False):
        if len(set(parts)) > 1:
            break
        common.append(parts[0])
    root = str(PurePosixPath(*common)) if common else "."
    return shlex.quote(f"./{root}" if root.startswith("-") else root)


def _unreadable(problems: Iterable[Problem], where: str) -> Step | None:
    files = [each for each in problems if each.tool in ("scan", "fix")]
    files = [each for each in files if each.file is not None]
    if not files:
        return None
    return Step(
        "Make these files readable",
        "Nothing is known of what is in them. Correct the fault, or exclude "
        "them on purpose, and scan again.",
        (f"tfmpe scan {where} --format json > scan.json",),
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
        _shadow(sources, "--save-cases differing"),
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
                    *_shadow(sources, "--json shadow.json"),
                    "tfmpe verify --json verify.json",
                ),
            )
        )
    return steps


def _unseen(sites: Iterable[JoinedSite]) -> Step | None:
    places = _places(sites, "unseen")
    if not places:
        return None
    return Step(
        "Run what was never seen",
        "No run has met these call sites, so nothing is known of their "
        "numbers. Run a script or a test that reaches them.",
        ("tfmpe run --shadow --json more.json SCRIPT",),
        places,
    )


def _not_compared(
    sources: Iterable[Source], sites: Iterable[JoinedSite]
) -> Step | None:
    found = [
        f"{_named(each)}: {_why_not(each)}"
        for each in sites
        if each.not_compared or each.status == "seen"
    ]
    if not found:
        return None
    return Step(
        "Compare what only ran",
        "These sites ran, but some or all of their calls were not compared.",
        _shadow(sources, "--json shadow.json"),
        tuple(found),
    )


def _why_not(joined: JoinedSite) -> str:
    tally = joined.tally
    return "; ".join(joined.not_compared) or (
        f"{tally.compared} of {tally.calls} calls compared"
    )


def _unknown_to_scan(
    sources: Iterable[Source], sites: Iterable[JoinedSite]
) -> Step | None:
    if not any(isinstance(source.content, Scan) for source in sources):
        return None
    found = tuple(_named(each) for each in sites if each.found_by == "run")
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


def _rewrites(sites: Iterable[JoinedSite], where: str) -> list[Step]:
    left = [
        each
        for each in sites
        if not each.rewritten
        and each.found_by == "scan"
        and each.undecided is None
    ]
    imports = [each for each in left if each.site.code[:2] == "T0"]
    others = [each for each in left if each.site.code[:2] != "T0"]
    steps = []
    if any(each.site.safety == "safe" for each in imports):
        steps.append(
            Step(
                "Rewrite the imports",
                f"{_number(len(imports), 'import')} of the legacy package "
                "left. This changes no number. See the changes first.",
                (f"tfmpe fix --diff {where}", f"tfmpe fix {where}"),
            )
        )
    by_safety = Counter(each.site.safety for each in others)
    if by_safety["safe"] or by_safety["unsafe"]:
        steps.append(_to_tokens(by_safety, where))
    for unsure, title, why, optional in (
        (
            imports,
            "Look at names that the bridge may not have",
            "Nothing replaces these by itself.",
            False,
        ),
        (
            others,
            "Rewrite by hand for Tokens",
            "No command rewrites these; each code has an example. Not needed "
            "while the bridge is in use.",
            True,
        ),
    ):
        manual = [each for each in unsure if each.site.safety == "manual"]
        if manual:
            codes = sorted({each.site.code for each in manual})
            steps.append(
                Step(
                    title,
                    why,
                    tuple(f"tfmpe explain {shlex.quote(c)}" for c in codes),
                    tuple(f"{_named(m)} ({m.site.code})" for m in manual),
                    optional,
                )
            )
    return steps


def _to_tokens(by_safety: Counter, where: str) -> Step:
    commands = [f"tfmpe fix --to tokens {where}"]
    if by_safety["unsafe"]:
        commands.append(f"tfmpe fix --to tokens --unsafe-fixes --diff {where}")
    return Step(
        "Move to Tokens",
        f"{_number(by_safety['safe'], 'place')} can be rewritten safely, "
        f"{by_safety['unsafe']} should be looked at. Not needed while the "
        "bridge is in use.",
        tuple(commands),
        optional=True,
    )


def _left(sites: Iterable[JoinedSite]) -> Step | None:
    found = tuple(
        f"{each.place}: {'; '.join(each.left)}" for each in sites if each.left
    )
    if not found:
        return None
    return Step(
        "Look at what tfmpe fix left",
        "It rewrites nothing that it cannot be sure of.",
        (),
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
    return tuple(_named(each) for each in sites if each.status == status)


def _named(joined: JoinedSite) -> str:
    name = joined.function
    return joined.place if name is None else f"{joined.place} {name}"


def _number(count: int, what: str) -> str:
    return f"{count} {what}{'' if count == 1 else 's'}"
