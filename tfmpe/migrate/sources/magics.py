"""IPython's own syntax in a cell, put aside so that the rest is Python."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

__all__ = ["Magic", "mask_magics", "put_back"]


@dataclass(frozen=True)
class Magic:
    """A piece of a cell that is no Python.

    Attributes
    ----------
    line : int
        Its line in the cell, from 1.
    text : str
        What it is, without its line break.
    placeholder : str
        What stands for it.
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
        )
    )""",
    re.VERBOSE,
)
# Cell magics whose cell is Python that runs here; `%%bash` and others are not.
_PYTHON_CELLS = re.compile(
    r"%%(?:time|timeit|capture|prun|px|debug|memit|mprun|snakeviz)\b"
)


def mask_magics(code: str) -> tuple[str, tuple[Magic, ...]]:
    r"""Replace IPython's own syntax by placeholders.

    The lines stay where they are. Behind ``%time`` and its like, the rest of
    the line stays as well, in its columns.

    Parameters
    ----------
    code
        The text of a cell.

    Returns
    -------
    code : str
        What Python's parser can read, if the rest is Python.
    magics : tuple of Magic
        What was replaced.

    Examples
    --------
    >>> mask_magics("%pylab inline\nx = 1\n")[0]
    '__ipython_0__\nx = 1\n'
    """
    stem = "__ipython_"
    while stem in code:
        stem = f"_{stem}"
    if code.lstrip().startswith("%%") and not _PYTHON_CELLS.match(
        code.lstrip()
    ):
        return _mask_all(code, stem)
    magics: list[Magic] = []
    out: list[str] = []
    position, line = 0, 1
    while position < len(code):
        match = _MAGIC.match(code, position, _line_end(code, position))
        if match is None or _is_operator(match):
            end = _logical_end(code, position)
            out.append(code[position:end])
        elif match["timed"]:
            magic = Magic(line, match["timed"], _narrow(match, len(magics)))
            if magic.placeholder in code:
                magic = Magic(line, match["timed"], f"{stem}{len(magics)}__;")
            magics.append(magic)
            end = _logical_end(code, match.end())
            out += match["before"], magic.placeholder, code[match.end() : end]
        else:
            end = position
            continued = True
            while continued and end < len(code):
                part = _LINE.match(code, end)
                assert part is not None
                indent = match["before"] if end == position else ""
                # Its further lines become comments, as they have no indent
                # that Python would accept.
                mark = "" if end == position else "#"
                text = part["text"][len(indent) :]
                magic = Magic(
                    line + _breaks(code[position:end]),
                    text,
                    f"{mark}{stem}{len(magics)}__",
                )
                magics.append(magic)
                out += indent, magic.placeholder, part["end"]
                continued = text.endswith("\\")
                end = part.end()
        line += _breaks(code[position:end])
        position = end
    return "".join(out), tuple(magics)


def put_back(code: str, magics: Sequence[Magic]) -> str:
    """Replace every placeholder by what it stands for.

    Parameters
    ----------
    code
        A changed form of what `mask_magics` gave.
    magics
        What `mask_magics` put aside.

    Returns
    -------
    str

    Raises
    ------
    ValueError
        If a placeholder is missing, there twice, or not in its place.

    Examples
    --------
    >>> code, magics = mask_magics("files = !ls")
    >>> put_back(code, magics)
    'files = !ls'
    """
    pieces: list[str] = []
    rest = code
    for magic in magics:
        before, found, rest = rest.partition(magic.placeholder)
        if not found:
            raise ValueError(f"the magic {magic.text!r} would be lost")
        pieces += before, magic.text
    pieces.append(rest)
    for magic in magics:
        if code.count(magic.placeholder) != 1:
            raise ValueError(f"the magic {magic.text!r} would be repeated")
    return "".join(pieces)


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


def _narrow(match: re.Match[str], number: int) -> str:
    # As wide as the magic, so that what follows keeps its columns.
    return f"_{number}_;".ljust(len(match["timed"]))


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
