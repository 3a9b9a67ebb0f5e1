"""Syntax trees of code, within limits that libcst can handle."""

import ast
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from .errors import SourceError
from .source import Cell, Source

# Beyond this nesting, libcst could end the process.
_MAX_DEPTH = 400


def check_syntax(source: Source, cell: Cell) -> ast.Module:
    """Return the Python syntax tree of a cell, within limits of depth."""
    tree = check_compiles(source, cell, ast.PyCF_ONLY_AST)
    level: list[ast.AST] = [tree]
    for _ in range(_MAX_DEPTH):
        level = [c for node in level for c in ast.iter_child_nodes(node)]
    if level:
        raise _too_deep(source)
    return tree


def check_compiles(source: Source, cell: Cell, flags: int = 0) -> Any:
    """Return the compiled code of a cell, or raise `SourceError`."""
    if cell.number is not None:
        flags |= ast.PyCF_ALLOW_TOP_LEVEL_AWAIT
    try:
        with warnings.catch_warnings():
            # Syntax warnings of the user's code are not of interest here.
            warnings.simplefilter("ignore")
            return compile(cell.code, "code", "exec", flags, dont_inherit=True)
    except SyntaxError as error:
        where = "" if cell.number is None else f"cell {cell.number}, "
        why = f"syntax error in {where}line {error.lineno or '?'}: {error.msg}"
        raise SourceError(source.path, why) from None
    except (RecursionError, MemoryError):
        raise _too_deep(source) from None
    except (ValueError, OverflowError) as error:
        raise SourceError(source.path, f"not Python code: {error}") from None


@contextmanager
def deep_recursion() -> Iterator[None]:
    """Raise the recursion limit: libcst needs six calls per level."""
    before = sys.getrecursionlimit()
    sys.setrecursionlimit(max(before, 12 * _MAX_DEPTH + 1_000))
    try:
        yield
    finally:
        sys.setrecursionlimit(before)


def _too_deep(source: Source) -> SourceError:
    why = f"the code is nested too deeply (more than {_MAX_DEPTH} levels)"
    return SourceError(source.path, why)
