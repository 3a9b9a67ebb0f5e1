"""Rewriting files: everything is computed before anything is written."""

import difflib
import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import libcst as cst

from tfmpe.migrate.names.reach import Reach
from tfmpe.migrate.sources import Cell, Source, SourceError, parse
from tfmpe.migrate.sources.parse import check_syntax, deep_recursion

from .present import UnfaithfulError
from .result import Edit, Left, Options, Rewritten
from .rewrite import rewrite
from .surroundings import in_surroundings

__all__ = ["FixedFile", "Fixes", "fix_files"]

Progress = Callable[[float, str], None]


@dataclass(frozen=True)
class FixedFile:
    """A file and what becomes of it.

    Attributes
    ----------
    path : Path
        As given.
    old, new : bytes
    edits : tuple of (int or None, Edit)
        With the cell, of a notebook; lines count within it.
    left : tuple of (int or None, Left)
    """

    path: Path
    old: bytes
    new: bytes
    edits: tuple[tuple[int | None, Edit], ...] = ()
    left: tuple[tuple[int | None, Left], ...] = ()

    @property
    def changed(self) -> bool:
        """Whether the file would be another one."""
        return self.old != self.new

    def diff(self) -> str:
        """Return the difference between old and new, as of ``diff -u``."""
        name = self.path.as_posix()
        lines = difflib.unified_diff(
            _lines(self.old), _lines(self.new), f"a/{name}", f"b/{name}"
        )
        return "".join(
            line
            if line.endswith("\n")
            else f"{line}\n\\ No newline at end of file\n"
            for line in lines
        )


@dataclass(frozen=True)
class Fixes:
    """What becomes of all files.

    Attributes
    ----------
    files : tuple of FixedFile
        All that could be read.
    not_read : tuple of SourceError
    """

    files: tuple[FixedFile, ...]
    not_read: tuple[SourceError, ...]


def fix_files(
    paths: Sequence[str | Path],
    options: Options,
    progress: Progress | None = None,
) -> Fixes:
    """Rewrite files in memory.

    Parameters
    ----------
    paths
        Files and folders.
    options
    progress
        Called with the share that is done, and the name of a file.

    Returns
    -------
    Fixes
    """
    told = progress or (lambda share, label: None)
    reach = Reach(paths, lambda share, label: told(0.3 * share, label))
    files: list[FixedFile] = []
    failed: list[SourceError] = []
    for number, (path, source) in enumerate(reach.sources.items()):
        told(0.3 + 0.7 * number / len(reach.sources), path.name)
        try:
            files.append(_fix(source, options, reach))
        except SourceError as error:
            failed.append(error)
    # What could not be parsed for its names may have been tried twice.
    by_file = {error.file: error for error in (*reach.not_read, *failed)}
    return Fixes(tuple(files), tuple(by_file.values()))


def _fix(source: Source, options: Options, reach: Reach) -> FixedFile:
    if source.path not in reach.documents:
        return FixedFile(source.path, source.content, source.content)
    for cell in source.cells:
        parse(source, cell)
    options = in_surroundings(options, source)
    token = _token(source)
    joined = _join([cell.code for cell in source.cells], token)
    try:
        with deep_recursion():
            result = rewrite(joined, options, source.path, reach)
    except (cst.ParserSyntaxError, UnfaithfulError, RecursionError) as error:
        raise SourceError(
            source.path, f"it could not be rewritten: {error}"
        ) from None
    codes = _split(result.code, token, len(source.cells))
    for cell, code in zip(source.cells, codes, strict=True):
        # Whatever went wrong, no file becomes something that is not Python.
        check_syntax(source, Cell(cell.number, code, cell.magics))
    new = source.with_cells(codes)
    edits, left = _by_cell(source, joined, token, result)
    return FixedFile(source.path, source.content, new, edits, left)


def _token(source: Source) -> str:
    """Return a mark between cells that is not in any of them."""
    while True:
        token = secrets.token_hex(8)
        if token.encode() not in source.content:
            return token


def _join(codes: Sequence[str], token: str) -> str:
    # A string, since a comment would be one with those of the next cell.
    return f'\n"{token}"\n'.join(codes)


def _split(code: str, token: str, n_cells: int) -> list[str]:
    codes = code.split(f'\n"{token}"\n')
    if len(codes) != n_cells:
        raise RuntimeError(f"{n_cells} cells became {len(codes)}.")
    return codes


def _by_cell(
    source: Source, joined: str, token: str, result: Rewritten
) -> tuple[
    tuple[tuple[int | None, Edit], ...], tuple[tuple[int | None, Left], ...]
]:
    """Say in which cell each line is, and count lines within it."""
    places: list[tuple[int | None, int]] = [(None, 0)]
    for cell, code in zip(
        source.cells, _split(joined, token, len(source.cells)), strict=True
    ):
        n_lines = len(code.encode().splitlines()) or 1
        if code.endswith(("\n", "\r")):
            n_lines += 1
        places += [(cell.number, line + 1) for line in range(n_lines)]
        # The mark has a line of its own.
        places.append((cell.number, n_lines))
    edits, left = [], []
    for edit in result.edits:
        cell, line = places[edit.line]
        edits.append((cell, replace(edit, line=line)))
    for each in result.left:
        cell, line = places[each.line]
        left.append((cell, replace(each, line=line)))
    return tuple(edits), tuple(left)


def _lines(content: bytes) -> list[str]:
    return content.decode("utf-8", "replace").splitlines(keepends=True)
