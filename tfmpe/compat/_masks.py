"""Legacy masks (float32, legacy pairing), computed by the core."""

from collections.abc import Collection, Mapping
from functools import partial
from typing import Any

import numpy as np

from tfmpe._base.arrays import join, on_device, readable
from tfmpe.compat.defects.l09_elementwise_pairing import elementwise_opening
from tfmpe.preprocessing import Independence, KeyLayout
from tfmpe.preprocessing.layout.independence import Cross, CrossLocal
from tfmpe.preprocessing.masks.dense import Pairing, dense_mask
from tfmpe.preprocessing.masks.padding import key_padding_mask
from tfmpe.preprocessing.masks.relations import (
    Match,
    cross_relations,
    match_of,
    reversed_match,
    self_relations,
)


def rule_pairs(spec: Any) -> list[tuple[Any, Any]]:
    """Return the pairs of keys in ``cross`` and ``cross_local`` rules."""
    spec = _as_dict(spec)
    return [
        *((a, b) for a, b in spec.get("cross", ())),
        *((a, b) for a, b, _ in spec.get("cross_local", ())),
    ]


def acting_rules(
    spec: Any, queries: Collection[str], keys: Collection[str]
) -> Independence:
    """Read the legacy rules that act from queries to keys.

    Other rules are ignored, even if their axes are invalid.

    Raises
    ------
    ValueError, TypeError
        If a rule cannot be unpacked.
    """
    spec = _as_dict(spec)
    cross_local = []
    for a, b, dims in spec.get("cross_local", ()):
        if a in queries and b in keys:
            if dims is not None:
                dim_a, dim_b = dims
                dims = (dim_a, dim_b)
            cross_local.append(CrossLocal(a, b, dims))
    return Independence(
        tuple(name for name in spec.get("local", ()) if name in queries),
        tuple(
            Cross(a, b)
            for a, b in spec.get("cross", ())
            if a in queries and b in keys
        ),
        tuple(cross_local),
    )


def _as_dict(spec: Any) -> Any:
    return spec.to_dict() if isinstance(spec, Independence) else spec


def _placed(slices: Mapping[str, Mapping[str, Any]]) -> dict[str, KeyLayout]:
    """Return the keys of one side, each at its offset."""
    return {
        name: KeyLayout(
            name,
            (name,),
            entry["offset"],
            tuple(entry["event_shape"]),
            (1,),
            0,
        )
        for name, entry in slices.items()
    }


def build_self_attention_mask(
    block_slices: Mapping[str, Mapping[str, Any]], independence: Any
) -> Any:
    """Return the self-attention mask of one side.

    Parameters
    ----------
    block_slices : dict
        One side of the slices of ``flatten_structured``.
    independence : dict
        Rules between keys; rules for absent keys are ignored.

    Returns
    -------
    Array of float32, shape (n_tokens, n_tokens)
        1 where the row's token may attend to the column's token.

    Raises
    ------
    ValueError, IndexError, TypeError
        If a rule is malformed or does not fit the shapes.

    Notes
    -----
    Legacy: ``sfmpe.util.dataloader.build_self_attention_mask``, with its
    pairing (L9). On Tokens: ``tokens.self_attention_mask``.
    """
    return on_device(legacy_self_mask(block_slices, independence))


def build_cross_attention_mask(
    query_slices: Mapping[str, Mapping[str, Any]],
    key_slices: Mapping[str, Mapping[str, Any]],
    independence: Any,
) -> Any:
    """Return the mask of attention from one side to the other.

    Parameters
    ----------
    query_slices, key_slices : dict
        The side that attends, and the side that it attends to.
    independence : dict
        Rules between keys; they act from queries to keys only (L8).

    Returns
    -------
    Array of float32, shape (n_query, n_key)
        1 where the query token may attend.

    Raises
    ------
    ValueError, IndexError, TypeError
        If a rule is malformed or does not fit the shapes.

    Notes
    -----
    Legacy: ``sfmpe.util.dataloader.build_cross_attention_mask``. On Tokens:
    ``tokens.cross_attention_mask(query_keys, key_keys)``.
    """
    return on_device(legacy_cross_mask(query_slices, key_slices, independence))


