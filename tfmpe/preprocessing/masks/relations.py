"""Relations: which tokens of one key attend to which tokens of another.

They result from the rules, applied in the order cross, local, cross_local; a
later rule replaces an earlier one for the same pair of keys.
"""

from collections.abc import Collection
from typing import TypeAlias

import numpy as np
from jaxtyping import Int32

from tfmpe.preprocessing.layout.dimensions import (
    matched_dims,
    token_coordinates,
)
from tfmpe.preprocessing.layout.independence import CrossLocal, Independence
from tfmpe.preprocessing.layout.layout import KeyLayout, TokenLayout

Dim: TypeAlias = int | str | None
"""An event axis, a name, or None for the position in the key."""

Match: TypeAlias = tuple[Dim, Dim]
"""Dimensions of two keys along which tokens must have equal coordinates."""

Relation: TypeAlias = tuple[Match, ...]
"""Tokens attend to each other if they match along any of these; () for none."""

NOTHING: Relation = ()


def self_relations(rules: Independence) -> dict[tuple[str, str], Relation]:
    """Return the relations between keys in self-attention.

    For pairs of keys that are missing, every token attends to every token.
    """
    relations: dict[tuple[str, str], Relation] = {}
    for rule in rules.cross:
        relations[rule.query, rule.key] = NOTHING
    for name in rules.local:
        relations[name, name] = NOTHING
    for rule in rules.cross_local:
        a, b, match = rule.a, rule.b, match_of(rule)
        there: Relation = (match,)
        back: Relation = (reversed_match(match),)
        if a == b:
            there = back = tuple(dict.fromkeys(there + back))
        relations[a, b], relations[b, a] = there, back
    return relations


def cross_relations(
    queries: Collection[str],
    keys: Collection[str],
    rules: Independence,
    *,
    both_ways: bool = False,
) -> dict[tuple[str, str], Relation]:
    """Return the relations of attention from some keys to others.

    ``local`` rules do not apply. Other rules apply if their first key is among
    the queries; with ``both_ways``, cross_local rules also apply in the other
    direction.
    """
    relations: dict[tuple[str, str], Relation] = {}
    for rule in rules.cross:
        if rule.query in queries and rule.key in keys:
            relations[rule.query, rule.key] = NOTHING
    for rule in rules.cross_local:
        a, b, match = rule.a, rule.b, match_of(rule)
        if a in queries and b in keys:
            relations[a, b] = (match,)
        if both_ways and b in queries and a in keys:
            relations[b, a] = (reversed_match(match),)
    return relations


def relations_of(
    layout: TokenLayout,
    queries: tuple[str, ...],
    keys: tuple[str, ...] | None,
    both_ways: bool,
) -> dict[tuple[str, str], Relation]:
    """Return the relations of self-attention, or of attention to ``keys``."""
    rules = layout.independence
    if keys is None:
        return self_relations(rules.restrict(queries))
    return cross_relations(queries, keys, rules, both_ways=both_ways)


def match_of(rule: CrossLocal) -> Match:
    """Return the dimensions that a cross_local rule matches."""
    return matched_dims(rule) or (None, None)


def coordinates(key: KeyLayout, dim: Dim) -> Int32[np.ndarray, " tokens"]:
    """Return the coordinate of every token along a dimension.

    If the dimension is None, return the position of every token in its key.
    """
    if dim is None:
        return np.arange(key.n_tokens, dtype=np.int32)
    return token_coordinates(key, dim)


def reversed_match(match: Match) -> Match:
    """Return a match as seen from the other key."""
    return match[1], match[0]
