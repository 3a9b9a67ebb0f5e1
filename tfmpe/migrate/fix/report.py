"""What `tfmpe fix` did, as json and as lines to print."""

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from tfmpe.migrate.errors import one_line
from tfmpe.migrate.exit_codes import CLEAN, FINDINGS, INCOMPLETE
from tfmpe.migrate.show.words import counted
from tfmpe.migrate.sources import SourceError
from tfmpe.migrate.sources.errors import shown

from .files import FixedFile

__all__ = ["FixReport"]


@dataclass(frozen=True)
class FixReport:
    """The outcome of one run.

    Attributes
    ----------
    files : tuple of FixedFile
    not_read : tuple of SourceError
        Files that could not be read, or could not be written.
    run : str or None
        Where the originals are kept; None if nothing was written.
    only_asked : bool
        Whether nothing was to be written.
    in_use : int or None
        Places that use a legacy name afterwards, as `tfmpe scan` finds them:
        it follows names from file to file. None if that was not asked.
    """

    files: Sequence[FixedFile]
    not_read: Sequence[SourceError]
    run: str | None
    only_asked: bool
    in_use: int | None = None

    @property
    def changed(self) -> list[FixedFile]:
        """The files that are, or would be, other ones."""
        return [file for file in self.files if file.changed]

    @property
    def exit_code(self) -> int:
        """How the command ends."""
        if self.not_read:
            return INCOMPLETE
        left = self.in_use or any(file.left for file in self.files)
        return FINDINGS if left or (self.only_asked and self.changed) else CLEAN

    def to_json(self) -> str:
        """Return everything, in format 1."""
        return json.dumps(
            {
                "format": 1,
                "tool": "fix",
                "run": self.run,
                "in_use": self.in_use,
                "exit_code": self.exit_code,
                "changed": [
                    {
                        "file": shown(file.path),
                        "edits": [
                            {
                                "cell": cell,
                                "line": edit.line,
                                "code": edit.code,
                                "safety": edit.safety,
                                "before": edit.before,
                                "after": edit.after,
                            }
                            for cell, edit in file.edits
                        ],
                    }
                    for file in self.changed
                ],
                "left": [
                    {
                        "file": shown(file.path),
                        "cell": cell,
                        "line": left.line,
                        "code": left.code,
                        "why": "; ".join(filter(None, (left.why, left.note))),
                    }
                    for file in self.files
                    for cell, left in file.left
                ],
                "not_read": [
                    {"file": error.file, "why": error.why}
                    for error in self.not_read
                ],
            },
            indent=2,
        )

    def lines(self) -> Iterator[str]:
        """Yield what is printed: findings by place, notes, a summary.

        Many places share a note, which is printed once.
        """
        notes: dict[str, int] = {}

        def look(note: str) -> str:
            if not note:
                return ""
            return f"; look at [{notes.setdefault(note, len(notes) + 1)}]"

        for file in self.files:
            for cell, edit in file.edits:
                if edit.note:
                    place = _place(file, cell, edit.line)
                    yield f"{place}: {edit.code} rewritten{look(edit.note)}"
            for cell, left in file.left:
                place = _place(file, cell, left.line)
                why = f"{one_line(left.why)}{look(left.note)}"
                yield f"{place}: {left.code} left: {why}"
        for error in self.not_read:
            yield f"{error.file}: not rewritten: {error.why}"
        for note, number in notes.items():
            yield f"[{number}] {note}"
        yield self._summary()

    def _summary(self) -> str:
        n_edits = sum(len(file.edits) for file in self.files)
        codes: Counter[str] = Counter(
            edit.code for file in self.files for _, edit in file.edits
        )
        n_left = sum(len(file.left) for file in self.files)
        listed = ", ".join(f"{n} {code}" for code, n in sorted(codes.items()))
        verb = "would be rewritten" if self.only_asked else "rewritten"
        of = f" ({listed})" if listed else ""
        files = counted(len(self.files), "file")
        parts: list[Any] = [
            f"{len(self.changed)} of {files} {verb}, "
            f"{counted(n_edits, 'edit')}{of}",
            f"{n_left} left to do",
        ]
        if self.not_read:
            parts.append(f"{len(self.not_read)} not read or written")
        if self.in_use is not None:
            uses = counted(self.in_use, "place uses", "places use")
            parts.append(f"{uses} legacy names (tfmpe scan)")
        return "; ".join(parts)


def _place(file: FixedFile, cell: int | None, line: int) -> str:
    where = f"{line}" if cell is None else f"cell {cell}:{line}"
    return f"{shown(file.path)}:{where}"
