"""Names of axes and groups of tokens, found from the edges between them.

If every house depends on one county, the houses are grouped by county, however
the model selects it.
"""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
from jaxtyping import Int

from .graph import Graph, coordinate_of, turned

Ids = Int[np.ndarray, " tokens"]


class Dimensions(NamedTuple):
    """Names of the axes of each key, its groups, and why it has them."""

    dims: dict[str, tuple[str, ...]]
    groups: dict[str, dict[str, Ids]]
    reasons: dict[tuple[str, str], str]


def find_dimensions(
    graph: Graph, dims: Mapping[str, tuple[str, ...]]
) -> Dimensions:
    """Return dimensions; two different groups with one name get two names."""
    found = Dimensions(dict(dims), {}, {})
    for child in graph.shapes:
        for key in graph.shapes:
            if key == child:
                continue
            for edges, depends in (
                (graph.edges.get((child, key)), True),
                # A token that enters only one summary is in the group of it.
                (_turned(graph, key, child), False),
            ):
                if edges is None or not (
                    depends or _is_summary(graph, key, child)
                ):
                    continue
                for axis, size in enumerate(graph.shapes[key]):
                    along = graph.axis(key, axis)
                    ids = coordinate_of(edges, along, graph.size(child))
                    if size > 1 and ids is not None:
                        _add(graph, found, child, key, axis, ids, depends)
                        if depends:
                            _compose(graph, found, child, key, ids)
    for child in graph.shapes:
        for key in graph.shapes:
            _add_shared(graph, found, child, key)
    return found


def _add_shared(graph: Graph, found: Dimensions, child: str, key: str) -> None:
    """Group a key whose tokens are each tied to one token of a smaller key.

    With standardized effects, classes and schools are tied by their pupils.
    """
    if graph.size(child) <= graph.size(key):
        return
    if (child, key) in graph.edges or (key, child) in graph.edges:
        return
    for axis, name in enumerate(found.dims[key]):
        known = found.dims[child] + tuple(found.groups.get(child, {}))
        ids = graph.meets(child, key, graph.axis(key, axis))
        if ids is not None and ids.any() and name not in known:
            _add(graph, found, child, key, axis, ids, None)


def _is_summary(graph: Graph, key: str, child: str) -> bool:
    """Return whether tokens of ``key`` depend on several of ``child``."""
    position = np.arange(graph.size(child))
    edges = graph.edges[key, child]
    return coordinate_of(edges, position, graph.size(key)) is None


def _turned(graph: Graph, child: str, parent: str):
    edges = graph.edges.get((child, parent))
    return None if edges is None else turned(edges)


def _add(
    graph: Graph,
    found: Dimensions,
    child: str,
    key: str,
    axis: int,
    ids: Ids,
    depends: bool | None,
) -> None:
    """Add the groups of ``child`` along an axis of ``key``.

    ``depends`` is None if neither depends on the other.
    """
    shape, name = graph.shapes[child], found.dims[key][axis]
    if len(shape) != 1 or shape == (1,) or _is_axis(graph, child, ids):
        return
    groups = found.groups.setdefault(child, {})
    taken = name in found.dims[child] or (
        name in groups and not np.array_equal(groups[name], ids)
    )
    if taken:
        name = f"{key}_{name}"
        if any(name in each for each in found.groups.values()):
            return
        names = list(found.dims[key])
        names[axis] = name
        found.dims[key] = tuple(names)
    groups[name] = ids
    found.reasons[child, name] = {
        True: f"each token of {child} depends on one token of {key}",
        False: f"one token of {key} depends on each token of {child}",
        None: f"what depends on a token of {child} depends on one token of "
        f"{key}",
    }[depends]


def _is_axis(graph: Graph, child: str, ids: Ids) -> bool:
    return any(
        np.array_equal(ids, graph.axis(child, axis))
        for axis in range(len(graph.shapes[child]))
    )


def _compose(
    graph: Graph, found: Dimensions, child: str, key: str, ids: Ids
) -> None:
    """Give each token the groups of the token that it depends on."""
    if len(graph.shapes[key]) != 1 or len(graph.shapes[child]) != 1:
        return
    for name, outer in found.groups.get(key, {}).items():
        groups = found.groups.setdefault(child, {})
        if name not in groups and name not in found.dims[child]:
            groups[name] = outer[ids]
            found.reasons[child, name] = f"that of its token of {key}"
