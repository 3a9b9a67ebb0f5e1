"""From independence rules to declared attention masks.

A mask is a NumPy array of bool, True where a token (row) may attend to
another (column). It follows from the layout alone, so it is concrete under
every jax transformation.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np
from jaxtyping import Bool

from tfmpe.preprocessing.layout.dimensions import (
    dimension_size,
    find_dimension,
    matched_dims,
    token_coordinates,
)
from tfmpe.preprocessing.layout.independence import CrossLocal, Independence
from tfmpe.preprocessing.layout.layout import KeyLayout, TokenLayout
from tfmpe.preprocessing.layout.slices import layout_from_slices

Opening = Callable[
    [KeyLayout, KeyLayout, tuple[int, int] | str | None], np.ndarray
]
"""Which pairs of tokens a cross_local rule leaves open, ``(n_a, n_b)``."""


def matching_tokens(
    a: KeyLayout, b: KeyLayout, dims: tuple[int, int] | str | None
) -> Bool[np.ndarray, "tokens_a tokens_b"]:
    """Return the pairs of tokens that a cross_local rule leaves open.

    With ``dims`` every token of ``a`` at coordinate i sees every token of
    ``b`` at coordinate i; with None, tokens at equal positions.

    Raises
    ------
    ValueError
        If the sizes along the matched dimensions differ, or a dimension does
        not exist.
    """
    rule = CrossLocal(a.name, b.name, dims)
    check_match(a, b, rule)
    matched = matched_dims(rule)
    if matched is None:
        return np.eye(a.n_tokens, dtype=bool)
    along_a = token_coordinates(a, matched[0])
    along_b = token_coordinates(b, matched[1])
    return along_a[:, None] == along_b[None, :]


def check_match(a: KeyLayout, b: KeyLayout, rule: CrossLocal) -> None:
    """Check that a cross_local rule fits the shapes of its keys."""
    dims = matched_dims(rule)
    if dims is None:
        if a.n_tokens != b.n_tokens:
            raise ValueError(
                "Cannot apply cross_local independence: without dimensions "
                f"the keys must have equally many tokens, but {a.name!r} has "
                f"{a.n_tokens} and {b.name!r} has {b.n_tokens}. "
                "Name the pair of dimensions to match."
            )
        return
    try:
        size_a, size_b = map(dimension_size, (a, b), dims)
    except ValueError as error:
        raise ValueError(
            f"Cannot apply cross_local independence: {error}"
        ) from None
    # Of a group index by itself only the groups with tokens are known.
    smaller, dim = (a, dims[0]) if size_a < size_b else (b, dims[1])
    more = not isinstance(find_dimension(smaller, dim), int)
    if size_a != size_b and not more:
        raise ValueError(
            f"Cannot apply cross_local independence: dimension {dims[0]!r} of "
            f"{a.name!r} has size {size_a} but dimension {dims[1]!r} of "
            f"{b.name!r} has size {size_b}"
        )


def check_rules(layout: TokenLayout) -> None:
    """Check every rule of a layout against its keys and their shapes.

    Raises
    ------
    UnknownKeyError
        If a rule names a key that the layout does not have.
    ValueError
        If a cross_local rule does not fit the shapes.
    """
    layout.independence.require_keys(layout.names)
    for rule in layout.independence.cross_local:
        check_match(layout[rule.a], layout[rule.b], rule)


def self_mask(
    keys: Mapping[str, KeyLayout],
    rules: Independence,
    opening: Opening = matching_tokens,
) -> Bool[np.ndarray, "tokens tokens"]:
    """Return the declared mask among the tokens of some keys.

    Parameters
    ----------
    keys : mapping of KeyLayout
        The keys by name, whose offsets say where their tokens lie.
    rules : Independence
        Rules between these keys.
    opening : callable
        How a cross_local rule pairs tokens.

    Returns
    -------
    ndarray of bool, shape (n_tokens, n_tokens)
        True where the row's token may attend to the column's.
    """
    n_tokens = _n_tokens(keys)
    mask = np.ones((n_tokens, n_tokens), bool)
    for query, key in rules.cross:
        mask[keys[query].block, keys[key].block] = False
    for name in rules.local:
        mask[keys[name].block, keys[name].block] = False
    for name_a, name_b, dims in rules.cross_local:
        a, b = keys[name_a], keys[name_b]
        opened = opening(a, b, dims)
        if a is b:
            opened = opened | opened.T
        mask[a.block, b.block] = opened
        mask[b.block, a.block] = opened.T
    return mask


def cross_mask(
    queries: Mapping[str, KeyLayout],
    keys: Mapping[str, KeyLayout],
    rules: Independence,
    opening: Opening = matching_tokens,
    *,
    both_ways: bool = False,
) -> Bool[np.ndarray, "queries keys"]:
    """Return the declared mask from one set of tokens to another.

    ``local`` rules do not act here, and the others only in the direction in
    which they are written: the first key among the queries. With
    ``both_ways`` cross_local rules act in the other direction too, as they
    do in a self-attention mask.

    Returns
    -------
    ndarray of bool, shape (n_query, n_key)
        True where the query token may attend.
    """
    mask = np.ones((_n_tokens(queries), _n_tokens(keys)), bool)
    for query, key in rules.cross:
        if query in queries and key in keys:
            mask[queries[query].block, keys[key].block] = False
    for name_a, name_b, dims in rules.cross_local:
        if name_a in queries and name_b in keys:
            a, b = queries[name_a], keys[name_b]
            mask[a.block, b.block] = opening(a, b, dims)
        if both_ways and name_b in queries and name_a in keys:
            a, b = keys[name_a], queries[name_b]
            mask[b.block, a.block] = opening(a, b, dims).T
    return mask


def _n_tokens(keys: Mapping[str, KeyLayout]) -> int:
    return sum(key.n_tokens for key in keys.values())


def declared_mask(
    layout: TokenLayout,
    query_keys: tuple[str, ...],
    key_keys: tuple[str, ...] | None = None,
    *,
    both_ways: bool = False,
) -> Bool[np.ndarray, "queries keys"]:
    """Return a declared mask between keys of a layout, computed once.

    Without ``key_keys`` the self-attention mask among ``query_keys``.
    ``both_ways`` as of :func:`cross_mask`.
    """
    queries = layout.select(query_keys)
    if key_keys is None:
        return queries.memo(
            "self_mask",
            lambda: self_mask(queries.by_name, queries.independence),
        )
    keys = layout.select(key_keys)
    return layout.memo(
        ("cross_mask", query_keys, key_keys, both_ways),
        lambda: cross_mask(
            queries.by_name,
            keys.by_name,
            layout.independence,
            both_ways=both_ways,
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
    return self_mask(layout.by_name, layout.independence)


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
    return cross_mask(
        layout_from_slices(query_slices).by_name,
        layout_from_slices(key_slices).by_name,
        Independence.parse(independence),
    )
