"""Tables of checks, to print."""

from collections.abc import Iterable, Sequence

from tfmpe.preprocessing.show.text import aligned, printable, shorten


def summary_table(
    result: object,
    titles: Sequence[str],
    rows: Iterable[Sequence[str]],
    *below: str,
) -> str:
    """Return a result in words, a row for each key, and lines below them."""
    named = [(shorten(printable(name), 24), *cells) for name, *cells in rows]
    table = ("  " + line for line in aligned([tuple(titles), *named]))
    return "\n".join([repr(result), "", *table, *below])
