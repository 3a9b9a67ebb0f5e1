"""Verdict of the report, in a few sentences, and its totals."""

from collections import Counter
from collections.abc import Sequence

from tfmpe.migrate.records.parity import Tally
from tfmpe.migrate.show.words import counted

from .views import RECORDED, Report, Site


def verdict(report: Report) -> str:
    """Return the outcome, with one sentence per kind of evidence."""
    left, mentions = report.counts.get("left", 0), len(report.mentions)
    files = len({m.file for m in report.missing if m.file is not None})
    unread = f"{counted(files, 'file')} not read"
    why = unread if files else "a command did not finish its work"
    names = counted(mentions, "other line mentions", "other lines mention")
    return _joined(
        not report.compared().compared and "Nothing was compared yet",
        _of_calls([each for each in report.sites if each.kind == "call"]),
        _of_recordings(report.compared(RECORDED)),
        left and f"{counted(left, 'import is', 'imports are')} left to change",
        mentions and f"{names} the legacy package",
        report.missing and f"Incomplete: {why}",
        between=" ",
        end=".",
    )


def _joined(*parts: object, between: str = "; ", end: str = "") -> str:
    return between.join(f"{part}{end}" for part in parts if part)


def _of_calls(calls: Sequence[Site]) -> str:
    whole = counted(len(calls), "call site")
    if not any(each.ran for each in calls):
        return f"{whole}, none of them reached by a run" if calls else ""
    of = Counter(each.status for each in calls)
    close, seen, unseen = of["within tolerance"], of["seen"], of["unseen"]
    return _joined(
        f"{of['identical']} of {whole} ran and gave identical results",
        close and f"{close} within tolerance",
        seen and f"{counted(seen, 'ran but was', 'ran but were')} not compared",
        unseen and f"{counted(unseen, 'was', 'were')} not seen",
        of["different"] and counted(of["different"], "differs", "differ"),
    )


def _of_recordings(tally: Tally) -> str | int:
    whole = counted(tally.compared, "recorded call")
    close, different = tally.within_tolerance, tally.different
    return tally.compared and _joined(
        f"{tally.identical} of {whole} replayed identically",
        close and f"{close} within tolerance",
        different and f"{different} differently",
    )


def sums(report: Report) -> str:
    """Return the number of places, as a total and its parts."""
    of = Counter(each.kind for each in report.sites)
    mentions, makers = len(report.mentions), of["construction"]
    parts = _joined(
        f"{counted(of['call'], 'call site')} (see the verdict)",
        makers and counted(makers, "constructor"),
        of["constant"] and counted(of["constant"], "constant"),
        of["import"] and counted(of["import"], "import"),
        mentions and counted(mentions, "other line"),
    )
    whole = counted(len(report.sites) + mentions, "place")
    return f"{whole} in the code: {parts}."
