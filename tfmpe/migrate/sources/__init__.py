"""Python files and notebooks: finding, reading and writing back.

What every tool that rewrites should call::

    found = find_sources(paths)        # found.files, found.not_read
    source = read_source(file)         # raises SourceError
    for cell in source.cells:
        module = parse(source, cell)   # raises SourceError
        ...
    source.write(new_codes)            # one code for each cell, in order

`Source.write` writes nothing if nothing was changed, and otherwise the whole
file or nothing; `Source.with_cells` gives the bytes alone, as for a diff.
Every text of `new_codes` keeps the placeholders that stand for IPython magics
where they were in ``cell.code``; they are replaced by the magics.
"""

from .document import Document
from .errors import SourceError
from .find import Found, find_sources
from .magics import Magic
from .parse import check_syntax, deep_recursion, parse
from .place import Place
from .read import read_source
from .source import Cell, Source

__all__ = [
    "Cell",
    "Document",
    "Found",
    "Magic",
    "Place",
    "Source",
    "SourceError",
    "check_syntax",
    "deep_recursion",
    "find_sources",
    "parse",
    "read_source",
]
