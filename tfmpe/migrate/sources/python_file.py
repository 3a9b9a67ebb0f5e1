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
    """A Python file.

    Attributes
    ----------
    encoding : str
        As the file says (PEP 263); UTF-8 if it says nothing.
    tail : str
        A last carriage return, which libcst would lose, else nothing.
    """

    encoding: str
    tail: str = ""

    @classmethod
    def from_bytes(cls, path: Path, content: bytes) -> "PythonFile":
        """Decode a file.

        Parameters
        ----------
        path
            Its name, for errors.
        content
            All of it.

        Returns
        -------
        PythonFile

        Raises
        ------
        SourceError
            If it is no text in its encoding.
        """
        if content.startswith(_WIDE):
            raise SourceError(
                path, "UTF-16 or UTF-32, which Python does not read either"
            )
        if b"\0" in content:
            line = content[: content.index(b"\0")].count(b"\n") + 1
            raise SourceError(path, f"NUL byte in line {line}: no Python code")
        try:
            encoding = _encoding(content)
            text = content.decode(encoding)
        except UnicodeDecodeError as error:
            line = content[: error.start].count(b"\n") + 1
            raise SourceError(
                path,
                f"line {line} is not {error.encoding}; the first line must "
                "name the encoding, as in # -*- coding: latin-1 -*-",
            ) from None
        except (SyntaxError, LookupError) as error:
            # Unknown, or no encoding of text; SyntaxError names the file.
            why = getattr(error, "msg", None) or str(error)
            raise SourceError(path, f"wrong encoding: {why}") from None
        tail = "\r" if text.endswith("\r") else ""
        return cls(
            path,
            (Cell(None, text.removesuffix(tail)),),
            content,
            encoding,
            tail,
        )

    def _encode(self, codes: Sequence[str]) -> bytes:
        (old,), (new,) = self.cells, codes
        if (old.code + self.tail).encode(self.encoding) != self.content:
            raise ValueError(
                f"written again in its encoding, {self.encoding}, other parts "
                "of the file would change; convert it to UTF-8 first"
            )
        return (new + self.tail).encode(self.encoding)


def _encoding(content: bytes) -> str:
    try:
        return tokenize.detect_encoding(io.BytesIO(content).readline)[0]
    except SyntaxError as error:
        if str(error.msg).startswith("invalid or missing"):
            # Says where, if this is what is wrong.
            content.decode("utf-8")
        raise
