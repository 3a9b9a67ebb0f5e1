"""Legacy uses in the code, joined with the results of runs."""

from collections.abc import Sequence
from typing import Literal

from tfmpe.migrate.catalogue import NAMES
from tfmpe.migrate.records.code import Fix, Scan, Use
from tfmpe.migrate.records.parity import Tally
from tfmpe.migrate.records.places import Place
from tfmpe.migrate.records.runs import ComparedCalls, Run, Shadow

from .file_names import FileNames
from .gather import Source, only
from .views import Site, Status

_KNOWN = {entry.name: entry for entry in NAMES.values()}


def join(sources: Sequence[Source], names: FileNames) -> list[Site]:
    """Return every site with its run results, by file, cell and line.

    A call belongs to the smallest site that has its name and includes its line.
    Two such sites on one line share the call; without any, a site is added.
    """
    joining = _Joining(names)
    for fix in only(sources, Fix):
        for change in (c for file in fix.changed for c in file.changes):
            place, old = names.at(change.place), change.before
            last = place.line + old.count("\n")
            use = Use(place, last, 1, "T001", "", old, change.after)
            joining.add(use, "changed" if fix.written else "left")
    for scan in only(sources, Scan):
        for use in scan.uses:
            joining.add(use)
    for run in only(sources, Run, Shadow):
        joining.add_run(run)
    for site in joining.sites:
        site.status = _status(site)
    return sorted(
        joining.sites,
        key=lambda s: (s.use.place.file, s.use.place.cell or 0, s.use.place),
    )


def short_name(function: str) -> str:
    """Return a legacy function's short name, with the class of a method."""
    *before, last = function.removesuffix(".__init__").split(".")
    of_class = bool(before) and _is_class(before[-1])
    return f"{before[-1]}.{last}" if of_class else last


def _is_class(name: str) -> bool:
    return name.lstrip("_")[:1].isupper()


def _kind(function: str) -> Literal["call", "construction", "constant"]:
    known = _KNOWN.get(function)
    if known is not None and known.kind == "constant":
        return "constant"
    return "construction" if _is_class(function.split(".")[-1]) else "call"


def _status(site: Site) -> Status:
    """Return the status of a site; a difference always takes precedence."""
    outcome = site.tally.outcome
    if site.kind == "import":
        return site.status
    if outcome == "different":
        return outcome
    if site.kind != "call":
        return "no result"
    return outcome or ("seen" if site.ran else "unseen")


class _Joining:
    def __init__(self, names: FileNames):
        self.sites: list[Site] = []
        self._names = names
        self._by_cell: dict[tuple, list[Site]] = {}

    def _add(self, site: Site) -> Site:
        self.sites.append(site)
        place = site.use.place
        self._by_cell.setdefault((place.file, place.cell), []).append(site)
        return site

    def add(self, use: Use, status: Status = "left") -> None:
        """Add a use once, even if several scans and rewrites have found it."""
        function = short_name(use.name)
        kind = "import" if use.code.startswith("T0") else _kind(function)
        for each in self._around(use.place):
            same = (each.use.place, each.use.name) == (use.place, use.name)
            if each.kind == kind and (kind == "import" or same):
                return
        self._add(Site(use, kind, function, status))

    def add_run(self, run: Run | Shadow) -> None:
        for call in run.calls:
            found = self._of(call.place, call.function)
            for site in found:
                site.calls += call.calls
                site.shared |= len(found) > 1
                if isinstance(call, ComparedCalls):
                    site.tally += call.tally
                    site.traced |= call.mode == "traced"
        if isinstance(run, Shadow):
            for left in run.not_compared:
                for site in self._of(left.place, left.function):
                    _note(site.not_compared, left.why)
            for each in run.differences:
                for site in self._of(each.place, each.function):
                    # A difference counts even if the tally does not include it.
                    if not (site.tally.different or each.difference.tolerated):
                        site.tally += Tally.of("different")
        for warned in run.warnings:
            for site in _smallest(self._calls(self._names.at(warned.place))):
                _note(site.defects, warned.code)

    def _of(self, place: Place, name: str) -> list[Site]:
        """Return the smallest sites that match a call, or a new site."""
        place, function = self._names.at(place), short_name(name)
        last = function.split(".")[-1]
        around = self._calls(place)
        named = [s for s in around if s.function.split(".")[-1] == last]
        if named:
            return _smallest(named)
        known = _KNOWN.get(function)
        code, becomes = (known.code, known.becomes) if known else ("", None)
        use = Use(place, place.line, 1, code, name, "", becomes)
        return [self._add(Site(use, _kind(function), function, "unseen", True))]

    def _around(self, place: Place) -> list[Site]:
        """Return the sites whose lines include a place."""
        return [
            each
            for each in self._by_cell.get((place.file, place.cell), ())
            if each.use.place.line <= place.line <= each.use.end_line
        ]

    def _calls(self, place: Place) -> list[Site]:
        kinds = "call", "construction"
        return [each for each in self._around(place) if each.kind in kinds]


def _smallest(sites: list[Site]) -> list[Site]:
    heights = [site.use.end_line - site.use.place.line for site in sites]
    both = zip(sites, heights, strict=True)
    return [site for site, height in both if height == min(heights)]


def _note(notes: list[str], note: str) -> None:
    if note not in notes:
        notes.append(note)
