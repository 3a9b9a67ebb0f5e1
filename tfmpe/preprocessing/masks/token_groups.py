"""Groups of tokens that are independent of one another given shared keys.

They are the connected parts of the graph of all other tokens, in which two
tokens are linked if the rules let one attend to the other.
"""

from collections.abc import Iterable, Iterator
from itertools import combinations_with_replacement
from typing import TypeAlias

import numpy as np
from jaxtyping import Int, Int32

from tfmpe.preprocessing.layout.layout import TokenLayout

from .relations import coordinates, reversed_match, self_relations

_Link: TypeAlias = tuple[Int[np.ndarray, " links"], Int[np.ndarray, " links"]]


def token_groups(
    layout: TokenLayout, shared: Iterable[str]
) -> Int32[np.ndarray, " tokens"]:
    """Return the group of every token, numbered in token order.

    Tokens of ``shared`` keys are in no group; their number is -1.
    """
    shared = tuple(name for name in shared if name in layout)
    return layout.memo(
        ("token_groups", shared), lambda: _token_groups(layout, shared)
    )


def _token_groups(
    layout: TokenLayout, shared: tuple[str, ...]
) -> Int32[np.ndarray, " tokens"]:
    links = list(_links(layout, shared))
    lowest = np.arange(layout.n_tokens)
    # The lowest token number spreads through each group, by one link per
    # iteration.
    while True:
        before = lowest
        for tokens, nodes in links:
            reached = np.full(nodes.max(initial=-1) + 1, layout.n_tokens)
            np.minimum.at(reached, nodes, lowest[tokens])
            lowest = lowest.copy()
            np.minimum.at(lowest, tokens, reached[nodes])
        if (lowest == before).all():
            break
    groups = np.full(layout.n_tokens, -1, np.int32)
    free = np.ones(layout.n_tokens, bool)
    for name in shared:
        free[layout[name].block] = False
    groups[free] = np.unique(lowest[free], return_inverse=True)[1]
    return groups


def _links(layout: TokenLayout, shared: tuple[str, ...]) -> Iterator[_Link]:
    """Yield tokens and nodes; tokens with the same node are linked."""
    relations = self_relations(layout.independence)
    keys = [key for key in layout.keys if key.name not in shared]
    for a, b in combinations_with_replacement(keys, 2):
        places = [np.arange(k.block.start, k.block.stop) for k in (a, b)]
        there = relations.get((a.name, b.name))
        back = relations.get((b.name, a.name))
        if there is None or back is None:
            # No rule: every token may attend to every other.
            tokens = np.concatenate(places)
            yield tokens, np.zeros(len(tokens), int)
            continue
        for match in {*there, *map(reversed_match, back)}:
            nodes = [
                coordinates(key, dim)
                for key, dim in zip((a, b), match, strict=True)
            ]
            yield np.concatenate(places), np.concatenate(nodes)
