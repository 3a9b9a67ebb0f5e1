"""Tables of the results of checks, as text."""

from collections.abc import Iterable, Sequence

from tfmpe.preprocessing.show.text import aligned, printable, shorten


def summary_table(
    result: object,
    titles: Sequence[str],
    rows: Iterable[Sequence[str]],
    *below: str,
) -> str:
    """Return a result as text: its name, a row for each key, further lines."""
    named = [(shorten(printable(name), 24), *cells) for name, *cells in rows]
    table = ("  " + line for line in aligned([tuple(titles), *named]))
    return "\n".join([repr(result), "", *table, *below])
