"""The outcome in a sentence or two."""

from collections.abc import Iterable, Sequence

from tfmpe.migrate.show.words import counted

from .numbers import RECORDED, FunctionParity
from .problems import Problem
from .sites import JoinedSite
from .tally import Tally

__all__ = ["sums", "verdict"]


def verdict(
    sites: Iterable[JoinedSite],
    parity: Iterable[FunctionParity],
    problems: Sequence[Problem],
) -> str:
    """Return the outcome: of the call sites, of the recordings, what lacks.

    Parameters
    ----------
    sites, parity, problems
        As of the page.

    Returns
    -------
    str
        One sentence on each, after one that says so where nothing was
        compared.
    """
    sites, parity = list(sites), list(parity)
    compared = any(each.tally.compared for each in parity)
    sentences = [
        "" if compared else "Nothing was compared yet.",
        _of_sites(sites),
        _of_recordings(parity),
    ]
    files = len({each.file for each in problems if each.file is not None})
    if files:
        sentences.append(f"Incomplete: {counted(files, 'file')} not read.")
    elif problems:
        sentences.append("Incomplete: a command did not finish its work.")
    return " ".join(filter(None, sentences))


def sums(sites: Iterable[JoinedSite]) -> str:
    """Return how many places there are, and what they are.

    Parameters
    ----------
    sites
        All of the page.

    Returns
    -------
    str
        The parts add up to the whole.
    """
    sites = list(sites)
    calls = [each for each in sites if each.is_call_site]
    undecided = sum(each.status == "undecided" for each in sites)
    others = [
        each
        for each in sites
        if not each.is_call_site and each.status != "undecided"
    ]
    imports = sum(each.site.code.startswith("T0") for each in others)
    makers = sum(each.is_called for each in others)
    patterns = len(others) - imports - makers
    by_run = sum(each.found_by == "run" for each in calls)
    found = counted(by_run, "was", "were")
    parts = [
        f"{counted(len(calls), 'call site')}, of which the verdict speaks"
        + (f" ({found} found by a run, not by the scan)" if by_run else "")
    ]
    if undecided:
        parts.append(counted(undecided, "undecided place"))
    if others:
        of = [
            text
            for number, text in (
                (imports, counted(imports, "import")),
                (
                    makers,
                    counted(
                        makers,
                        "construction of an object",
                        "constructions of objects",
                    ),
                ),
                (patterns, counted(patterns, "pattern")),
            )
            if number
        ]
        parts.append(
            f"{counted(len(others), 'place')} that "
            f"{'has' if len(others) == 1 else 'have'} no result to compare "
            f"({', '.join(of)})"
        )
    whole = counted(len(sites), "place uses", "places use")
    return f"{whole} the legacy package or the bridge: {'; '.join(parts)}."


def _of_sites(sites: Iterable[JoinedSite]) -> str:
    calls = [each for each in sites if each.is_call_site]
    if not calls:
        return ""
    if not any(each.ran for each in calls):
        found = counted(len(calls), "call site")
        return f"{found}, none of them seen at run time."
    outcomes = [each.tally.verdict for each in calls]
    equal = outcomes.count("identical")
    parts = [
        f"{equal} of {counted(len(calls), 'call site')} ran and gave "
        "identical results"
    ]
    close = outcomes.count("within tolerance")
    if close:
        parts.append(f"{close} within tolerance")
    unseen = sum(not each.ran for each in calls)
    seen = sum(each.ran and each.tally.verdict is None for each in calls)
    if seen:
        parts.append(f"{seen} ran but {_were(seen)} not compared")
    if unseen:
        parts.append(f"{unseen} {_were(unseen)} not seen")
    different = outcomes.count("differs")
    if different:
        parts.append(f"{different} differ{'s' if different == 1 else ''}")
    return "; ".join(parts) + "."


def _of_recordings(parity: Iterable[FunctionParity]) -> str:
    tally = sum(
        (each.tally for each in parity if each.evidence == RECORDED), Tally()
    )
    if not tally.compared:
        return ""
    parts = [
        f"{tally.identical} of {counted(tally.compared, 'recorded call')} "
        "replayed identically"
    ]
    if tally.within_tolerance:
        parts.append(f"{tally.within_tolerance} within tolerance")
    if tally.different:
        parts.append(f"{tally.different} differently")
    return "; ".join(parts) + "."


def _were(count: int) -> str:
    return "was" if count == 1 else "were"
