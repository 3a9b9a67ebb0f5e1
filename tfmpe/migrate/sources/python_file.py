"""Python files: their encoding, kept as it is."""

import codecs
import io
import tokenize
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from .errors import SourceError
from .source import Cell, Source

__all__ = ["PythonFile"]

_WIDE = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE, codecs.BOM_UTF32_BE)


@dataclass(frozen=True)
class PythonFile(Source):
    """A Python file, and the encoding that it names (PEP 263)."""

    encoding: str

    @classmethod
    def from_bytes(cls, path: Path, content: bytes) -> "PythonFile":
        """Return a decoded file, or raise `SourceError`."""
        if content.startswith(_WIDE):
            why = "UTF-16 or UTF-32, which Python does not read either"
            raise SourceError(path, why)
        before, nul, _ = content.partition(b"\0")
        if nul:
            line = before.count(b"\n") + 1
            raise SourceError(path, f"NUL byte in line {line}: not Python code")
        try:
            encoding = _encoding(content)
            text = content.decode(encoding)
        except UnicodeDecodeError as error:
            line = content[: error.start].count(b"\n") + 1
            why = (
                f"line {line} is not {error.encoding}; the first line must "
                "name the encoding, as in # -*- coding: latin-1 -*-"
            )
            raise SourceError(path, why) from None
        except (SyntaxError, LookupError) as error:
            # Unknown, or not an encoding of text; SyntaxError names the file.
            why = getattr(error, "msg", None) or str(error)
            raise SourceError(path, f"wrong encoding: {why}") from None
        return cls(path, (Cell(None, text, text),), content, encoding)

    def _encode(self, texts: Sequence[str]) -> bytes:
        if self.cells[0].text.encode(self.encoding) != self.content:
            raise SourceError(
                self.path,
                f"written again in its encoding, {self.encoding}, other parts "
                "of the file would change; convert it to UTF-8 first",
            )
        return texts[0].encode(self.encoding)


def _encoding(content: bytes) -> str:
    try:
        return tokenize.detect_encoding(io.BytesIO(content).readline)[0]
    except SyntaxError as error:
        if str(error.msg).startswith("invalid or missing"):
            # Raises an error that names the line, if this is what is wrong.
            content.decode("utf-8")
        raise
