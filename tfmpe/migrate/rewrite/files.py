"""Files with rewritten import statements, in memory, and what is left."""

import ast
import difflib
import os
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tfmpe.migrate.errors import one_line
from tfmpe.migrate.legacy_names import LEGACY
from tfmpe.migrate.records.code import Change, Mention, Unread
from tfmpe.migrate.records.places import Place
from tfmpe.migrate.sources import (
    Cell,
    Source,
    SourceError,
    as_source,
    check_compiles,
    check_syntax,
    find_sources,
    is_configuration,
    read_content,
    read_source,
    shown,
)

from .bridge import imported, is_ours, missing
from .imports import Statement, statements
from .mentions import (
    is_named_in,
    lines_that_name,
    script_lines,
    strings_that_name,
)
from .own_module import own_module

Progress = Callable[[float, str], None]

_OTHER = "a line that is not Python code mentions the package"
_STAR = "a star import from the bridge binds other names; list the names"


@dataclass(frozen=True)
class Rewritten:
    """A file before and after the rewrite, and what is left."""

    path: Path
    old: bytes
    new: bytes
    changes: tuple[Change, ...] = ()
    left: tuple[Mention, ...] = ()
    source: Source | None = None  # if it imports the legacy package

    def diff(self) -> bytes:
        """Return the unified diff of the old and the new content."""
        name = os.fsencode(Path(os.path.relpath(self.path)).as_posix())
        # In a diff, a tab ends a name that contains spaces.
        name += b"\t" * (b" " in name)
        both = (self.old, self.new)
        old, new = (re.findall(rb"[^\n]*\n|[^\n]+", each) for each in both)
        lines = difflib.diff_bytes(
            difflib.unified_diff, old, new, b"a/" + name, b"b/" + name
        )
        no_end = b"\n\\ No newline at end of file\n"
        return b"".join(x if x.endswith(b"\n") else x + no_end for x in lines)


def rewrite_files(
    paths: Sequence[str | Path], progress: Progress | None = None
) -> tuple[list[Rewritten], list[Unread]]:
    """Return files with rewritten imports; nothing is written."""
    found, errors = find_sources(paths)
    tops = [Path(path).resolve() for path in (".", *paths)]
    files: list[Rewritten] = []
    unread = [Unread(error.file, error.why) for error in errors]
    for number, path in enumerate(found):
        if progress is not None:
            progress(number / len(found), path.name)
        try:
            if is_configuration(path):
                files.append(_configuration(path))
            else:
                files.append(_rewrite(path, tops))
        except SourceError as error:
            unread.append(Unread(error.file, error.why))
    return files, unread


def _configuration(path: Path) -> Rewritten:
    content = read_content(path)
    left = (
        _left(Place(shown(path), number, column), line, _OTHER)
        for number, column, line in lines_that_name(content)
    )
    return Rewritten(path, content, content, (), tuple(left))


def _rewrite(path: Path, tops: list[Path]) -> Rewritten:
    source = read_source(path)
    trees = [check_syntax(source, cell) for cell in source.cells]
    cells = list(zip(source.cells, trees, strict=True))
    found = [(cell, list(statements(cell, tree))) for cell, tree in cells]
    own = own_module(path, tops) if any(here for _, here in found) else None
    changes = [
        Change(_place(source, cell, x.node), x.before, x.after, x.name)
        for cell, here in found
        for x in here
        if own or x.after != x.before
    ]
    if own is not None:
        why = f"{shown(own)} shadows the package of that name"
        left = tuple(_left(each.place, each.before, why) for each in changes)
        return Rewritten(path, source.content, source.content, (), left)
    texts = [_edited(cell, here) for cell, here in found]
    new = source.with_texts(texts)
    if new != source.content:
        _check(as_source(path, new), texts)
    nodes = {node: cell for cell, tree in cells for node in ast.walk(tree)}
    ours = [(n, x) for n in nodes for _, x in imported(n) if is_ours(x)]
    places = [(*each, "T004") for each in strings_that_name(trees)]
    places += [(node, _STAR, "T002") for node, x in ours if x.endswith("*")]
    if ours:
        places += [(*each, "T003") for each in missing(list(nodes))]
    left = list(_other_lines(source))
    for node, why, code in places:
        place = _named_at(source, nodes[node], node)
        left.append(_left(place, nodes[node].line(place.line), why, code))
    changed, left = sorted(changes, key=_order), sorted(set(left), key=_order)
    both = tuple(changed), tuple(left)
    return Rewritten(path, source.content, new, *both, source if ours else None)


def _edited(cell: Cell, found: list[Statement]) -> str:
    text = cell.text
    # From last to first, so that earlier offsets stay valid.
    for each in sorted(found, key=lambda x: x.start, reverse=True):
        end = each.start + len(each.before)
        text = text[: each.start] + each.after + text[end:]
    return text


def _place(source: Source, cell: Cell, node: Any) -> Place:
    column = cell.column_of(node.lineno, node.col_offset)
    return source.place(cell, node.lineno, column)


def _named_at(source: Source, cell: Cell, node: Any) -> Place:
    """Return the place of the first line of a node that is a mention."""
    for number in range(node.lineno, node.end_lineno + 1):
        line = cell.line(number)
        if is_named_in(line) and number > node.lineno:
            return source.place(cell, number, line.index(LEGACY))
        if is_named_in(line):
            break
    return _place(source, cell, node)


def _check(new: Source, texts: list[str]) -> None:
    """Raise `SourceError` unless the new content parses as expected."""
    whole = [cell.text for cell in new.cells] == texts
    for cell in new.cells:
        check_compiles(new, cell)
        again = statements(cell, check_syntax(new, cell))
        if not whole or any(each.before != each.after for each in again):
            raise SourceError(new.path, "it could not be rewritten")


def _other_lines(source: Source) -> Iterator[Mention]:
    for cell in source.cells:
        magics = [(magic.line, magic.text) for magic in cell.magics]
        for line, text in [*magics, *script_lines(cell.text)]:
            if is_named_in(text):
                place = Place(shown(source.path), line, 1, cell.number)
                yield _left(place, text, _OTHER)


def _left(place: Place, line: str, why: str, code: str = "T004") -> Mention:
    return Mention(place, one_line(" ".join(line.split()), 120), why, code)


def _order(found: Change | Mention) -> tuple:
    return found.place.cell or 0, found.place