def legacy_self_mask(
    slices: Mapping[str, Mapping[str, Any]], independence: Any
) -> np.ndarray:
    """Return the self-attention mask of one side as a NumPy array."""
    rules = acting_rules(independence, slices, slices)
    keys = _placed(slices)
    pairing = _pairing(rules, keys, keys)
    mask = dense_mask(keys, keys, self_relations(rules), pairing)
    return mask.astype(np.float32)


def legacy_cross_mask(
    query_slices: Mapping[str, Mapping[str, Any]],
    key_slices: Mapping[str, Mapping[str, Any]],
    independence: Any,
) -> np.ndarray:
    """Return the mask from one side to the other as a NumPy array."""
    rules = acting_rules(independence, query_slices, key_slices)
    queries, keys = _placed(query_slices), _placed(key_slices)
    relations = cross_relations(queries, keys, rules)
    pairing = _pairing(rules, queries, keys)
    mask = dense_mask(queries, keys, relations, pairing)
    return mask.astype(np.float32)


def _pairing(
    rules: Independence,
    queries: Mapping[str, KeyLayout],
    keys: Mapping[str, KeyLayout],
) -> Pairing:
    """Return the legacy pairing of tokens (L9).

    All rules are checked first, even those that a later rule replaces.
    """
    opened = {
        (rule.a, rule.b, match_of(rule)): elementwise_opening(
            queries[rule.a], keys[rule.b], rule.dims
        )
        for rule in rules.cross_local
    }
    return partial(_opening, opened)


def _opening(
    opened: Mapping[tuple[str, str, Match], np.ndarray],
    a: KeyLayout,
    b: KeyLayout,
    match: Match,
) -> np.ndarray:
    found = opened.get((a.name, b.name, match))
    if found is None:
        found = opened[b.name, a.name, reversed_match(match)].T
    return found


def build_padding_mask(
    block_slices: Mapping[str, Mapping[str, Any]],
    event_shapes: Mapping[str, Any],
) -> Any:
    """Return the padding mask of one side.

    Parameters
    ----------
    block_slices : dict
        One side of the slices of ``flatten_structured``.
    event_shapes : dict of arrays, each of shape (*sample, n_event_dims)
        True event shapes of every key.

    Returns
    -------
    Array of float32, shape (*sample, n_tokens)
        1 for tokens that are not padding.

    Raises
    ------
    KeyError
        If a key is missing from ``event_shapes``.
    ValueError
        If a key has no event axes.
    IndexError
        If an entry of ``event_shapes`` is a scalar.
    TypeError
        If sample shapes differ.

    Notes
    -----
    Legacy: ``sfmpe.util.dataloader.build_padding_mask``. On Tokens:
    ``tokens.padding_mask``.
    """
    blocks = []
    for key in _placed(block_slices).values():
        sizes = event_shapes[key.name]
        n_dims = len(key.event_shape)
        if not n_dims:
            raise ValueError(
                f"{key.name!r} has no event axes, so it has no padding mask."
            )
        if not np.ndim(sizes):
            raise IndexError(
                f"event_shapes of {key.name!r} is a single number; expected "
                f"an array whose last axis has length {n_dims}."
            )
        axes = np.arange(n_dims)
        if not isinstance(sizes, np.ndarray):
            # JAX clamps indices beyond the end of an axis.
            axes = np.minimum(axes, np.shape(sizes)[-1] - 1)
        blocks.append(key_padding_mask(key, readable(sizes)[..., axes]))
    if len({block.shape[:-1] for block in blocks}) > 1:
        raise TypeError(
            "The sample shapes of event_shapes differ between keys: "
            f"{ {name: np.shape(event_shapes[name]) for name in block_slices} }"
        )
    return join([block.astype(np.float32) for block in blocks], axis=-1)
