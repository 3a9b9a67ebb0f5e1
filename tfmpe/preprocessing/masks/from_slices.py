"""Declared attention masks of plain slices, without Tokens."""

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
from jaxtyping import Bool

from tfmpe.preprocessing.layout.independence import Independence
from tfmpe.preprocessing.layout.rules import check_match, check_rules
from tfmpe.preprocessing.layout.slices import layout_from_slices
from tfmpe.preprocessing.masks.dense import declared_mask, dense_mask
from tfmpe.preprocessing.masks.relations import cross_relations


def build_self_attention_mask(
    slices: Mapping[str, Mapping[str, Any]],
    independence: Any,
    selected_keys: Iterable[str] | None = None,
) -> Bool[np.ndarray, "tokens tokens"]:
    """Return the self-attention mask that independence rules declare.

    Parameters
    ----------
    slices : mapping
        ``{key: {'offset', 'event_shape', 'batch_shape'}}``. Blocks follow in
        this order, whatever the offsets.
    independence : mapping or Independence
        Rules between the keys.
    selected_keys : sequence of str, optional
        Keys to keep, in the order wanted; rules that name others are
        dropped.

    Returns
    -------
    ndarray of bool, shape (n_tokens, n_tokens)
        True where the row's token may attend to the column's.

    Raises
    ------
    UnknownKeyError
        If a rule or ``selected_keys`` names a key not in ``slices``.
    IndependenceError
        If a rule is malformed.
    ValueError
        If a cross_local rule does not fit the shapes.
    DynamicShapeError
        If ``slices`` was traced.

    Notes
    -----
    Static, so safe under ``jit``. Rules act in the order cross, local,
    cross_local. Legacy: ``build_self_attention_mask``, which pairs tokens of
    a cross_local rule element by element.

    Examples
    --------
    >>> slices = {
    ...     "mu": {"offset": 0, "event_shape": (1,), "batch_shape": (1,)},
    ...     "obs": {"offset": 1, "event_shape": (2,), "batch_shape": (1,)},
    ... }
    >>> build_self_attention_mask(slices, {"local": ["obs"]}).astype(int)
    array([[1, 1, 1],
           [1, 0, 0],
           [1, 0, 0]])
    """
    layout = layout_from_slices(slices, independence)
    check_rules(layout)
    if selected_keys is not None:
        layout = layout.select(selected_keys)
    return declared_mask(layout, layout.names)


def build_cross_attention_mask(
    query_slices: Mapping[str, Mapping[str, Any]],
    key_slices: Mapping[str, Mapping[str, Any]],
    independence: Any,
) -> Bool[np.ndarray, "queries keys"]:
    """Return the cross-attention mask that independence rules declare.

    Parameters
    ----------
    query_slices, key_slices : mapping
        ``{key: {'offset', 'event_shape', 'batch_shape'}}`` of the tokens
        that attend and of those attended to.
    independence : mapping or Independence
        Rules between keys. One acts if its first key is among the queries
        and its second among the keys; all others are passed over.

    Returns
    -------
    ndarray of bool, shape (n_query, n_key)
        True where the query token may attend.

    Raises
    ------
    IndependenceError
        If a rule is malformed.
    ValueError
        If a cross_local rule does not fit the shapes.
    DynamicShapeError
        If slices were traced.

    Notes
    -----
    Static, so safe under ``jit``. Legacy: ``build_cross_attention_mask``.

    Examples
    --------
    >>> theta = {
    ...     "theta": {"offset": 0, "event_shape": (2,), "batch_shape": (1,)}
    ... }
    >>> obs = {
    ...     "obs": {"offset": 0, "event_shape": (2, 2), "batch_shape": (1,)}
    ... }
    >>> rules = {"cross_local": [("theta", "obs", (0, 0))]}
    >>> build_cross_attention_mask(theta, obs, rules).astype(int)
    array([[1, 1, 0, 0],
           [0, 0, 1, 1]])
    """
    queries = layout_from_slices(query_slices).by_name
    keys = layout_from_slices(key_slices).by_name
    rules = Independence.parse(independence)
    for rule in rules.cross_local:
        if rule.a in queries and rule.b in keys:
            check_match(queries[rule.a], keys[rule.b], rule)
    return dense_mask(queries, keys, cross_relations(queries, keys, rules))
