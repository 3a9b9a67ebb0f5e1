"""What names the legacy package and is not an import statement."""

import ast
import re
from collections.abc import Iterator

from tfmpe.migrate.legacy_names import LEGACY

from .bridge import dotted

_WORD = re.compile(rf"(?<!\w)(?<!\w[-.]){LEGACY}(?!\w|-[A-Za-z])")
# A dotted name, perhaps with places to fill in, or what pip installs.
_NAME = re.compile(
    rf"{LEGACY}(?:[.:][\w%{{}}*]*)*(?:\[[\w, ]*\])?(?:\s*(?:[<>=!~]=?|@).*)?"
)
_CODE = re.compile(
    rf"(?m)(?:^|;|>>>)[ \t]*(?:from|import)[ \t]+{LEGACY}\b(?!-)"
    rf"|\s-m[ \t]+{LEGACY}\b|\bpip install\b.*\b{LEGACY}\b|git\+.*\b{LEGACY}\b"
)
_DOCTEST = re.compile(rf"(?m)^\s*>>> .*\b(?:from|import)[ \t]+{LEGACY}\b")
_RUNS_CODE = re.compile(
    r"(?:^|\.)(?:exec|eval|compile|system|popen|Popen|run|call|check_call|"
    r"check_output|getoutput|run_path|addsitedir|"
    r"path\.(?:append|insert|extend)|run_cell|run_line_magic)$"
)


def is_named_in(text: str) -> bool:
    """Return whether a text names the package, and not the bridge."""
    return bool(_WORD.search(text))


def lines_that_name(content: bytes) -> Iterator[tuple[int, int, str]]:
    """Yield number, column and text of lines that are not only comments."""
    text = content.decode("utf-8", "replace")
    for number, line in enumerate(text.splitlines(), start=1):
        found = _WORD.search(re.split(r"(?:^|\s)#|^\s*;", line)[0])
        if found:
            yield number, found.start() + 1, line


def strings_that_name(
    trees: list[ast.Module],
) -> Iterator[tuple[ast.expr, str]]:
    """Yield the strings that name the package, and what each is.

    Prose does not count, nor annotations and ``__all__``, whose names stay.
    """
    waiting: list[tuple[ast.AST, str]] = [(tree, "") for tree in trees]
    while waiting:
        node, role = waiting.pop()
        match node:
            case ast.Expr(value=ast.Constant(value=text) as value):
                if isinstance(text, str) and _DOCTEST.search(text):
                    yield value, "an example in a docstring imports the package"
                continue
            case ast.Assign(targets=[ast.Name(id="__all__")]):
                continue
            case ast.Constant(value=str(text)):
                why = _why(text, role)
            case ast.JoinedStr(values=values):
                text = ""
                for part in values:
                    if isinstance(part, ast.FormattedValue):
                        waiting.append((part.value, ""))
                    is_text = isinstance(part, ast.Constant)
                    text += str(part.value) if is_text else "{}"
                why = _why(text, role)
            case ast.Call(func=func):
                runs = _RUNS_CODE.search(".".join(dotted(func)))
                role, why = "code" if runs else "", None
            case _:
                why = None
        if why:
            assert isinstance(node, ast.expr)
            yield node, why
        if not isinstance(node, ast.JoinedStr):
            waiting += [
                (child, role)
                for field, value in ast.iter_fields(node)
                if field not in ("annotation", "returns")
                for child in (value if isinstance(value, list) else [value])
                if isinstance(child, ast.AST)
            ]


def _why(text: str, role: str) -> str | None:
    if _NAME.fullmatch(text.strip()):
        return "a string names the package"
    if _CODE.search(text) or (role == "code" and is_named_in(text)):
        return "code in a string names the package"
    return None
