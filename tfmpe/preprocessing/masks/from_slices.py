"""Declared attention masks from plain slices, without Tokens."""

from collections.abc import Iterable

import numpy as np
from jaxtyping import Bool

from tfmpe.preprocessing.layout.independence import Independence
from tfmpe.preprocessing.layout.layout import Slices
from tfmpe.preprocessing.layout.rules import check_match, check_rules
from tfmpe.preprocessing.layout.slices import layout_from_slices

from .dense import declared_mask, dense_mask
from .relations import cross_relations


def build_self_attention_mask(
    slices: Slices,
    independence: object,
    selected_keys: Iterable[str] | None = None,
) -> Bool[np.ndarray, "tokens tokens"]:
    """Return the self-attention mask that independence rules declare.

    Parameters
    ----------
    slices : mapping
        As returned by :func:`flatten_pytree`. The blocks of the mask have this
        order, whatever the offsets.
    independence : mapping or Independence
        Rules between the keys.
    selected_keys : sequence of str, optional
        Keys to keep, in this order; rules that name other keys are dropped.

    Returns
    -------
    ndarray of bool
        True where the row's token may attend to the column's.

    Raises
    ------
    UnknownKeyError
        If a rule or ``selected_keys`` names a key not in ``slices``.
    IndependenceError, ValueError
        If a rule is malformed, or does not fit the shapes.
    DynamicShapeError
        If ``slices`` was traced.

    Notes
    -----
    Static, so safe under ``jit``. Rules are applied in the order cross, local,
    cross_local. Legacy: ``build_self_attention_mask``, which pairs tokens of
    a cross_local rule element by element.

    Examples
    --------
    >>> slices = {"mu": {"event_shape": (1,)}, "obs": {"event_shape": (2,)}}
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
    query_slices: Slices, key_slices: Slices, independence: object
) -> Bool[np.ndarray, "queries keys"]:
    """Return the cross-attention mask that independence rules declare.

    Parameters
    ----------
    query_slices, key_slices : mapping
        Slices of the tokens that attend, and of the tokens they attend to.
    independence : mapping or Independence
        Rules between keys. A rule applies if its first key is among the
        queries and its second among the keys; other rules are ignored.

    Returns
    -------
    ndarray of bool
        True where the query token may attend.

    Raises
    ------
    IndependenceError, ValueError, DynamicShapeError
        See :func:`build_self_attention_mask`.

    Notes
    -----
    Static, so safe under ``jit``. Legacy: ``build_cross_attention_mask``.

    Examples
    --------
    >>> theta, obs = {"a": {"event_shape": (2,)}}, {"b": {"event_shape": (2,)}}
    >>> rules = {"cross_local": [("a", "b", (0, 0))]}
    >>> build_cross_attention_mask(theta, obs, rules).tolist()
    [[True, False], [False, True]]
    """
    queries = layout_from_slices(query_slices).by_name
    keys = layout_from_slices(key_slices).by_name
    rules = Independence.parse(independence)
    for rule in rules.matching:
        if rule.a in queries and rule.b in keys:
            check_match(queries[rule.a], keys[rule.b], rule)
    return dense_mask(queries, keys, cross_relations(queries, keys, rules))
