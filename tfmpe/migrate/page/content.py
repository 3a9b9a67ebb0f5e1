"""Everything the page says, and its json form.

The json (`Content.to_json`) is one object; names are only ever added to it:

    format            1
    tool              "report"
    exit_code         0 all that was compared is equal or within a tolerance,
                      and nothing is left that must be done; 1 differences or
                      work; 3 something was not read, or nothing compared
    verdict           the first sentence of the page
    made              when, in ISO 8601
    version           of this package
    inputs            [{"file", "tool", "about", "notes", "facts"}, ...]: facts
                      are names to texts: fingerprint, versions or machine
    counts            {status: number of sites}
    call_sites        number of sites that are calls with a result, of which
                      the verdict speaks
    sites             one object per place in the code, with
      file, cell, line, column, end_line, end_column, code, name, text,
      becomes, safety as the scanner wrote them; of a site that only a run
                      has met, code is "" and name the function
      found_by        "scan", "run" or "fix"
      status          "differs", "undecided", "unseen", "seen" (but not
                      compared), "within tolerance", "identical",
                      "rewritten" or "no result": imports, patterns, makers
      rewritten, undecided, left, not_compared, defects
                      whether; why or null; reasons; reasons; codes
      caller          the legacy function of the same line that made this
                      call, or null
      modes           how it was called: "eager", "traced"
      recorded        what replaying recordings of its function gave:
                      "identical", "within tolerance", "differs" or null
      shared          whether another site of the line may have been called
      a tally: calls, compared, identical, within_tolerance, different,
                      seconds_old, seconds_new, bytes_old, bytes_new, and
                      largest_absolute, largest_relative, largest_ulp, each
                      null or {"value", "path"}; value may be "inf" or "nan";
                      and noise_floor, null or {"absolute", "relative", "ulp"}
    parity            [{"function", "evidence", a tally, "arrays"}, ...];
                      evidence is "at run time" or "recordings"; arrays has,
                      also of those that agree, {"path", "compared",
                      "identical", "within_tolerance", "different",
                      "largest_absolute"}
    differences       [{"function", "evidence", "place", "kind", "path",
                      "stored", "found", "tolerated", "masks"}, ...]
    speed             [{"name", "about", "seconds", "bytes"}, ...], each
                      null or [old, new]
    defects           [{"code", "summary", "count", "places"}, ...]
    problems          [{"source", "tool", "file", "why"}, ...]
    next_steps        [{"title", "why", "commands", "places", "kind",
                      "optional"}]: kind is "required", "check" (what shows
                      that no number changes) or "optional"
"""

import importlib.metadata
import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from tfmpe.migrate.exit_codes import CLEAN, FINDINGS, INCOMPLETE

from .code_inputs import Scan
from .facts import about, facts_of, notes_of
from .joining import join
from .numbers import (
    RECORDED,
    Defect,
    FoundDifference,
    FunctionParity,
    Speed,
    defects_of,
    differences_of,
    parity_of,
    speed_of,
)
from .places import FileNames
from .problems import Problem, problems_of
from .reading import Source
from .sites import STATUSES, JoinedSite
from .step import Step
from .steps import next_steps
from .verdict import verdict

__all__ = ["PageContent", "build"]

FORMAT = 1


@dataclass(frozen=True)
class PageContent:
    """All that a page shows.

    Attributes
    ----------
    sources : tuple of Source
    sites : tuple of JoinedSite
    parity : tuple of FunctionParity
    differences : tuple of FoundDifference
    speed : tuple of Speed
    defects : tuple of Defect
    problems : tuple of Problem
    steps : tuple of Step
    made : datetime
    """

    sources: tuple[Source, ...]
    sites: tuple[JoinedSite, ...]
    parity: tuple[FunctionParity, ...]
    differences: tuple[FoundDifference, ...]
    speed: tuple[Speed, ...]
    defects: tuple[Defect, ...]
    problems: tuple[Problem, ...]
    steps: tuple[Step, ...]
    made: datetime

    @property
    def exit_code(self) -> int:
        """0 equal and nothing left, 1 differences or work, 3 incomplete."""
        if self.problems or not any(p.tally.compared for p in self.parity):
            return INCOMPLETE
        differs = any(each.tally.different for each in self.parity) or any(
            not each.tolerated for each in self.differences
        )
        work = any(not step.optional for step in self.steps)
        return FINDINGS if differs or work else CLEAN

    @property
    def counts(self) -> dict[str, int]:
        """Number of sites of each status that occurs, in their order."""
        found = Counter(each.status for each in self.sites)
        return {name: found[name] for name in STATUSES if found[name]}

    @property
    def verdict(self) -> str:
        """The outcome in a sentence or two."""
        return verdict(self.sites, self.parity, self.problems)

    @property
    def version(self) -> str:
        """Of this package."""
        try:
            return importlib.metadata.version("tfmpe")
        except importlib.metadata.PackageNotFoundError:
            return "not installed"

    def to_json(self) -> str:
        """Return the content as json, as this module's docstring lays out.

        Returns
        -------
        str
            Indented json of ASCII with a line end; no not-a-number in it.
        """
        content: dict[str, Any] = {
            "format": FORMAT,
            "tool": "report",
            "exit_code": self.exit_code,
            "verdict": self.verdict,
            "made": self.made.isoformat(timespec="seconds"),
            "version": self.version,
            "inputs": [
                {
                    "file": source.file,
                    "tool": source.tool,
                    "about": about(source.content),
                    "notes": notes_of(source.content),
                    "facts": facts_of(source.content),
                }
                for source in self.sources
            ],
            "counts": self.counts,
            "call_sites": sum(each.is_call_site for each in self.sites),
        }
        for name, entries in (
            ("sites", self.sites),
            ("parity", self.parity),
            ("differences", self.differences),
            ("speed", self.speed),
            ("defects", self.defects),
            ("problems", self.problems),
            ("next_steps", self.steps),
        ):
            content[name] = [entry.to_json() for entry in entries]
        return json.dumps(content, indent=1, allow_nan=False) + "\n"


def build(
    sources: Sequence[Source],
    base: Path | None = None,
    made: datetime | None = None,
) -> PageContent:
    """Join what the commands have written.

    Parameters
    ----------
    sources
        Their json files, as read.
    base
        The folder that relative paths start from; the current one by default.
    made
        The time to print; now by default.

    Returns
    -------
    PageContent
    """
    names = FileNames(_scanned(sources), Path.cwd() if base is None else base)
    sites = tuple(join(sources, names))
    parity = tuple(parity_of(sources))
    recorded = {
        each.function: each.tally.verdict
        for each in parity
        if each.evidence == RECORDED
    }
    for joined in sites:
        joined.recorded = recorded.get(joined.function or "")
    defects = tuple(defects_of(sources, names))
    problems = tuple(problems_of(sources))
    return PageContent(
        tuple(sources),
        sites,
        parity,
        tuple(differences_of(sources, names)),
        tuple(speed_of(parity, sources)),
        defects,
        problems,
        tuple(next_steps(sources, sites, parity, defects, problems)),
        datetime.now(UTC) if made is None else made,
    )


def _scanned(sources: Sequence[Source]) -> list[str]:
    return [
        each.file
        for source in sources
        if isinstance(source.content, Scan)
        for each in (*source.content.sites, *source.content.undecided)
    ]
