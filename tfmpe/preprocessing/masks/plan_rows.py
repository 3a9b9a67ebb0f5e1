"""Rows of the table of relations: keys that are computed together.

Keys whose tokens attend to the same keys in the same way form one row. Rows
that differ slightly are merged if that adds few pairs: fewer and larger
products compile and run faster.
"""

from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import NamedTuple, TypeAlias

import numpy as np
from jaxtyping import Int64

from tfmpe.preprocessing.layout.layout import KeyLayout, TokenLayout

from .relations import Dim, Relation, coordinates

Links: TypeAlias = dict[str, tuple[tuple[int, Dim], ...]]
"""For each key: which columns of coordinates match which of its dimensions."""

_Numbers: TypeAlias = Int64[np.ndarray, " _"]

MERGE_WASTE = 2.0
MERGE_MOST = 2**18
"""Rows that differ are merged if the result computes at most ``MERGE_WASTE``
pairs per open pair, and at most ``MERGE_MOST`` pairs: merging large products
saves no time, and their closed pairs would need a large mask."""


class Row(NamedTuple):
    """Query keys, and what their tokens attend to."""

    # For every query key, the dimensions that group its tokens, if any.
    columns: dict[str, tuple[Dim, ...]]
    # Keys that are fully open, and keys that are open at matching coordinates.
    shared: frozenset[str]
    links: Links
    # Pairs of a query key and a key that are closed, although another query
    # key of the row attends to that key.
    closed: frozenset[tuple[str, str]] = frozenset()


def merged_rows(
    queries: TokenLayout,
    keys: TokenLayout,
    relations: Mapping[tuple[str, str], Relation],
) -> list[Row]:
    """Return the rows that make up the mask; each query key is in one row."""
    rows: list[Row] = []
    n_open: list[int] = []
    for query in queries.names:
        row = _row_of(query, keys.names, relations)
        pairs = _n_pairs(row, queries, keys)
        for i, other in enumerate(rows):
            union = _union(other, row)
            if union is None:
                continue
            same = union.closed == other.closed
            wanted = n_open[i] + pairs
            most = min(MERGE_WASTE * wanted, MERGE_MOST)
            if same or _n_pairs(union, queries, keys) <= most:
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
    """Return the union of two rows, if one grouping of tokens fits both."""
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


def _n_pairs(row: Row, queries: TokenLayout, keys: TokenLayout) -> int:
    """Return the number of pairs that a row computes."""
    n_shared = sum(keys[key].n_tokens for key in row.shared)
    pairs = n_shared * sum(queries[query].n_tokens for query in row.columns)
    for column in range(len(next(iter(row.columns.values())))):
        asking = _total(
            tokens_along(queries[query], columns[column])
            for query, columns in row.columns.items()
        )
        seen = _total(
            tokens_along(keys[key], dim)
            for key, matches in row.links.items()
            for number, dim in matches
            if number == column
        )
        pairs += pairs_at_equal(asking, seen)
    return pairs


@lru_cache(maxsize=256)
def tokens_along(key: KeyLayout, dim: Dim) -> _Numbers:
    """Return how many tokens have each coordinate."""
    return np.bincount(coordinates(key, dim)).astype(np.int64)


def pairs_at_equal(asking: _Numbers, seen: _Numbers) -> int:
    """Return the number of pairs of tokens with equal coordinates."""
    n = min(len(asking), len(seen))
    return int(asking[:n] @ seen[:n])


def _total(counts: Iterable[_Numbers]) -> _Numbers:
    counts = list(counts)
    total = np.zeros(max(map(len, counts), default=0), np.int64)
    for count in counts:
        total[: len(count)] += count
    return total
