"""Blocks of groups of equal size, from a row of the table of relations."""

from typing import NamedTuple, TypeAlias

import numpy as np
from jaxtyping import Bool, Int, Int32

from tfmpe.preprocessing.layout.groups import number_combinations
from tfmpe.preprocessing.layout.layout import TokenLayout

from .plan_rows import Row
from .relations import coordinates


class AttentionBlock(NamedTuple):
    """Groups of query tokens, each of which attends to a few keys of its own.

    Arrays hold positions. Unused slots hold any position; unused key slots are
    closed. All groups also attend to the shared keys. ``keys_open`` is None if
    all queries attend to all keys of their group; ``shared_open``, if all
    queries attend to all shared keys.
    """

    queries: Int32[np.ndarray, "groups queries"]
    keys: Int32[np.ndarray, "groups keys"]
    shared: Int32[np.ndarray, " shared"]
    keys_open: Bool[np.ndarray, "_ queries keys"] | None = None
    shared_open: Bool[np.ndarray, "_ queries shared"] | None = None

    @property
    def n_pairs(self) -> int:
        """Number of pairs that are computed."""
        return self.queries.size * (self.keys.shape[1] + self.shared.size)

    @property
    def sees(self) -> Bool[np.ndarray, "groups queries"]:
        """Which queries attend to anything."""
        sees = np.zeros(self.queries.shape, bool)
        for seen, is_open in (
            (self.keys, self.keys_open),
            (self.shared, self.shared_open),
        ):
            sees |= seen.shape[-1] > 0 if is_open is None else is_open.any(-1)
        return sees


class PlacedBlock(NamedTuple):
    """A block, and which of its query slots are used."""

    block: AttentionBlock
    used: Bool[np.ndarray, "groups queries"]


_Ints: TypeAlias = Int[np.ndarray, " _"]


def blocks_of_row(
    row: Row, queries: TokenLayout, keys: TokenLayout
) -> tuple[list[PlacedBlock], _Ints]:
    """Return a row's blocks, and the query tokens that attend to nothing.

    A block contains groups up to twice as large as the smallest, so that at
    most four pairs are computed for each pair of the row.
    """
    members, coords = _query_tokens(row, queries)
    found, group_of = _distinct(coords)
    tokens = _Lists.of(group_of, members, len(found))
    seen = _seen_tokens(row, keys, found)
    shared = np.concatenate(
        [_positions(keys, key) for key in keys.names if key in row.shared]
        or [_NO_TOKENS]
    )
    is_open = _OpenPairs(row, queries, keys)
    blocks, blind = [], [_NO_TOKENS]
    for groups in _alike(tokens.sizes, seen.sizes):
        places, used = tokens.padded(groups)
        neighbours, filled = seen.padded(groups)
        block = AttentionBlock(
            places,
            neighbours,
            shared,
            is_open.among(places, neighbours, filled),
            is_open.among(places, shared[None], None),
        )
        sees = used & block.sees
        blind.append(places[used & ~sees])
        if sees.any():
            blocks.append(PlacedBlock(block, sees))
    return blocks, np.concatenate(blind)


_NO_TOKENS = np.zeros(0, np.int32)


def _positions(layout: TokenLayout, name: str) -> _Ints:
    block = layout[name].block
    return np.arange(block.start, block.stop, dtype=np.int32)


def _query_tokens(
    row: Row, queries: TokenLayout
) -> tuple[_Ints, Int32[np.ndarray, "n columns"]]:
    """Return positions and coordinates of the query tokens of a row."""
    places, coords = [], []
    for query, columns in row.columns.items():
        key = queries[query]
        places.append(_positions(queries, query))
        along = [coordinates(key, dim) for dim in columns]
        none = np.zeros((key.n_tokens, 0), np.int32)
        coords.append(np.stack(along, 1) if along else none)
    return np.concatenate(places), np.concatenate(coords)


def _distinct(
    rows: Int[np.ndarray, "n columns"],
) -> tuple[Int[np.ndarray, "distinct columns"], _Ints]:
    """Return the distinct rows, and the index of each row among them."""
    number = number_combinations(rows.T, len(rows))
    _, first = np.unique(number, return_index=True)
    return rows[first], number


