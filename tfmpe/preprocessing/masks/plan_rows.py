"""Which keys can be computed together: rows of the table of relations.

Keys whose tokens see the same keys in the same way are one row. Rows that
differ a little are merged too, where computing what only one of them may see
costs little: fewer and larger products compile and run faster.
"""

from collections.abc import Iterable, Mapping
from typing import NamedTuple, TypeAlias

import numpy as np

from tfmpe.preprocessing.layout.layout import KeyLayout, TokenLayout
from tfmpe.preprocessing.masks.relations import Dim, Relation, coordinates

Links: TypeAlias = dict[str, tuple[tuple[int, Dim], ...]]
"""For a key: which column of coordinates matches which of its dimensions."""

MERGE_WASTE = 2.0
MERGE_MOST = 2**18
"""Rows that differ are merged if that computes at most so many pairs for an
open one, and so many in all: of large products the number does not matter, and
what is closed in them would have to be written down."""


class Row(NamedTuple):
    """Query keys, and what their tokens see.

    Attributes
    ----------
    columns : dict
        For every query key the dimensions that group its tokens. Empty if
        all of them see the same.
    shared : frozenset of str
        Keys that are seen whole.
    links : dict
        Keys that are seen where a coordinate matches.
    closed : frozenset of (str, str)
        Query keys and keys that do not see each other, though another query
        key of the row sees that key.
    """

    columns: dict[str, tuple[Dim, ...]]
    shared: frozenset[str]
    links: Links
    closed: frozenset[tuple[str, str]] = frozenset()


def merged_rows(
    queries: TokenLayout,
    keys: TokenLayout,
    relations: Mapping[tuple[str, str], Relation],
) -> list[Row]:
    """Return rows that make up the mask, every query key in one of them."""
    counts = _Counts(queries, keys)
    rows: list[Row] = []
    n_open: list[int] = []
    for query in queries.names:
        row = _row_of(query, keys.names, relations)
        pairs = counts.pairs(row)
        for i, other in enumerate(rows):
            union = _union(other, row)
            if union is None:
                continue
            same = union.closed == other.closed
            wanted = n_open[i] + pairs
            most = min(MERGE_WASTE * wanted, MERGE_MOST)
            if same or counts.pairs(union) <= most:
                rows[i], n_open[i] = union, wanted
                break
        else:
            rows.append(row)
            n_open.append(pairs)
    return rows


def _row_of(
    query: str,
    keys: Iterable[str],
    relations: Mapping[tuple[str, str], Relation],
) -> Row:
    shared, matched = [], {}
    for key in keys:
        relation = relations.get((query, key))
        if relation is None:
            shared.append(key)
        elif relation:
            matched[key] = relation
    columns = tuple(
        dict.fromkeys(dim for r in matched.values() for dim, _ in r)
    )
    links = {
        key: tuple((columns.index(dim), other) for dim, other in relation)
        for key, relation in matched.items()
    }
    return Row({query: columns}, frozenset(shared), links)


def _union(a: Row, b: Row) -> Row | None:
    """Return both rows in one, if one grouping of tokens serves both."""
    n_columns = {
        len(columns) for row in (a, b) for columns in row.columns.values()
    }
    if len(n_columns) > 1:
        return None
    equal = a.shared == b.shared and a.links == b.links
    if max(n_columns) > 1 and not equal:
        return None
    shared, links = a.shared | b.shared, a.links | b.links
    if shared & links.keys():
        return None
    if any(a.links[key] != b.links[key] for key in a.links.keys() & b.links):
        return None
    closed = set(a.closed | b.closed)
    for row in (a, b):
        unseen = (shared | links.keys()) - row.shared - row.links.keys()
        closed |= {(query, key) for query in row.columns for key in unseen}
    return Row(a.columns | b.columns, shared, links, frozenset(closed))


class _Counts:
    """How many tokens of each key have each coordinate, counted once."""

    def __init__(self, queries: TokenLayout, keys: TokenLayout) -> None:
        self._queries, self._keys = queries, keys
        self._counted: dict[tuple[KeyLayout, Dim], np.ndarray] = {}

    def pairs(self, row: Row) -> int:
        """Return how many pairs a row computes."""
        n_shared = sum(self._keys[key].n_tokens for key in row.shared)
        n_query = sum(self._queries[query].n_tokens for query in row.columns)
        pairs = n_query * n_shared
        for column in range(len(next(iter(row.columns.values())))):
            queries = _total(
                self._count(self._queries[query], columns[column])
                for query, columns in row.columns.items()
            )
            keys = _total(
                self._count(self._keys[key], dim)
                for key, matches in row.links.items()
                for number, dim in matches
                if number == column
            )
            n = min(len(queries), len(keys))
            pairs += int(queries[:n] @ keys[:n])
        return pairs

    def _count(self, key: KeyLayout, dim: Dim) -> np.ndarray:
        if (key, dim) not in self._counted:
            along = coordinates(key, dim)
            self._counted[key, dim] = np.bincount(along).astype(np.int64)
        return self._counted[key, dim]


def _total(counts: Iterable[np.ndarray]) -> np.ndarray:
    counts = list(counts)
    total = np.zeros(max(map(len, counts), default=0), np.int64)
    for count in counts:
        total[: len(count)] += count
    return total
