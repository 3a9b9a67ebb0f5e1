"""Relations between keys as dense masks.

A mask is a NumPy array of bool, True where a token (row) may attend to
another (column). It follows from the layout alone, so it is concrete under
every jax transformation.
"""

from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

import numpy as np
from jaxtyping import Bool

from tfmpe.preprocessing.layout.layout import KeyLayout, TokenLayout
from tfmpe.preprocessing.masks.relations import (
    Match,
    Relation,
    coordinates,
    cross_relations,
    self_relations,
)

Pairing: TypeAlias = Callable[[KeyLayout, KeyLayout, Match], np.ndarray]
"""Which tokens of two keys match, bool of shape ``(n_a, n_b)``."""


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
    """Return the mask from one set of tokens to another.

    Parameters
    ----------
    queries, keys : mapping of KeyLayout
        By name; offsets say where the tokens lie.
    relations : mapping
        Between these keys.
    pairing : callable
        Which tokens match.

    Returns
    -------
    ndarray of bool, shape (n_query, n_key)
        True where the query token may attend.
    """
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
    """Return a declared mask between keys of a layout, computed once.

    Without ``key_keys`` the self-attention mask among ``query_keys``.
    ``both_ways`` as of :func:`cross_relations`.
    """
    queries = layout.select(query_keys)
    if key_keys is None:
        return queries.memo(
            "self_mask",
            lambda: dense_mask(
                queries.by_name,
                queries.by_name,
                self_relations(queries.independence),
            ),
        )
    keys = layout.select(key_keys)
    return layout.memo(
        ("cross_mask", query_keys, key_keys, both_ways),
        lambda: dense_mask(
            queries.by_name,
            keys.by_name,
            cross_relations(
                query_keys, key_keys, layout.independence, both_ways=both_ways
            ),
        ),
    )


def chosen_mask(
    layout: TokenLayout, query_keys: Any, key_keys: Any
) -> tuple[Bool[np.ndarray, "queries keys"], TokenLayout, TokenLayout]:
    """Return a declared mask to show, with the layouts of rows and columns.

    Without ``query_keys`` all keys are in the rows; without ``key_keys`` it
    is the self-attention mask among the rows' keys.
    """
    rows = layout.select(query_keys or layout.names)
    columns = rows if key_keys is None else layout.select(key_keys)
    mask = declared_mask(
        layout, rows.names, None if key_keys is None else columns.names
    )
    return mask, rows, columns
