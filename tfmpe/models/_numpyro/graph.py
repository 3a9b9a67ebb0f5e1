"""Coordinates of tokens, and ties between them that coordinates cover.

The log density is a sum of factors, one for each token. Tokens in the same
factor are tied: a token with those it depends on, and two tokens if a third
depends on both. The ties form the moral graph: given the tokens that it is tied
to, a token is independent of all others.
"""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
from jaxtyping import Int

from .edges import Edges


class Range(NamedTuple):
    """Least and largest coordinate in each factor; ``least > most`` if none."""

    least: Int[np.ndarray, " factors"]
    most: Int[np.ndarray, " factors"]


class Graph:
    """Edges between tokens, with coordinates of the tokens.

    The keys of ``shapes`` are in the order of the model. ``edges`` are those of
    each child and parent key; each token depends on itself.
    """

    def __init__(
        self,
        shapes: Mapping[str, tuple[int, ...]],
        edges: Mapping[tuple[str, str], Edges],
    ) -> None:
        self.shapes = dict(shapes)
        self.edges = dict(edges)
        for name in self.shapes:
            own = np.arange(self.size(name))
            if (name, name) in edges:
                old = edges[name, name]
                pairs = np.stack([old.child, old.parent])
                both = np.concatenate([pairs, np.stack([own, own])], 1)
                self.edges[name, name] = Edges(*np.unique(both, axis=1))
            else:
                self.edges[name, name] = Edges(own, own)

    def size(self, name: str) -> int:
        """Return the number of tokens of a key."""
        return int(np.prod(self.shapes[name], dtype=int))

    def axis(self, name: str, axis: int) -> Int[np.ndarray, " tokens"]:
        """Return the coordinate of every token along an event axis."""
        return np.indices(self.shapes[name])[axis].ravel()

    def factors(self, a: str, b: str) -> list[str]:
        """Return the keys whose factors tie tokens of ``a`` and ``b``."""
        return [
            name
            for name in self.shapes
            if (name, a) in self.edges
            and (name, b) in self.edges
            and self._together(name, a, b)
        ]

    def _together(self, name: str, a: str, b: str) -> bool:
        if a == b:
            position = np.arange(self.size(a))
            least, most = self.reach(name, a, position)
            return bool((least < most).any())
        first, second = self.edges[name, a].child, self.edges[name, b].child
        return bool(np.isin(first, second).any())

    def reach(
        self, name: str, key: str, along: Int[np.ndarray, " tokens"]
    ) -> Range:
        """Return the coordinates of ``key`` in each factor of ``name``."""
        edges = self.edges[name, key]
        return _range(edges.child, along[edges.parent], self.size(name))

    def meets(
        self, a: str, b: str, along: Int[np.ndarray, " tokens_b"]
    ) -> Int[np.ndarray, " tokens_a"] | None:
        """Return the coordinate of ``b`` that each token of ``a`` is tied to.

        None if a token of ``a`` is tied to several, or to none.
        """
        n = self.size(a)
        least, most = np.full(n, np.iinfo(np.int64).max), np.full(n, -1)
        for name in self.factors(a, b):
            edges, reached = self.edges[name, a], self.reach(name, b, along)
            np.minimum.at(least, edges.parent, reached.least[edges.child])
            np.maximum.at(most, edges.parent, reached.most[edges.child])
        return least if (least == most).all() else None

    def covers(
        self,
        a: str,
        b: str,
        along_a: Int[np.ndarray, " tokens_a"],
        along_b: Int[np.ndarray, " tokens_b"],
    ) -> bool:
        """Return whether tied tokens of two keys have equal coordinates."""
        for name in self.factors(a, b):
            x, y = self.reach(name, a, along_a), self.reach(name, b, along_b)
            both = (x.least <= x.most) & (y.least <= y.most)
            least = np.minimum(x.least, y.least)[both]
            most = np.maximum(x.most, y.most)[both]
            if (least != most).any():
                return False
        return True


def _range(
    factor: Int[np.ndarray, " edges"], value: Int[np.ndarray, " edges"], n: int
) -> Range:
    least = np.full(n, np.iinfo(np.int64).max)
    most = np.full(n, -1)
    np.minimum.at(least, factor, value)
    np.maximum.at(most, factor, value)
    return Range(least, most)


def coordinate_of(
    edges: Edges, along: Int[np.ndarray, " tokens"], n: int
) -> Int[np.ndarray, " children"] | None:
    """Return the coordinate that each of ``n`` tokens depends on, or None."""
    least, most = _range(edges.child, along[edges.parent], n)
    return least if (least == most).all() else None


def turned(edges: Edges) -> Edges:
    """Return edges in the other direction."""
    return Edges(edges.parent, edges.child)
