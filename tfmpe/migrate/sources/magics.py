"""IPython's own syntax in a cell, replaced so that the rest is Python."""

import re
from dataclasses import dataclass

__all__ = ["Magic", "as_python"]


@dataclass(frozen=True)
class Magic:
    """A piece of a cell that is not Python.

    Attributes
    ----------
    line : int
        Its line in the cell, from 1.
    text : str
        What it is, without its line break.
    placeholder : str
        What stands for it: a name, perhaps in a comment. Behind what is timed,
        such as ``%time``, a semicolon and the rest of the line follow.
    """

    line: int
    text: str
    placeholder: str


# One logical line goes on within brackets and strings, after a backslash.
_TOKEN = re.compile(
    r'"""(?:\\.|[^\\])*?"""'
    r"|'''(?:\\.|[^\\])*?'''"
    r'|"(?:\\.|[^"\\\r\n])*"'
    r"|'(?:\\.|[^'\\\r\n])*'"
    r"|\#[^\r\n]*"
    r"|\\(?:\r\n?|\n)"
    r"|(?P<open>[(\[{])"
    r"|(?P<close>[)\]}])"
    r"|(?P<end>\r\n?|\n)",
    re.DOTALL,
)
_LINE = re.compile(r"(?P<text>[^\r\n]*)(?P<end>\r\n?|\n|\Z)")
# A whole line; or a line whose end is Python.
_MAGIC = re.compile(
    r"""(?P<before>\s*)
    (?:
        (?P<timed>%(?:time|timeit|prun)[ \t]+)(?=[^-\s])
      | (?P<whole>
            [%!?,;/].* | [\w.%*]+\?{1,2}\s*$
          | [\w.\[\]'",* ]+=\s*(?:!|%)(?!=).*
            # Magics without their sign, where two words could not be Python.
          | (?:cat|cd|cp|conda|load_ext|ls|matplotlib|mkdir|mv|pip|rm|run)
            [ \t]+(?!(?:and|for|if|in|is|not|or)\b)(?:\w|[.~]{0,2}/|\.\.\s*$).*
        )
    )""",
    re.VERBOSE,
)
# Cell magics whose cell is Python that runs here; `%%bash` and others are not.
_PYTHON_CELLS = re.compile(
    r"%%(?:time|timeit|capture|prun|px|debug|memit|mprun|snakeviz)\b"
)


def as_python(text: str) -> tuple[str, tuple[Magic, ...]]:
    r"""Return what IPython compiles of a cell, and what it treats itself.

    What the first line is indented by is taken away from every line. Magics
    become placeholders. The lines stay, and so do the ends of lines of Python.

    Examples
    --------
    >>> as_python("  %pylab inline\n  x = 1\n")[0]
    '__ipython_0__\nx = 1\n'
    """
    code = _unindented(text)
    stem = "__ipython_"
    while stem in code:
        stem = f"_{stem}"
    start = code.lstrip()
    if start.startswith("%%") and not _PYTHON_CELLS.match(start):
        return _mask_all(code, stem)
    magics: list[Magic] = []
    out: list[str] = []

    def add(line: int, text: str, placeholder: str) -> str:
        magics.append(Magic(line, text, placeholder))
        return placeholder

    position, line = 0, 1
    while position < len(code):
        match = _MAGIC.match(code, position, _line_end(code, position))
        if match is None or _is_operator(match):
            end = _logical_end(code, position)
            out.append(code[position:end])
        elif match["timed"]:
            end = _logical_end(code, match.end())
            placeholder = f"_{len(magics)}_;"
            if placeholder[:-1] in code:
                placeholder = f"{stem}{len(magics)}__;"
            # As wide as the magic, so that what follows keeps its columns.
            width = len(match["timed"])
            add(line, match["timed"], placeholder.ljust(width))
            out += match["before"], magics[-1].placeholder
            out.append(code[match.end() : end])
        else:
            end, indent, mark = position, match["before"], ""
            while True:
                part = _LINE.match(code, end)
                assert part is not None
                number = line + _breaks(code[position:end])
                piece = part["text"][len(indent) :]
                name = f"{mark}{stem}{len(magics)}__"
                out += indent, add(number, piece, name), part["end"]
                end = part.end()
                # Its further lines become comments, as they have no indent
                # that Python would accept.
                indent, mark = "", "#"
                if not piece.endswith("\\") or end >= len(code):
                    break
        line += _breaks(code[position:end])
        position = end
    return "".join(out), tuple(magics)


def _unindented(text: str) -> str:
    first = re.search(r"^[ \t]*(?=[^\s])", text, re.MULTILINE)
    if first is None or not first.group():
        return text
    return re.sub(rf"(?m)^{re.escape(first.group())}", "", text)


def _mask_all(code: str, stem: str) -> tuple[str, tuple[Magic, ...]]:
    magics: list[Magic] = []
    out: list[str] = []
    for number, match in enumerate(_LINE.finditer(code)):
        if match["text"]:
            magic = Magic(number + 1, match["text"], f"#{stem}{number}__")
            magics.append(magic)
            out.append(magic.placeholder)
        out.append(match["end"])
    return "".join(out), tuple(magics)


def _is_operator(match: re.Match[str]) -> bool:
    # Such a line starts nothing in Python, but a semicolon or a comma may
    # stand there by mistake: the parser shall say so.
    return bool(match["whole"]) and match["whole"].strip() in (";", ",", "/")


def _line_end(code: str, position: int) -> int:
    match = _LINE.match(code, position)
    return match.end("text") if match else len(code)


def _logical_end(code: str, position: int) -> int:
    depth = 0
    for match in _TOKEN.finditer(code, position):
        if match["open"]:
            depth += 1
        elif match["close"]:
            depth -= 1
        elif match["end"] and depth <= 0:
            return match.end()
    return len(code)


def _breaks(text: str) -> int:
    return len(re.findall(r"\r\n?|\n", text))
