"""Joining what was found in the code with what was seen at run time."""

from collections.abc import Iterable, Sequence

from .code_inputs import Fix, Scan, Site
from .places import FileNames
from .reading import Source
from .run_inputs import Call, Difference, NotCompared, Run, Shadow, Warned
from .sites import JoinedSite, short_name
from .tally import Tally

__all__ = ["join"]

_Located = Call | Difference | NotCompared | Warned


def join(sources: Iterable[Source], names: FileNames) -> list[JoinedSite]:
    """Return every site with what was seen of it.

    A call is of the smallest site around its line that has its name; two such
    sites on one line share it. A call of no site becomes one.

    Parameters
    ----------
    sources
        What all commands have said.
    names
        The scanner's names of files.

    Returns
    -------
    list of JoinedSite
        By file, cell, line and column.
    """
    contents = [source.content for source in sources]
    sites = _scanned([each for each in contents if isinstance(each, Scan)])
    joining = _Joining(sites, names)
    for content in contents:
        if isinstance(content, Fix):
            joining.add_fix(content)
    for content in contents:
        if isinstance(content, Run | Shadow):
            joining.add_run(content)
    return sorted(joining.sites, key=_order)


def _order(joined: JoinedSite) -> tuple:
    site = joined.site
    return site.file, site.cell or 0, site.line, site.column, site.code


def _scanned(scans: Sequence[Scan]) -> list[JoinedSite]:
    """Return all sites, each once however many scans have found it."""
    found: dict[tuple, JoinedSite] = {}
    for scan in scans:
        for site in scan.sites:
            key = (site.file, site.cell, site.line, site.column, site.code)
            found.setdefault(key, JoinedSite(site))
        for each in scan.undecided:
            key = (each.file, each.cell, each.line, each.column, each.code)
            site = Site(
                each.file,
                each.line,
                each.code,
                each.column,
                cell=each.cell,
                text=each.text,
            )
            found.setdefault(key, JoinedSite(site, undecided=each.why))
    return list(found.values())


class _Joining:
    def __init__(self, sites: list[JoinedSite], names: FileNames):
        self.sites = sites
        self._file = names.shown
        self._by_cell: dict[tuple, list[JoinedSite]] = {}
        for each in sites:
            self._index(each)

    def _index(self, joined: JoinedSite) -> None:
        site = joined.site
        self._by_cell.setdefault((site.file, site.cell), []).append(joined)

    def _add(self, joined: JoinedSite) -> JoinedSite:
        self.sites.append(joined)
        self._index(joined)
        return joined

    def add_fix(self, fix: Fix) -> None:
        for edited in fix.changed if fix.run is not None else ():
            file = self._file(edited.file)
            for edit in edited.edits:
                found = self._same(file, edit.cell, edit.line, edit.code)
                if not found:
                    site = Site(
                        file,
                        edit.line,
                        edit.code,
                        cell=edit.cell,
                        text=edit.before,
                        becomes=edit.after,
                        safety=edit.safety,
                    )
                    found = [self._add(JoinedSite(site, "fix"))]
                for joined in found:
                    joined.rewritten = True
        for left in fix.left:
            file = self._file(left.file)
            found = self._same(file, left.cell, left.line, left.code)
            if not found:
                site = Site(file, left.line, left.code, cell=left.cell)
                found = [self._add(JoinedSite(site, "fix"))]
            for joined in found:
                _note(joined.left, left.why)

    def add_run(self, run: Run | Shadow) -> None:
        for each in run.not_compared if isinstance(run, Shadow) else ():
            for joined in self._around(each):
                _note(joined.not_compared, each.why)
        for call in run.calls:
            found = self._around(call) or [self._made(call)]
            for joined in found:
                joined.tally += Tally.of(call)
                joined.shared |= len(found) > 1
                if call.mode is not None:
                    _note(joined.modes, call.mode)
        if isinstance(run, Shadow):
            for difference in run.differences:
                if not difference.tolerated:
                    self._ensure_different(difference)
        for warned in run.warnings:
            for joined in self._around(warned):
                _note(joined.defects, warned.code)

    def _ensure_different(self, difference: Difference) -> None:
        """Let a difference count though the numbers of its call do not."""
        for joined in self._around(difference) or [self._made(difference)]:
            if not joined.tally.different:
                joined.tally += Tally(different=1)

    def _made(self, seen: Call | Difference) -> JoinedSite:
        site = Site(
            self._file(seen.file),
            seen.line,
            "",
            cell=seen.cell,
            name=seen.function,
        )
        within = self._spanning(seen)
        # Only a call that is not compared itself lets its own be seen.
        callers = [each.function for each in within if each.not_compared]
        return self._add(
            JoinedSite(site, "run", caller=callers[0] if callers else None)
        )

    def _same(
        self, file: str, cell: int | None, line: int, code: str
    ) -> list[JoinedSite]:
        return [
            joined
            for joined in self._by_cell.get((file, cell), [])
            if joined.site.line == line and joined.site.code == code
        ]

    def _around(self, seen: _Located) -> list[JoinedSite]:
        """Return the smallest sites around a line that may be what ran."""
        around = self._spanning(seen)
        if not isinstance(seen, Warned):
            around = _of_function(around, seen.function)
        smallest = min(map(_height, around), default=0)
        return [each for each in around if _height(each) == smallest]

    def _spanning(self, seen: _Located) -> list[JoinedSite]:
        """Return the sites of calls whose lines include one that ran."""
        key = self._file(seen.file), seen.cell
        return [
            joined
            for joined in self._by_cell.get(key, [])
            if joined.is_called
            and 0 <= seen.line - joined.site.line <= _height(joined)
        ]


def _of_function(sites: list[JoinedSite], function: str) -> list[JoinedSite]:
    """Return the sites of a function, else those of an unknown one."""
    wanted = _last(function)
    named = [
        each
        for each in sites
        if each.site.name and _last(each.site.name) == wanted
    ]
    return named or [each for each in sites if each.site.name is None]


def _last(function: str) -> str:
    return short_name(function).rpartition(".")[2]


def _height(joined: JoinedSite) -> int:
    """Return how many lines a site has below its first."""
    return max(0, (joined.site.end_line or joined.site.line) - joined.site.line)


def _note(notes: list[str], note: str) -> None:
    if note not in notes:
        notes.append(note)
