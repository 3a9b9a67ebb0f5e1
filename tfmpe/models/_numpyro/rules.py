"""Independence rules that leave all ties, and few other pairs, open."""

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Int

from .graph import Graph
from .groups import Dimensions


class Match(NamedTuple):
    """Coordinates of two keys, along a dimension that a rule matches."""

    dims: Any
    a: Int[np.ndarray, " tokens_a"]
    b: Int[np.ndarray, " tokens_b"]

    @property
    def n_open(self) -> int:
        """Number of pairs of tokens with equal coordinates."""
        size = int(max(self.a.max(), self.b.max())) + 1
        counts = [np.bincount(each, minlength=size) for each in self[1:]]
        return int(np.dot(*counts))


class Decision(NamedTuple):
    """What the rules do with a pair of keys, or with the tokens of one key.

    The kind says which pairs of tokens stay open: none ('cross', or 'local'
    within a key), those with equal coordinates in ``match`` ('cross_local'), or
    all ('open'). The two are tied by the factors of the keys in ``factors``.
    """

    a: str
    b: str
    kind: str
    factors: tuple[str, ...] = ()
    match: Match | None = None


def decide(graph: Graph, dimensions: Dimensions) -> list[Decision]:
    """Return a decision for each pair of keys, in the order of the keys."""
    names = list(graph.shapes)
    return [
        _decide(graph, dimensions, a, b)
        for i, a in enumerate(names)
        for b in names[i:]
        if a != b or graph.size(a) > 1
    ]


def independence(decisions: list[Decision]) -> dict[str, list[Any]]:
    """Return decisions as rules for :meth:`tfmpe.Tokens.from_pytree`."""
    none = [(d.a, d.b) for d in decisions if d.kind == "cross"]
    return {
        "local": [d.a for d in decisions if d.kind == "local"],
        "cross": [pair for a, b in none for pair in ((a, b), (b, a))],
        "cross_local": [
            (d.a, d.b, d.match.dims)
            for d in decisions
            if d.match and d.kind == "cross_local"
        ],
    }


def _decide(graph: Graph, dimensions: Dimensions, a: str, b: str) -> Decision:
    factors = tuple(graph.factors(a, b))
    if not factors:
        return Decision(a, b, "local" if a == b else "cross")
    kind = "open"
    best = Match(None, *(np.zeros(graph.size(name), int) for name in (a, b)))
    for match in _matches(graph, dimensions, a, b):
        if match.n_open < best.n_open and graph.covers(a, b, match.a, match.b):
            best, kind = match, "cross_local"
    return Decision(a, b, kind, factors, best)


def _matches(
    graph: Graph, dimensions: Dimensions, a: str, b: str
) -> Iterator[Match]:
    """Yield the dimensions that a rule may match, those with names first."""
    of_a, of_b = (_named(graph, dimensions, name) for name in (a, b))
    for name, along in of_a.items():
        if name in of_b:
            yield Match(name, along, of_b[name])
    if a == b:
        return
    shape_a, shape_b = graph.shapes[a], graph.shapes[b]
    for i, size in enumerate(shape_a):
        for j, other in enumerate(shape_b):
            if size == other > 1:
                yield Match((i, j), graph.axis(a, i), graph.axis(b, j))
    if shape_a == shape_b:
        position = np.arange(graph.size(a))
        yield Match(None, position, position)


def _named(
    graph: Graph, dimensions: Dimensions, name: str
) -> dict[str, Int[np.ndarray, " tokens"]]:
    axes = {
        dim: graph.axis(name, axis)
        for axis, dim in enumerate(dimensions.dims[name])
    }
    return axes | dimensions.groups.get(name, {})