class _Lists(NamedTuple):
    """Lists of tokens in one array; list i begins at ``starts[i]``."""

    tokens: _Ints
    starts: Int[np.ndarray, " lists"]
    sizes: Int[np.ndarray, " lists"]

    @classmethod
    def of(cls, number: _Ints, tokens: _Ints, n: int) -> "_Lists":
        """Put each token into the list with its number, in the given order."""
        sizes = np.bincount(number, minlength=n)
        order = np.argsort(number, kind="stable")
        return cls(tokens[order], np.cumsum(sizes) - sizes, sizes)

    def padded(
        self, lists: _Ints
    ) -> tuple[Int32[np.ndarray, "n slots"], Bool[np.ndarray, "n slots"]]:
        """Return some lists as rows, and which of their slots are filled."""
        sizes = self.sizes[lists, None]
        slots = np.arange(sizes.max(initial=0))
        filled = slots < sizes
        at = np.where(filled, self.starts[lists, None] + slots, 0)
        tokens = self.tokens[at] if self.tokens.size else at
        return tokens.astype(np.int32), filled


def _seen_tokens(
    row: Row, keys: TokenLayout, groups: Int[np.ndarray, "groups columns"]
) -> _Lists:
    """Return the key tokens that match the coordinates of each group."""
    numbers: list[np.ndarray] = [_NO_TOKENS]
    tokens: list[np.ndarray] = [_NO_TOKENS]
    twice = False
    for name, matches in row.links.items():
        twice |= len(matches) > 1
        for column, dim in matches:
            along = coordinates(keys[name], dim)
            wanted = groups[:, column]
            n = int(max(along.max(initial=-1), wanted.max(initial=-1))) + 1
            lists = _Lists.of(along, _positions(keys, name), n)
            sizes = lists.sizes[wanted]
            number = np.repeat(np.arange(len(groups)), sizes)
            within = np.arange(len(number)) - np.repeat(
                np.cumsum(sizes) - sizes, sizes
            )
            numbers.append(number)
            tokens.append(lists.tokens[lists.starts[wanted][number] + within])
    number, token = np.concatenate(numbers), np.concatenate(tokens)
    if twice:
        # A token that matches along two dimensions is listed only once.
        once = np.unique(number * np.int64(keys.n_tokens) + token)
        number, token = np.divmod(once, keys.n_tokens)
    return _Lists.of(number, token, len(groups))


def _alike(*sizes: _Ints) -> list[_Ints]:
    """Return the indices of groups, in classes of about equal sizes."""
    # The classes are 0, 1, 2, 3 to 4, 5 to 8, ...
    classes = np.stack([_power_of_two(size) for size in sizes], 1)
    found, kind = _distinct(classes + 1)
    return [np.flatnonzero(kind == i) for i in range(len(found))]


def _power_of_two(sizes: _Ints) -> _Ints:
    """Return the exponent of the next power of two, -1 for 0."""
    if (sizes == sizes[:1]).all():
        return np.zeros(sizes.shape, np.int64)
    exponents = np.ceil(np.log2(np.maximum(sizes, 1))).astype(np.int64)
    return np.where(sizes > 0, exponents, -1)


class _OpenPairs:
    """Which pairs of a row are open, depending on the keys of their tokens."""

    def __init__(
        self, row: Row, queries: TokenLayout, keys: TokenLayout
    ) -> None:
        self._query_key, self._key_key = _key_of(queries), _key_of(keys)
        self._closed = bool(row.closed)
        self._table = np.ones((len(queries.keys), len(keys.keys)), bool)
        for query, key in row.closed:
            at = queries.names.index(query), keys.names.index(key)
            self._table[at] = False

    def among(
        self,
        places: Int[np.ndarray, "groups queries"],
        seen: Int[np.ndarray, "_ keys"],
        filled: Bool[np.ndarray, "_ keys"] | None,
    ) -> Bool[np.ndarray, "_ queries keys"] | None:
        """Return which pairs are open, or None if all are."""
        filled = None if filled is None or filled.all() else filled
        if not self._closed and filled is None:
            return None
        by, of = self._query_key[places], self._key_key[seen]
        if filled is None:
            by, of = _once(by), _once(of)
        is_open = self._table[by[:, :, None], of[:, None, :]]
        if filled is not None:
            is_open = is_open & filled[:, None, :]
        return None if is_open.all() else is_open


def _once(rows: Int[np.ndarray, "n k"]) -> Int[np.ndarray, "_ k"]:
    return rows[:1] if (rows == rows[:1]).all() else rows


def _key_of(layout: TokenLayout) -> _Ints:
    sizes = [key.n_tokens for key in layout.keys]
    return np.repeat(np.arange(len(sizes)), sizes)
