"""The mask rules of the package core, token pair by token pair.

The same rules in the same order as ``masks``, with one difference:
``cross_local`` with ``(dim_a, dim_b)`` opens *every* token of a at coordinate
i to *every* token of b at coordinate i. Nothing here is clever: each pair of
tokens is judged on its own, and the last rule that speaks about it wins.
"""

from itertools import product
from math import prod

import numpy as np


def _tokens(slices):
    """Return the (key, coordinates) of every token, by row."""
    rows = [None] * sum(prod(b["event_shape"]) for b in slices.values())
    for key, block in slices.items():
        everywhere = product(*(range(size) for size in block["event_shape"]))
        for i, coordinates in enumerate(everywhere):
            rows[block["offset"] + i] = (key, coordinates)
    return rows


def _shapes(slices):
    return {key: block["event_shape"] for key, block in slices.items()}


def _position(shape, coordinates):
    """Return the row-major number of one token within its block."""
    number = 0
    for size, coordinate in zip(shape, coordinates, strict=True):
        number = number * size + coordinate
    return number


def _check(rule, shape_a, shape_b):
    a, b, index_map = rule
    if index_map is None:
        if prod(shape_a) != prod(shape_b):
            raise ValueError(
                f"{a!r} has {prod(shape_a)} tokens but {b!r} has "
                f"{prod(shape_b)}: their diagonal does not exist"
            )
        return
    for dim, shape, key in zip(
        index_map, (shape_a, shape_b), (a, b), strict=True
    ):
        if not -len(shape) <= dim < len(shape):
            raise ValueError(
                f"{key!r} has {len(shape)} event dimensions, so it has no "
                f"dimension {dim}"
            )
    dim_a, dim_b = index_map
    if shape_a[dim_a] != shape_b[dim_b]:
        raise ValueError(
            f"dimension {dim_a} of {a!r} has size {shape_a[dim_a]} but "
            f"dimension {dim_b} of {b!r} has size {shape_b[dim_b]}"
        )


def _corresponds(index_map, shape_a, at_a, shape_b, at_b):
    if index_map is None:
        return _position(shape_a, at_a) == _position(shape_b, at_b)
    dim_a, dim_b = index_map
    return at_a[dim_a] == at_b[dim_b]


def self_mask(slices, independence):
    """Return which tokens of a set of keys may attend to which.

    Parameters
    ----------
    slices : dict
        ``{key: {'offset', 'event_shape', ...}}``.
    independence : dict
        ``local``, ``cross`` and ``cross_local`` rules, each optional.

    Returns
    -------
    ndarray of bool, shape (n_tokens, n_tokens)

    Raises
    ------
    ValueError
        If a ``cross_local`` rule does not fit the event shapes.
    """
    shapes = _shapes(slices)
    rules = [
        rule
        for rule in independence.get("cross_local", [])
        if rule[0] in slices and rule[1] in slices
    ]
    for rule in rules:
        _check(rule, shapes[rule[0]], shapes[rule[1]])

    def may_attend(row_key, row_at, column_key, column_at):
        allowed = True
        for a, b in independence.get("cross", []):
            if row_key == a and column_key == b:
                allowed = False
        for key in independence.get("local", []):
            if row_key == key and column_key == key:
                allowed = False
        for a, b, index_map in rules:
            written = (row_key, column_key) == (a, b)
            mirrored = (row_key, column_key) == (b, a)
            if not (written or mirrored):
                continue
            # Both ways hold for a rule of a key with itself.
            allowed = (
                written
                and _corresponds(
                    index_map, shapes[a], row_at, shapes[b], column_at
                )
            ) or (
                mirrored
                and _corresponds(
                    index_map, shapes[a], column_at, shapes[b], row_at
                )
            )
        return allowed

    tokens = _tokens(slices)
    mask = np.zeros((len(tokens), len(tokens)), dtype=bool)
    for row, (row_key, row_at) in enumerate(tokens):
        for column, (column_key, column_at) in enumerate(tokens):
            mask[row, column] = may_attend(
                row_key, row_at, column_key, column_at
            )
    return mask


def cross_mask(query_slices, key_slices, independence):
    """Return which query tokens may attend to which key tokens.

    A rule acts only as written, its first key on the query side and its
    second on the key side. ``local`` is ignored.

    Parameters
    ----------
    query_slices, key_slices : dict
        ``{key: {'offset', 'event_shape', ...}}`` of each side.
    independence : dict
        ``cross`` and ``cross_local`` rules, each optional.

    Returns
    -------
    ndarray of bool, shape (n_query, n_key)

    Raises
    ------
    ValueError
        If a ``cross_local`` rule does not fit the event shapes.
    """
    query_shapes = _shapes(query_slices)
    key_shapes = _shapes(key_slices)
    rules = [
        rule
        for rule in independence.get("cross_local", [])
        if rule[0] in query_slices and rule[1] in key_slices
    ]
    for rule in rules:
        _check(rule, query_shapes[rule[0]], key_shapes[rule[1]])

    def may_attend(row_key, row_at, column_key, column_at):
        allowed = True
        for a, b in independence.get("cross", []):
            if row_key == a and column_key == b:
                allowed = False
        for a, b, index_map in rules:
            if row_key == a and column_key == b:
                allowed = _corresponds(
                    index_map, query_shapes[a], row_at, key_shapes[b], column_at
                )
        return allowed

    queries, keys = _tokens(query_slices), _tokens(key_slices)
    mask = np.zeros((len(queries), len(keys)), dtype=bool)
    for row, (row_key, row_at) in enumerate(queries):
        for column, (column_key, column_at) in enumerate(keys):
            mask[row, column] = may_attend(
                row_key, row_at, column_key, column_at
            )
    return mask
