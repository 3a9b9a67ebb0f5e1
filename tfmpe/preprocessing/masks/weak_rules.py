"""Weak rules: keys whose tokens attend to one another across a dimension.

The number of pairs grows with the square of the dimension's size; a cross_local
rule would leave only the pairs at equal coordinates.
"""

from collections.abc import Iterator
from functools import lru_cache
from itertools import combinations_with_replacement, product
from typing import NamedTuple, TypeAlias

from tfmpe.preprocessing.layout.dimensions import (
    dimension_names,
    dimension_size,
    find_dimension,
)
from tfmpe.preprocessing.layout.independence import CrossLocal
from tfmpe.preprocessing.layout.layout import KeyLayout, TokenLayout

from .plan_rows import pairs_at_equal, tokens_along
from .relations import Dim, self_relations

_Dims: TypeAlias = tuple[int, int] | str


class WeakRules(NamedTuple):
    """Rules that could be added, all along one dimension of this size.

    They would leave ``left`` of the ``pairs`` of tokens that are open now,
    counted in both directions.
    """

    rules: tuple[CrossLocal, ...]
    size: int
    pairs: int
    left: int


def weak_rules(layout: TokenLayout) -> list[WeakRules]:
    """Return possible rules for each dimension, sorted by how much they remove.

    Only keys without a rule in either direction are considered. Whether the
    model has dependencies across the dimension is not known here.
    """
    relations = self_relations(layout.independence)
    many = [(key, _kind(key)) for key in layout.keys if key.n_tokens > 1]
    groups: dict[tuple[_Dims, int], list[tuple[CrossLocal, int, int]]] = {}
    for (a, kind_a), (b, kind_b) in combinations_with_replacement(many, 2):
        if (a.name, b.name) in relations or (b.name, a.name) in relations:
            continue
        if best := _best_dims(kind_a, kind_b):
            dims, size, left = best
            ways = 1 if a is b else 2
            pairs = a.n_tokens * b.n_tokens
            groups.setdefault((dims, size), []).append(
                (CrossLocal(a.name, b.name, dims), ways * pairs, ways * left)
            )
    found = []
    for (_, size), members in groups.items():
        rules, pairs, left = zip(*members, strict=True)
        found.append(WeakRules(rules, size, sum(pairs), sum(left)))
    return sorted(found, key=lambda weak: weak.left - weak.pairs)


def open_pairs(layout: TokenLayout) -> int:
    """Return the number of open pairs of the declared mask.

    Pairs that a rule such as ``("obs", "obs", (0, 1))`` matches in both
    directions are counted twice.
    """
    n_open = layout.n_tokens**2
    for (query, key), relation in self_relations(layout.independence).items():
        a, b = layout[query], layout[key]
        n_open -= a.n_tokens * b.n_tokens
        n_open += sum(_n_matching(a, b, *match) for match in relation)
    return n_open


def _kind(key: KeyLayout) -> KeyLayout:
    """Return a key with only the fields that determine its dimensions."""
    return KeyLayout(
        "", (), 0, key.event_shape, (), 0, dims=key.dims, groups=key.groups
    )


@lru_cache(maxsize=256)
def _best_dims(a: KeyLayout, b: KeyLayout) -> tuple[_Dims, int, int] | None:
    """Return the outermost common dimension, its size, and the pairs left.

    Groups have no order; the finest group is preferred.
    """
    found = []
    for dims in _common_dims(a, b):
        i, j = (dims, dims) if isinstance(dims, str) else dims
        left = _n_matching(a, b, i, j)
        if left < a.n_tokens * b.n_tokens:
            order = max(_axis(a, i), _axis(b, j)), left
            found.append((order, (dims, dimension_size(a, i), left)))
    return min(found, key=lambda item: item[0])[1] if found else None


def _common_dims(a: KeyLayout, b: KeyLayout) -> Iterator[_Dims]:
    """Yield common names or, if none, axes of equal size not both named."""
    names = set(dimension_names(b)).intersection(dimension_names(a))
    if names:
        yield from sorted(names)
        return
    for i, j in product(range(len(a.event_shape)), range(len(b.event_shape))):
        named = a.known_dims[i] and b.known_dims[j]
        if a.event_shape[i] == b.event_shape[j] and not named:
            yield i, j


def _axis(key: KeyLayout, dim: int | str) -> int:
    """Return the index of an event axis, or 0 for a group."""
    found = find_dimension(key, dim)
    return found if isinstance(found, int) else 0


def _n_matching(a: KeyLayout, b: KeyLayout, i: Dim, j: Dim) -> int:
    return pairs_at_equal(tokens_along(a, i), tokens_along(b, j))
