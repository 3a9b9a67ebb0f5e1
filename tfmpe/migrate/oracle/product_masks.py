"""Mask rules of the core, applied token pair by token pair.

The rules act as in ``masks``, in the same order, with one difference:
``cross_local`` with ``(dim_a, dim_b)`` opens *every* token of a at coordinate
i to *every* token of b at coordinate i. For simplicity, each pair of tokens is
decided separately: the last rule that applies to it wins.
"""

from itertools import product
from math import prod

import numpy as np


def _tokens(slices):
    """Return the (key, coordinates) of every token, by row."""
    rows = {}
    for key, block in slices.items():
        everywhere = product(*(range(size) for size in block["event_shape"]))
        for i, coordinates in enumerate(everywhere):
            rows[block["offset"] + i] = (key, coordinates)
    return [rows[i] for i in range(len(rows))]


def _position(shape, coordinates):
    """Return the row-major position of a token within its block."""
    number = 0
    for size, coordinate in zip(shape, coordinates, strict=True):
        number = number * size + coordinate
    return number


def _check(rule, shape_a, shape_b):
    a, b, index_map = rule
    try:
        if index_map is None:
            sizes = prod(shape_a), prod(shape_b)
        else:
            sizes = shape_a[index_map[0]], shape_b[index_map[1]]
    except IndexError:
        sizes = None, None
    if sizes[0] is None or sizes[0] != sizes[1]:
        raise ValueError(
            f"the rule between {a!r} of shape {shape_a} and {b!r} of shape "
            f"{shape_b} matches {index_map}: expected dimensions of equal size"
        )


def _corresponds(index_map, shape_a, at_a, shape_b, at_b):
    if index_map is None:
        return _position(shape_a, at_a) == _position(shape_b, at_b)
    dim_a, dim_b = index_map
    return at_a[dim_a] == at_b[dim_b]


def self_mask(slices, independence):
    """Return which tokens may attend to which, as a bool matrix."""
    return _mask(slices, slices, independence, both_ways=True)


def cross_mask(query_slices, key_slices, independence):
    """Return which query tokens may attend to which key tokens."""
    return _mask(query_slices, key_slices, independence, both_ways=False)


def _mask(query_slices, key_slices, independence, both_ways):
    rules = [
        (
            rule,
            query_slices[rule[0]]["event_shape"],
            key_slices[rule[1]]["event_shape"],
        )
        for rule in independence.get("cross_local", [])
        if rule[0] in query_slices and rule[1] in key_slices
    ]
    for rule in rules:
        _check(*rule)

    def may_attend(row_key, row_at, column_key, column_at):
        keys = (row_key, column_key)
        allowed = keys not in [(a, b) for a, b in independence.get("cross", [])]
        if both_ways and row_key == column_key:
            allowed = allowed and row_key not in independence.get("local", [])
        for (a, b, index_map), shape_a, shape_b in rules:
            # A rule of a key with itself applies in both directions.
            opened = []
            if keys == (a, b):
                opened.append((row_at, column_at))
            if both_ways and keys == (b, a):
                opened.append((column_at, row_at))
            if opened:
                allowed = any(
                    _corresponds(index_map, shape_a, at_a, shape_b, at_b)
                    for at_a, at_b in opened
                )
        return allowed

    queries, keys = _tokens(query_slices), _tokens(key_slices)
    mask = [[may_attend(*query, *key) for key in keys] for query in queries]
    return np.array(mask, dtype=bool).reshape(len(queries), len(keys))
