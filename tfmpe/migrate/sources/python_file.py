"""Python files, in their own encoding."""

import io
import tokenize
from pathlib import Path

from .errors import SourceError
from .source import Cell, Source


def python_file(path: Path, content: bytes) -> Source:
    """Return a Python file in its declared encoding (PEP 263)."""
    try:
        encoding, _ = tokenize.detect_encoding(io.BytesIO(content).readline)
        text = content.decode(encoding)
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        why = f"line {line} is not {error.encoding}; the first line must name "
        why += "the encoding, as in # -*- coding: latin-1 -*-"
        raise SourceError(path, why) from None
    except (SyntaxError, LookupError) as error:
        raise SourceError(path, f"wrong encoding: {error}") from None
    cell = Cell(None, text, text)
    return Source(path, (cell,), content, lambda new: new[0].encode(encoding))
