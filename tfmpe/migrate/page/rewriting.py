"""What is left to rewrite."""

import shlex
from collections import Counter
from collections.abc import Iterable
from pathlib import PurePosixPath

from tfmpe.migrate.show.words import counted

from .sites import JoinedSite
from .step import Kind, Step, named

__all__ = ["left_by_fix", "rewriting_steps", "root_of"]


def root_of(sites: Iterable[JoinedSite]) -> str:
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


def rewriting_steps(sites: Iterable[JoinedSite], where: str) -> list[Step]:
    """Return the steps from imports to what a person has to do."""
    left = [
        each
        for each in sites
        if not each.rewritten
        and each.found_by == "scan"
        and each.undecided is None
    ]
    imports = [each for each in left if _is_import(each)]
    others = [each for each in left if not _is_import(each)]
    steps = []
    if any(each.site.safety == "safe" for each in imports):
        steps.append(
            Step(
                "Rewrite the imports",
                f"{counted(len(imports), 'import')} of the legacy package "
                "left. This changes no number. See the changes first.",
                (f"tfmpe fix --diff {where}", f"tfmpe fix {where}"),
            )
        )
    by_safety = Counter(each.site.safety for each in others)
    if by_safety["safe"] or by_safety["unsafe"]:
        steps.append(_to_tokens(by_safety, where))
    steps += _by_hand(
        imports,
        "Look at names that the bridge may not have",
        "Nothing replaces these by itself.",
        "required",
    )
    steps += _by_hand(
        others,
        "Rewrite by hand for Tokens",
        "No command rewrites these; each code has an example. Not needed "
        "while the bridge is in use.",
        "optional",
    )
    return steps


def _by_hand(
    sites: Iterable[JoinedSite], title: str, why: str, kind: Kind
) -> list[Step]:
    manual = [each for each in sites if each.site.safety == "manual"]
    if not manual:
        return []
    codes = sorted({each.site.code for each in manual})
    return [
        Step(
            title,
            why,
            tuple(f"tfmpe explain {shlex.quote(code)}" for code in codes),
            tuple(f"{named(each)} ({each.site.code})" for each in manual),
            kind,
        )
    ]


def _to_tokens(by_safety: Counter, where: str) -> Step:
    commands = [f"tfmpe fix --to tokens {where}"]
    if by_safety["unsafe"]:
        commands.append(f"tfmpe fix --to tokens --unsafe-fixes --diff {where}")
    return Step(
        "Move to Tokens",
        f"{counted(by_safety['safe'], 'place')} can be rewritten safely, "
        f"{by_safety['unsafe']} should be looked at. Not needed while the "
        "bridge is in use.",
        tuple(commands),
        kind="optional",
    )


def left_by_fix(sites: Iterable[JoinedSite]) -> Step | None:
    """Return the step about what was not rewritten, if any."""
    left = [each for each in sites if each.left]
    if not left:
        return None
    return Step(
        "Look at what tfmpe fix left",
        "It rewrites nothing that it cannot be sure of.",
        tuple(
            f"tfmpe explain {shlex.quote(code)}"
            for code in sorted({each.site.code for each in left})
        ),
        tuple(f"{each.place}: {'; '.join(each.left)}" for each in left),
        # Imports have to be rewritten, calls only to leave the bridge.
        "required" if any(map(_is_import, left)) else "optional",
    )


def _is_import(joined: JoinedSite) -> bool:
    return joined.site.code.startswith("T0")
