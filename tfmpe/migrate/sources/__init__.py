"""Scripts and notebooks: search, reading, and lossless writing.

`Cell.text` is the text in the file; `Cell.code` is Python with the same lines,
in which placeholders replace IPython syntax.
"""

from .errors import SourceError as SourceError
from .errors import shown as shown
from .files import as_source as as_source
from .files import is_notebook as is_notebook
from .files import read_content as read_content
from .files import read_source as read_source
from .files import replace_content as replace_content
from .find import find_sources as find_sources
from .find import is_configuration as is_configuration
from .parse import check_compiles as check_compiles
from .parse import check_syntax as check_syntax
from .parse import deep_recursion as deep_recursion
from .source import Cell as Cell
from .source import Source as Source
