"""Scripts and notebooks: finding them, reading them, writing them back whole.

`Cell.text` is what the user wrote; `Cell.code` is Python, with placeholders
for IPython's own syntax, and line by line the same.
"""

from .errors import SourceError, shown
from .files import as_source, read_content, read_source, replace_content
from .find import find_sources
from .parse import check_compiles, check_syntax, deep_recursion
from .source import Cell, Source

__all__ = [
    "Cell",
    "Source",
    "SourceError",
    "as_source",
    "check_compiles",
    "check_syntax",
    "deep_recursion",
    "find_sources",
    "read_content",
    "read_source",
    "replace_content",
    "shown",
]
