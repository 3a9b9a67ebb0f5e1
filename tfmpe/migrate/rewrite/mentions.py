"""Mentions of the legacy package outside of import statements."""

import ast
import codecs
import re
from collections.abc import Iterator

from tfmpe.migrate.legacy_names import LEGACY, MODULES

from .bridge import dotted

_WORD = re.compile(rf"(?<!\w)(?<!\w[-.]){LEGACY}(?!\w|-[A-Za-z])")
# A line that is a dotted name (perhaps with placeholders), a requirement for
# pip, or several words separated by commas.
_NAME = re.compile(
    rf"(?m)^[ \t]*(?:[\w.-]+,\s*)*{LEGACY}(?:[.:][\w%{{}}*]*)*(?:\[[\w, ]*\])?"
    r"(?:[ \t]*(?:[<>=!~]=?|@).*)?(?:,\s*[\w.-]+)*[ \t\r]*$"
)
_IMPORT = rf"(?:from|import)[ \t]+(?:[\w., ]+,[ \t]*)?{LEGACY}\b(?!-)"
_TOP = "|".join({name.split(".")[1] for name in MODULES if "." in name})
# In this order: imports; `-m`; installing; options, entry points and calls;
# patterns, modules and functions; files and folders.
_CODE = re.compile(
    rf"""(?:^|[;:'"]|>>>|-c)[ \t]*{_IMPORT}
    | (?<!\S)-m\s*{LEGACY}\b
    | (?:\b(?:pip\d?|conda|mamba|uv|pdm|poetry|pixi)[ ](?:install|add)\b|git\+)
      .{{0,200}}\b{LEGACY}\b
    | (?:=\s*|--[\w-]+[ ]|\bpkg://|(?<=\w):){LEGACY}(?![\w-])
    | [(\[]["']{LEGACY}["'.]
    | (?<!\w)(?<!\w[-.]){LEGACY}(?:\\|\.(?:{_TOP})\b|[\w.]*:\w|/[\w/]*\.py\b)
    | (?:^|[\s"'=]|\.\.|file:/*)/(?:[\w.-]*/)*{LEGACY}(?:/src)?/?(?=$|["'\s])
    """,
    re.MULTILINE | re.VERBOSE,
)
_DOCTEST = re.compile(
    rf"""(?m)^[ \t]*(?:>>>|\.\.\.) .{{0,200}}(?:\b{_IMPORT}|["']{LEGACY}\b)"""
)
# Comments before the code: the interpreter, and dependencies (PEP 723).
_SCRIPT = re.compile(r"(?ms)\A#![^\n]*|^# /// script\s*$.{0,5000}?^# ///\s*$")
_RUNS_CODE = re.compile(
    r"(?:^|\.)(?:exec|eval|compile|system|popen|Popen|run|call|check_call|"
    r"check_output|getoutput|run_path|addsitedir|create_subprocess_\w+|"
    r"path\.(?:append|insert|extend)|run_cell(?:_magic)?|(?:run_line_)?magic)$"
)


def is_named_in(text: str) -> bool:
    """Return whether a text mentions the package, not only the bridge."""
    return bool(_WORD.search(text))


def lines_that_name(content: bytes) -> Iterator[tuple[int, int, str]]:
    """Yield number, column and text of lines, except comments."""
    is_wide = content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    text = content.decode("utf-16" if is_wide else "utf-8", "replace")
    for number, line in enumerate(text.splitlines(), start=1):
        found = _WORD.search(re.split(r"(?:^|\s)#|^\s*;", line)[0])
        if found:
            yield number, found.start() + 1, line


def script_lines(text: str) -> Iterator[tuple[int, str]]:
    """Yield number and text of the lines of shebang and PEP 723 metadata."""
    for match in _SCRIPT.finditer(text):
        first = text.count("\n", 0, match.start()) + 1
        yield from enumerate(match.group().split("\n"), first)


def strings_that_name(
    trees: list[ast.Module],
) -> Iterator[tuple[ast.expr, str]]:
    """Yield the strings that mention the package, and their kinds.

    Prose is ignored, as are annotations and ``__all__``, whose names stay.
    """
    waiting: list[tuple[ast.AST, str]] = [(tree, "") for tree in trees]
    while waiting:
        node, role = waiting.pop()
        match node:
            case ast.Expr(value=ast.Constant(value=text) as value):
                if isinstance(text, str) and _DOCTEST.search(text):
                    yield value, "an example in a docstring imports the package"
                continue
            case (
                ast.Assign(targets=[ast.Name(id="__all__")])
                | ast.AugAssign(target=ast.Name(id="__all__"))
                | ast.AnnAssign(target=ast.Name(id="__all__"))
            ):
                continue
            case ast.Constant(value=str(text)):
                why = _why(text, role)
            case ast.Constant(value=bytes(content)):
                why = _why(content.decode("latin-1"), role)
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
    if LEGACY not in text:
        return None
    if _NAME.search(text):
        return "a string mentions the package"
    if _CODE.search(text) or (role == "code" and is_named_in(text)):
        return "code in a string mentions the package"
    return None
