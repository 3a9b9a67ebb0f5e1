"""Code to syntax trees, within limits."""

import ast
import re
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

import libcst as cst

from .errors import SourceError
from .source import Cell, Source

__all__ = [
    "MAX_DEPTH",
    "check_compiles",
    "check_syntax",
    "deep_recursion",
    "parse",
]

MAX_DEPTH = 400
"""Deepest nesting of the syntax. Beyond, libcst could end the process."""

MAX_CODE = 300_000
"""Most characters in which libcst looks for uses, at ten a millisecond."""

_PYTHON_2 = re.compile(
    r"""(?mx) ^\s*(?:
        print[ ]+(?:["'\w%]|>>) | exec[ ]+["'\w]
      | except[ ]+[\w.]+\s*,\s*\w+\s*: | raise[ ]+[\w.]+\s*,
    )| <> | \b0[0-7]+\b | \bur["'] | `\w"""
)


def parse(source: Source, code: str) -> cst.Module:
    """Return the syntax with all its formatting.

    Parameters
    ----------
    source
        Where it is.
    code
        What `check_syntax` has passed: libcst does not survive all that
        Python's parser refuses.

    Raises
    ------
    SourceError
        If it is too large, or not Python for libcst.
    """
    if len(code) > MAX_CODE:
        raise SourceError(
            source.path,
            f"{len(code):,} characters of code are too many to look for uses "
            f"(at most {MAX_CODE:,}); its imports are listed, split the file "
            "for the rest",
        )
    try:
        with deep_recursion():
            return cst.parse_module(code)
    except (cst.ParserSyntaxError, RecursionError) as error:
        raise SourceError(source.path, f"libcst: {error}") from None


def check_syntax(source: Source, cell: Cell) -> ast.Module:
    """Return Python's own tree of a cell's code.

    Raises
    ------
    SourceError
        If it is not Python of this version, or too deeply nested.
    """
    tree = _compile(source, cell, cell.code, ast.PyCF_ONLY_AST)
    if _depth_exceeds(tree, MAX_DEPTH):
        raise _too_deep(source)
    return tree


def check_compiles(source: Source, cell: Cell, code: str) -> None:
    """Raise `SourceError` if other code of a cell cannot be compiled."""
    _compile(source, cell, code)


def _compile(source: Source, cell: Cell, code: str, flags: int = 0):
    if cell.number is not None:
        flags |= ast.PyCF_ALLOW_TOP_LEVEL_AWAIT
    try:
        with warnings.catch_warnings():
            # What the code of others does by bad style is not the question.
            warnings.simplefilter("ignore")
            return compile(code, "code", "exec", flags, dont_inherit=True)
    except SyntaxError as error:
        if "too many nested" in str(error.msg):
            raise _too_deep(source) from None
        where = _where(cell, error.lineno)
        old = (
            "; it looks like Python 2: run 2to3, or leave it out"
            if _PYTHON_2.search(code)
            else ""
        )
        raise SourceError(
            source.path, f"syntax error in {where}: {error.msg}{old}"
        ) from None
    except (RecursionError, MemoryError):
        raise _too_deep(source) from None
    except (ValueError, OverflowError) as error:
        raise SourceError(source.path, f"not Python code: {error}") from None


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
