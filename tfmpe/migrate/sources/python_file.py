"""Python files: their encoding, kept as it is."""

import codecs
import io
import tokenize
from pathlib import Path

from .errors import SourceError
from .source import Cell, Source

__all__ = ["python_file"]

_WIDE = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE, codecs.BOM_UTF32_BE)


def python_file(path: Path, content: bytes) -> Source:
    """Return a Python file in the encoding that it names (PEP 263)."""
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
    cell = Cell(None, text, text)
    return Source(path, (cell,), content, lambda new: new[0].encode(encoding))


def _encoding(content: bytes) -> str:
    try:
        return tokenize.detect_encoding(io.BytesIO(content).readline)[0]
    except SyntaxError as error:
        if str(error.msg).startswith("invalid or missing"):
            # Raises an error that names the line, if this is what is wrong.
            content.decode("utf-8")
        raise
