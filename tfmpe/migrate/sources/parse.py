"""From the code of a cell to a syntax tree, within limits."""

import ast
import re
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

import libcst as cst

from .errors import SourceError
from .source import Cell, Source

__all__ = ["MAX_DEPTH", "check_syntax", "deep_recursion", "parse"]

MAX_DEPTH = 400
"""Deepest nesting of the syntax. Beyond, libcst could end the process."""

MAX_CODE = 2_000_000
"""Most characters that are parsed; libcst takes about a second for 100,000."""

_PYTHON_2 = re.compile(
    r"""(?mx) ^\s*(?:
        print[ ]+(?:["'\w%]|>>) | exec[ ]+["'\w]
      | except[ ]+[\w.]+\s*,\s*\w+\s*: | raise[ ]+[\w.]+\s*,
    )| <> | \b0[0-7]+\b | \bur["'] | `\w"""
)


def parse(source: Source, cell: Cell) -> cst.Module:
    """Return the syntax tree of a cell.

    Parameters
    ----------
    source
        Where it is.
    cell
        One of its cells.

    Returns
    -------
    Module

    Raises
    ------
    SourceError
        If it is no Python of this version, or too large or too deeply nested.
    """
    if len(cell.code) > MAX_CODE:
        raise SourceError(
            source.path,
            f"{len(cell.code):,} characters of code are too many to be "
            f"parsed (at most {MAX_CODE:,}); split the file, or leave it out",
        )
    # First, since libcst does not survive what Python's parser refuses.
    check_syntax(source, cell)
    try:
        with deep_recursion():
            return cst.parse_module(cell.code)
    except cst.ParserSyntaxError as error:
        where = _where(cell, error.raw_line)
        raise SourceError(
            source.path, f"syntax error in {where}: {error.message}"
        ) from None
    except RecursionError:
        raise _too_deep(source) from None


def check_syntax(source: Source, cell: Cell) -> ast.Module:
    """Return Python's own tree, which is fast but knows no formatting.

    Parameters
    ----------
    source
        Where it is.
    cell
        One of its cells.

    Returns
    -------
    Module

    Raises
    ------
    SourceError
        If it is no Python of this version, or too deeply nested.
    """
    try:
        with warnings.catch_warnings():
            # What the code of others does by bad style is not the question.
            warnings.simplefilter("ignore")
            tree = ast.parse(cell.code)
    except SyntaxError as error:
        if "too many nested" in str(error.msg):
            raise _too_deep(source) from None
        where = _where(cell, error.lineno)
        old = (
            "; it looks like Python 2: run 2to3, or leave it out"
            if _PYTHON_2.search(cell.code)
            else ""
        )
        raise SourceError(
            source.path, f"syntax error in {where}: {error.msg}{old}"
        ) from None
    except (RecursionError, MemoryError):
        raise _too_deep(source) from None
    except (ValueError, OverflowError) as error:
        raise SourceError(source.path, f"no Python code: {error}") from None
    if _depth_exceeds(tree, MAX_DEPTH):
        raise _too_deep(source)
    return tree


@contextmanager
def deep_recursion() -> Iterator[None]:
    """Let trees of `MAX_DEPTH` be visited: libcst needs six calls a level."""
    before = sys.getrecursionlimit()
    sys.setrecursionlimit(max(before, 12 * MAX_DEPTH + 1_000))
    try:
        yield
    finally:
        sys.setrecursionlimit(before)


def _depth_exceeds(tree: ast.AST, limit: int) -> bool:
    level: list[ast.AST] = [tree]
    for _ in range(limit):
        level = [
            child for node in level for child in ast.iter_child_nodes(node)
        ]
        if not level:
            return False
    return True


def _too_deep(source: Source) -> SourceError:
    return SourceError(
        source.path,
        f"the code is nested too deeply (more than {MAX_DEPTH} levels)",
    )


def _where(cell: Cell, line: int | None) -> str:
    text = f"line {line}" if line else "the code"
    return text if cell.number is None else f"cell {cell.number}, {text}"
