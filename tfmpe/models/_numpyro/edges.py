"""Edges between tokens: which depend on which, found with few probes.

A probe marks a set of tokens of one key (see ``marks``), and reports which
tokens of every key depend on them. If each token depends on one coordinate
along an axis, that axis needs two probes for each bit of its size; other axes
need one for each coordinate.
"""

import itertools
import math
from collections.abc import Callable, Iterator, Mapping
from typing import NamedTuple, TypeAlias

import numpy as np
from jaxtyping import Bool, Int

Lanes: TypeAlias = Mapping[str, Bool[np.ndarray, "lanes ..."]]
"""Tokens that each probe marks; those of other keys are not marked."""

Hits: TypeAlias = Mapping[str, Bool[np.ndarray, "lanes tokens"]]
"""Tokens that each probe reaches."""

MOST_PROBES = 4096
_PER_CALL = 512


class Edges(NamedTuple):
    """Pairs of tokens: ``child[i]`` depends on ``parent[i]``."""

    child: Int[np.ndarray, " edges"]
    parent: Int[np.ndarray, " edges"]


def find_edges(
    shapes: Mapping[str, tuple[int, ...]], probe: Callable[[str, Lanes], Hits]
) -> dict[tuple[str, str], Edges]:
    """Return edges by pair of keys: (child key, parent key).

    ``probe(key, lanes)`` marks tokens of one key. Axes with too many
    coordinates to be probed one by one are taken as a whole.
    """
    found = {}
    for name, shape in shapes.items():
        for child, edges in _edges_of(name, shape, probe).items():
            if edges.child.size:
                found[child, name] = edges
    return found


def _edges_of(
    name: str, shape: tuple[int, ...], probe: Callable[[str, Lanes], Hits]
) -> dict[str, Edges]:
    axes = [axis for axis, size in enumerate(shape) if size > 1]
    lanes = [np.ones((1, *shape), bool)]
    lanes += [_bits_of(shape, axis) for axis in axes]
    stops = np.cumsum([len(each) for each in lanes])
    hits = probe(name, {name: np.concatenate(lanes)})
    ids: dict[str, dict[int, Int[np.ndarray, " tokens"]]] = {}
    several: set[int] = set()
    for child, reached in hits.items():
        parts = np.split(reached, stops[:-1])
        ids[child] = {}
        for axis, part in zip(axes, parts[1:], strict=True):
            zeros, ones = part[0::2], part[1::2]
            # With one coordinate, one of the two halves is reached.
            if ((zeros ^ ones) | ~parts[0]).all():
                weights = 1 << np.arange(len(ones))
                ids[child][axis] = weights @ ones
            else:
                several.add(axis)
    grid = [range(shape[axis]) for axis in sorted(several)]
    if math.prod(map(len, grid)) > MOST_PROBES:
        return _all_along(shape, ids, hits, several)
    pairs: dict[str, list[tuple[np.ndarray, np.ndarray]]] = {
        child: [] for child in hits
    }
    for combos in _batches(itertools.product(*grid)):
        lane = np.ones((len(combos), *shape), bool)
        for column, axis in enumerate(sorted(several)):
            place = [
                slice(None) if i == axis else None for i in range(len(shape))
            ]
            along = np.arange(shape[axis])[tuple(place)]
            lane &= along == combos[:, column].reshape(-1, *[1] * len(shape))
        reached = probe(name, {name: lane}) if several else hits
        for child, hit in reached.items():
            row, token = np.nonzero(hit[: len(combos)])
            at = [np.zeros(len(row), int) for _ in shape]
            for axis, each in ids[child].items():
                at[axis] = each[token]
            for column, axis in enumerate(sorted(several)):
                at[axis] = combos[row, column]
            # A key without axes has one token.
            if shape:
                parent = np.ravel_multi_index(at, shape)
            else:
                parent = np.zeros(len(row), int)
            pairs[child].append((token, parent))
    return {
        child: Edges(
            *(np.concatenate(part) for part in zip(*each, strict=True))
        )
        for child, each in pairs.items()
    }


def _bits_of(
    shape: tuple[int, ...], axis: int
) -> Bool[np.ndarray, "lanes ..."]:
    """Return where each bit of the coordinate is 0, and where it is 1."""
    place = [-1 if i == axis else 1 for i in range(len(shape))]
    along = np.arange(shape[axis]).reshape(place)
    return np.stack(
        [
            np.broadcast_to((along >> bit & 1) == side, shape)
            for bit in range((shape[axis] - 1).bit_length())
            for side in (0, 1)
        ]
    )


def _batches(
    combos: Iterator[tuple[int, ...]],
) -> Iterator[Int[np.ndarray, "lanes axes"]]:
    while batch := list(itertools.islice(combos, _PER_CALL)):
        yield np.array(batch, int).reshape(len(batch), -1)


def _all_along(
    shape: tuple[int, ...],
    ids: Mapping[str, Mapping[int, Int[np.ndarray, " tokens"]]],
    hits: Hits,
    several: set[int],
) -> dict[str, Edges]:
    """Return edges to all coordinates of the axes that were not probed."""
    found = {}
    for child, reached in hits.items():
        token = np.nonzero(reached[0])[0]
        own = {a: each for a, each in ids[child].items() if a not in several}
        grid = np.indices([1 if a in own else n for a, n in enumerate(shape)])
        at = [
            own[a][token][:, None] if a in own else each.reshape(1, -1)
            for a, each in enumerate(grid)
        ]
        parents = np.ravel_multi_index(np.broadcast_arrays(*at), shape)
        children = np.broadcast_to(token[:, None], parents.shape)
        found[child] = Edges(children.ravel(), parents.ravel())
    return found
