"""Keys whose tokens are in an order, and keys whose tokens are not.

Tokens of a plate are exchangeable if rules and functional inputs tell a network
all that distinguishes them. Otherwise, the network needs their positions.
"""

from collections.abc import Callable, Mapping

import jax
import numpy as np
from jaxtyping import Array

from tfmpe._base.arrays import AnyArray

from .graph import Graph
from .inputs import Inputs, named_sites
from .rules import Decision
from .sites import Site

_TOLERANCE = 1e-3


def find_order(
    outputs: Callable[..., dict[str, Array]],
    sites: Mapping[str, Site],
    draws: Mapping[str, AnyArray],
    graph: Graph,
    decisions: list[Decision],
    inputs: Inputs,
) -> dict[str, list[int]]:
    """Return the axes of each key along which it needs positions.

    ``outputs`` also takes arguments of the model; see :func:`outputs_given`.
    """
    found: dict[str, set[int]] = {
        name: {
            axis
            for axis, dim in enumerate(site.dims)
            if dim == f"{name}_{axis}" and site.event_shape[axis] > 1
        }
        for name, site in sites.items()
    }
    for name in _told_apart(graph, decisions):
        shape = sites[name].event_shape
        found[name] |= {axis for axis, size in enumerate(shape) if size > 1}
    for name, axes in _uneven(outputs, sites, draws, inputs).items():
        found[name] |= axes
    return {name: sorted(axes) for name, axes in found.items() if axes}


def with_positions(
    inputs: Mapping[str, AnyArray],
    positions: Mapping[str, list[int]],
    shapes: Mapping[str, tuple[int, ...]],
) -> dict[str, AnyArray]:
    """Return inputs with positions along some axes as further columns.

    Keys without functional inputs get no positions.
    """
    found = dict(inputs)
    for name, axes in positions.items():
        if name in found:
            places = np.indices(shapes[name])[axes]
            columns = np.moveaxis(places, 0, -1).astype(np.float32)
            found[name] = np.concatenate([found[name], columns], -1)
    return found


def _told_apart(graph: Graph, decisions: list[Decision]) -> set[str]:
    """Return keys whose tokens differ by edges that no rule describes."""
    found = set()
    for each in decisions:
        if each.kind != "open":
            continue
        for child, parent in {(each.a, each.b), (each.b, each.a)}:
            if child not in each.factors or graph.size(parent) == 1:
                continue
            if child == parent:
                found.add(child)
                continue
            edges = graph.edges[child, parent]
            found.add(parent)
            every = len(edges.child) == graph.size(child) * graph.size(parent)
            shapes = (set(graph.shapes[name]) - {1} for name in (child, parent))
            if not every or set.intersection(*shapes):
                found.add(child)
    return found


def _uneven(
    outputs: Callable[..., dict[str, Array]],
    sites: Mapping[str, Site],
    draws: Mapping[str, AnyArray],
    inputs: Inputs,
) -> dict[str, set[int]]:
    """Return axes along which factors differ although all values are equal.

    For keys with functional inputs, the inputs are made equal too. What remains
    are differences that a network does not see, for example due to arrays that
    are not arguments of the model.
    """
    equal = {}
    for name, site in sites.items():
        shape = np.shape(draws[name])[1:]
        first = draws[name][(0,) * (1 + len(site.event_shape))]
        equal[name] = np.broadcast_to(first, shape)
    program, key = jax.jit(outputs), jax.random.key(0)
    level = {
        name: np.full_like(each, np.ravel(each)[0])
        for name, each in inputs.arguments.items()
    }
    with_inputs, without = (
        program({**named_sites(equal), **arguments}, key)
        for arguments in (level, inputs.arguments)
    )
    axes: dict[str, set[int]] = {}
    for name, site in sites.items():
        if site.has_density:
            found = with_inputs if name in inputs.values else without
            factors = np.asarray(found[name])
            # NaN if the model divides by the range of a covariate.
            least = _TOLERANCE * (1 + np.abs(factors).max())
            with np.errstate(invalid="ignore"):
                axes[name] = {
                    axis
                    for axis in range(factors.ndim)
                    if np.ptp(factors, axis).max() > least
                }
    return axes
