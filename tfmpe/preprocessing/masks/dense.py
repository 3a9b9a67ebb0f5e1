"""Declared masks from relations between keys.

A mask is a NumPy array of bool, True where a token (row) may attend to
another (column). It depends only on the layout, so it is concrete under every
JAX transformation.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import TypeAlias

import numpy as np
from jaxtyping import Bool

from tfmpe.preprocessing.layout.layout import KeyLayout, TokenLayout

from .relations import Match, Relation, coordinates, relations_of

Pairing: TypeAlias = Callable[
    [KeyLayout, KeyLayout, Match], Bool[np.ndarray, "tokens_a tokens_b"]
]
"""Function that returns which tokens of two keys match."""


def equal_coordinates(
    a: KeyLayout, b: KeyLayout, match: Match
) -> Bool[np.ndarray, "tokens_a tokens_b"]:
    """Return the pairs of tokens with equal coordinates."""
    along_a, along_b = coordinates(a, match[0]), coordinates(b, match[1])
    return along_a[:, None] == along_b[None]


def dense_mask(
    queries: Mapping[str, KeyLayout],
    keys: Mapping[str, KeyLayout],
    relations: Mapping[tuple[str, str], Relation],
    pairing: Pairing = equal_coordinates,
) -> Bool[np.ndarray, "queries keys"]:
    """Return the mask of query tokens by key tokens; True where open."""
    n_query, n_key = (
        sum(key.n_tokens for key in side.values()) for side in (queries, keys)
    )
    mask = np.ones((n_query, n_key), bool)
    for (query, key), relation in relations.items():
        a, b = queries[query], keys[key]
        block = mask[a.block, b.block]
        block[...] = False
        for match in relation:
            block |= pairing(a, b, match)
    return mask


def declared_mask(
    layout: TokenLayout,
    query_keys: tuple[str, ...],
    key_keys: tuple[str, ...] | None = None,
    *,
    both_ways: bool = False,
) -> Bool[np.ndarray, "queries keys"]:
    """Return a declared cross- or self-attention mask, computed once."""
    queries = layout.select(query_keys)
    keys = queries if key_keys is None else layout.select(key_keys)
    return layout.memo(
        ("mask", query_keys, key_keys, both_ways),
        lambda: dense_mask(
            queries.by_name,
            keys.by_name,
            relations_of(layout, query_keys, key_keys, both_ways),
        ),
    )


def chosen_mask(
    layout: TokenLayout,
    query_keys: Iterable[str] | None,
    key_keys: Iterable[str] | None,
) -> tuple[Bool[np.ndarray, "queries keys"], TokenLayout, TokenLayout]:
    """Return the declared mask of the chosen keys, and its two layouts."""
    rows = layout.select(layout.names if query_keys is None else query_keys)
    columns = rows if key_keys is None else layout.select(key_keys)
    mask = declared_mask(
        layout, rows.names, None if key_keys is None else columns.names
    )
    return mask, rows, columns
