"""Attention plans: the small products that make up a large mask.

A declared mask of n tokens has n * n entries, few of which are open in a
hierarchical model. A plan lists the open entries as blocks of groups of equal
size. Time and memory are proportional to the open entries; no mask is built.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
from jaxtyping import Int32

from tfmpe.preprocessing.layout.layout import TokenLayout

from .attention import check_empty_rows, rules_leave_empty
from .plan_blocks import AttentionBlock, PlacedBlock, blocks_of_row
from .plan_rows import merged_rows
from .relations import Relation, relations_of

PAIR_COST = 4
"""Time per pair in small products, relative to one large product."""

FLOOR_PAIRS = {"cpu": 128, "gpu": 1024**2}
"""Number of pairs in a mask below which a plan is not faster.

Measured on two cores: with 5 sites of 3 observations a plan halves the time of
a training step, with 3 sites of 2 it changes nothing. The value for GPUs, where
kernel launches cost more, is not measured.
"""


@dataclass(frozen=True, eq=False, repr=False)
class AttentionPlan:
    """Open pairs of an attention mask, as blocks of groups of equal size.

    Attributes
    ----------
    blocks : tuple of AttentionBlock
        Every query token is in one group of one block.
    order : ndarray of int32, shape (n_query,)
        Position of each query token in the concatenated results of all blocks,
        with groups and slots flattened.
    own : ndarray of int32, shape (n_query,)
        Position of each query token among the keys, or -1 if it is not a key.
    n_key : int
        Number of tokens attended to.
    empty_rows : {'self', 'all', 'error'}
        What rows that padding leaves empty attend to. For rows that the rules
        leave empty, the blocks already contain a fallback.
    among_themselves : bool
        Whether queries and keys are the same tokens (self-attention).
    blind : ndarray of int32
        Query tokens for which the rules leave nothing to attend to.

    Notes
    -----
    Static: NumPy arrays derived from a layout. Plans are compared by identity
    and made once per layout.
    """

    blocks: tuple[AttentionBlock, ...]
    order: Int32[np.ndarray, " queries"]
    own: Int32[np.ndarray, " queries"]
    n_key: int
    empty_rows: str
    among_themselves: bool
    blind: Int32[np.ndarray, " blind"]

    @property
    def n_query(self) -> int:
        """Number of tokens that attend."""
        return len(self.order)

    @property
    def n_pairs(self) -> int:
        """Number of pairs computed per sample and head."""
        return sum(block.n_pairs for block in self.blocks)

    @property
    def n_bytes(self) -> int:
        """Size of the plan's arrays in bytes."""
        arrays = [self.order, self.own]
        arrays += [a for block in self.blocks for a in block if a is not None]
        return sum(array.nbytes for array in arrays)

    def choice(self, backend: str) -> str:
        """Return the faster method, ``'dense'`` or ``'structured'``.

        Parameters
        ----------
        backend : str
            ``'cpu'``, ``'gpu'`` or another JAX backend.
        """
        n_dense = self.n_query * self.n_key
        floor = FLOOR_PAIRS.get(backend, FLOOR_PAIRS["gpu"])
        cheaper = PAIR_COST * self.n_pairs + floor < n_dense
        return "structured" if cheaper else "dense"

    def __repr__(self) -> str:
        return (
            f"AttentionPlan({len(self.blocks)} blocks, {self.n_pairs} of "
            f"{self.n_query} x {self.n_key} pairs)"
        )


def attention_plan(
    layout: TokenLayout,
    query_keys: Iterable[str],
    key_keys: Iterable[str] | None = None,
    *,
    both_ways: bool = False,
    empty_rows: str = "self",
) -> AttentionPlan:
    """Return the plan of ``Tokens.attention_plan``, made once per layout."""
    check_empty_rows(empty_rows)
    rows = layout.select(query_keys)
    columns = None if key_keys is None else layout.select(key_keys)
    names = None if columns is None else columns.names
    return layout.memo(
        ("attention_plan", rows.names, names, both_ways, empty_rows),
        lambda: _plan(
            rows,
            columns,
            relations_of(layout, rows.names, names, both_ways),
            empty_rows,
        ),
    )


def _plan(
    queries: TokenLayout,
    others: TokenLayout | None,
    relations: Mapping[tuple[str, str], Relation],
    empty_rows: str,
) -> AttentionPlan:
    keys = queries if others is None else others
    own = _own_positions(queries, keys)
    placed: list[PlacedBlock] = []
    blind = []
    for row in merged_rows(queries, keys, relations):
        blocks, tokens = blocks_of_row(row, queries, keys)
        placed += blocks
        blind.append(tokens)
    tokens = np.sort(np.concatenate(blind)) if blind else np.zeros(0, np.int32)
    if tokens.size and empty_rows == "error":
        raise rules_leave_empty(tokens, queries.n_tokens)
    placed += _fallbacks(tokens, own, keys.n_tokens, empty_rows)
    return AttentionPlan(
        tuple(block for block, _ in placed),
        _order(placed, queries.n_tokens),
        own,
        keys.n_tokens,
        empty_rows,
        others is None,
        tokens,
    )


def _own_positions(
    queries: TokenLayout, keys: TokenLayout
) -> Int32[np.ndarray, " queries"]:
    own = np.full(queries.n_tokens, -1, np.int32)
    for name in queries.names:
        if name in keys:
            block = keys[name].block
            own[queries[name].block] = np.arange(block.start, block.stop)
    return own


def _fallbacks(
    blind: Int32[np.ndarray, " blind"],
    own: Int32[np.ndarray, " queries"],
    n_key: int,
    empty_rows: str,
) -> list[PlacedBlock]:
    """Return blocks for query tokens that the rules leave without keys."""
    to_self = (own[blind] >= 0) & (empty_rows != "all")
    none, everything = np.zeros(0, np.int32), np.arange(n_key, dtype=np.int32)
    blocks = []
    for tokens, keys, shared in (
        (blind[to_self], own[blind[to_self]][:, None], none),
        (blind[~to_self], None, everything),
    ):
        if not tokens.size:
            continue
        places = tokens[:, None] if keys is not None else tokens[None]
        if keys is None:
            keys = np.zeros((1, 0), np.int32)
        block = AttentionBlock(places, keys, shared)
        blocks.append(PlacedBlock(block, np.ones(places.shape, bool)))
    return blocks


def _order(
    placed: list[PlacedBlock], n_query: int
) -> Int32[np.ndarray, " queries"]:
    order = np.zeros(n_query, np.int32)
    start = 0
    for block, used in placed:
        slots = np.arange(start, start + used.size, dtype=np.int32)
        order[block.queries[used]] = slots[used.ravel()]
        start += used.size
    return order
