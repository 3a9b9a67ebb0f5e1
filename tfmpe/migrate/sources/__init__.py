"""Scripts and notebooks: finding them, reading them, writing them back whole.

    found = find_sources(paths)            # found.files, found.configurations
    source = read_source(file)             # raises SourceError
    for cell in source.cells:
        tree = check_syntax(source, cell)  # of cell.code; raises SourceError
        position = cell.from_code(n)       # of cell.code -> in cell.text
    replace_content(file, source.content, source.with_texts(texts))

`Cell.text` is what the user wrote; `Cell.code` is Python, with placeholders
for IPython's own syntax, and line by line the same.
"""

from .errors import SourceError, shown
from .find import Found, find_sources
from .magics import Magic
from .parse import check_compiles, check_syntax, deep_recursion, parse
from .read import read_source
from .source import Cell, Source
from .write import replace_content

__all__ = [
    "Cell",
    "Found",
    "Magic",
    "Source",
    "SourceError",
    "check_compiles",
    "check_syntax",
    "deep_recursion",
    "find_sources",
    "parse",
    "read_source",
    "replace_content",
    "shown",
]
