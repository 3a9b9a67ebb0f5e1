"""IPython syntax in a cell, replaced so that the rest is valid Python."""

import re
from typing import NamedTuple


class Magic(NamedTuple):
    """A piece of IPython syntax, its line from 1, and its placeholder."""

    line: int
    text: str
    placeholder: str


# A logical line continues in brackets, strings, and after a backslash.
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
# A whole line of IPython syntax, or a line that ends with Python code.
_MAGIC = re.compile(
    r"""(?P<before>\s*)
    (?:
        (?P<timed>%(?:time|timeit|prun)[ \t]+)(?=[^-\s])
      | (?P<whole>
            [%!?,;/].* | [\w.%*]+\?{1,2}\s*$
          | [\w.\[\]'",* ]+=\s*(?:!|%)(?!=).*
            # Magics without `%`, where two words are not valid Python.
          | (?:cat|cd|cp|conda|load_ext|ls|matplotlib|mkdir|mv|pip|rm|run)
            [ \t]+(?!(?:and|for|if|in|is|not|or)\b)(?:\w|[.~]{0,2}/|\.\.\s*$).*
        )
    )""",
    re.VERBOSE,
)
# Cell magics whose cells are Python code, unlike those of `%%bash`.
_PYTHON_CELLS = re.compile(
    r"%%(?:time|timeit|capture|prun|px|debug|memit|mprun|snakeviz)\b"
)


def as_python(text: str, other: bool = False) -> tuple[str, tuple[Magic, ...]]:
    """Return a cell as Python, and the replaced IPython syntax.

    The indentation of the first line is removed from all lines. Magics, or all
    lines of a cell in another language, become placeholders. The number of
    lines and the ends of Python lines stay the same.
    """
    first = re.search(r"^[ \t]*(?=\S)", text, re.MULTILINE)
    indent = first.group() if first else ""
    code = re.sub(rf"(?m)^{re.escape(indent)}", "", text) if indent else text
    stem = "__ipython_"
    while stem in code:
        stem = f"_{stem}"
    magics: list[Magic] = []
    out: list[str] = []
    if code.lstrip().startswith("%%"):
        other = other or not _PYTHON_CELLS.match(code.lstrip())
    continued = False
    position, line = 0, 1
    while position < len(code):
        whole = _LINE.match(code, position)
        assert whole is not None
        # In another language, or the next line of one command.
        goes_on = other or continued
        match = None if goes_on else _MAGIC.match(whole["text"])
        is_magic = goes_on or (match and match["whole"] not in (";", ",", "/"))
        name = f"{stem}{len(magics)}__"
        end = whole.end()
        if not is_magic:
            end = _logical_end(code, position)
            out.append(code[position:end])
        elif match and match["timed"]:
            magics.append(Magic(line, match["timed"], f"{name};"))
            start = position + match.end()
            end = _logical_end(code, start)
            out += match["before"], f"{name};", code[start:end]
        else:
            before = match["before"] if match else ""
            piece = whole["text"][len(before) :]
            out.append(before)
            if piece:
                # A comment is valid Python, whatever its indentation.
                magics.append(Magic(line, piece, "#" * goes_on + name))
                out.append(magics[-1].placeholder)
            out.append(whole["end"])
            continued = piece.endswith("\\")
        line += len(re.findall(r"\r\n?|\n", code[position:end]))
        position = end
    return "".join(out), tuple(magics)


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
