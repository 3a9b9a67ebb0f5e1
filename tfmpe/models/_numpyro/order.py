"""Keys whose tokens are in an order, and keys whose tokens are not.

Tokens of a plate are exchangeable if rules and functional inputs tell a network
all that distinguishes them. Otherwise, the network needs their positions.
"""

from collections.abc import Callable, Mapping
from typing import TypeAlias

import jax
import numpy as np
from jaxtyping import Array, Float, Int

from tfmpe._base.arrays import AnyArray

from .graph import Graph
from .inputs import Inputs, named_sites
from .rules import Decision
from .sites import Site, run_of

_TOLERANCE = 1e-3
_PERMUTATIONS = 8
_DRAWS = 1_000  # Of simulators without a density
_ERRORS = 6  # Standard errors that equal distributions practically never reach

_Roles: TypeAlias = Callable[[str, str, Int[np.ndarray, " n"]], bool]


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
    for part in (
        _told_apart(graph, decisions, _roles(outputs, draws)),
        _uneven(outputs, sites, draws, inputs),
    ):
        for name, axes in part.items():
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


def _told_apart(
    graph: Graph, decisions: list[Decision], roles: _Roles
) -> dict[str, set[int]]:
    """Return axes along which tokens differ by edges that no rule describes."""
    found: dict[str, set[int]] = {name: set() for name in graph.shapes}
    for each in decisions:
        if each.match is None:
            continue
        along = {each.b: each.match.b, each.a: each.match.a}
        for child, parent in {(each.a, each.b), (each.b, each.a)}:
            inside = {n: _inside(graph, n, along[n]) for n in (child, parent)}
            if child not in each.factors or not inside[parent]:
                continue
            edges = graph.edges[child, parent]
            every = len(edges.child) == each.match.n_open
            shapes = (
                {graph.shapes[name][axis] for axis in inside[name]}
                for name in (child, parent)
            )
            alike = every and not set.intersection(*shapes)
            if not alike:
                found[child] |= inside[child]
            # Within a group, a sum leaves its terms exchangeable.
            if (
                not alike
                or each.kind == "open"
                or roles(child, parent, along[parent])
            ):
                found[parent] |= inside[parent]
    return found


def _roles(
    outputs: Callable[..., dict[str, Array]], draws: Mapping[str, AnyArray]
) -> _Roles:
    """Return a test of whether factors depend on which token has which value.

    It permutes the tokens that have the same coordinate.
    """
    given, program = run_of(draws, 0), jax.jit(outputs)
    key = jax.random.key(0)

    def roles(child: str, parent: str, along: Int[np.ndarray, " n"]) -> bool:
        rng, values = np.random.default_rng(0), given[parent]
        old = np.asarray(program(named_sites(given), key)[child])
        least = _TOLERANCE * (1 + np.abs(old).max())
        for _ in range(_PERMUTATIONS):
            rows = values.reshape((len(along), -1)).copy()
            other = np.lexsort((rng.random(len(along)), along))
            rows[np.argsort(along, kind="stable")] = rows[other]
            moved = {**given, parent: rows.reshape(values.shape)}
            new = np.asarray(program(named_sites(moved), key)[child])
            if np.abs(new - old).max() > least:
                return True
        return False

    return roles


def _inside(
    graph: Graph, name: str, along: Int[np.ndarray, " tokens"]
) -> set[int]:
    """Return axes along which tokens with one coordinate differ."""
    n = len(np.unique(along))
    return {
        axis
        for axis in range(len(graph.shapes[name]))
        if len(np.unique([along, graph.axis(name, axis)], axis=1).T) > n
    }


def _uneven(
    outputs: Callable[..., dict[str, Array]],
    sites: Mapping[str, Site],
    draws: Mapping[str, AnyArray],
    inputs: Inputs,
) -> dict[str, set[int]]:
    """Return axes along which factors differ although all values are equal.

    Without a density, draws take the place of factors. For keys with functional
    inputs, the inputs are made equal too. What remains are differences that a
    network does not see, for example due to arrays that are not arguments of
    the model.
    """
    equal = {}
    for name, site in sites.items():
        shape = np.shape(draws[name])[1:]
        first = draws[name][(0,) * (1 + len(site.event_shape))]
        equal[name] = np.broadcast_to(first, shape)
    keys = jax.random.split(jax.random.key(0), _DRAWS)

    @jax.jit
    def program(given: Mapping[str, AnyArray]) -> dict[str, Array]:
        found = jax.vmap(outputs, (None, 0))(given, keys)
        return {
            name: found[name][:1] if site.has_density else found[name]
            for name, site in sites.items()
        }

    # The largest value, since 0 would hide what it multiplies.
    level = {
        name: np.full_like(each, np.ravel(each)[np.abs(each).argmax()])
        for name, each in inputs.arguments.items()
    }
    with_inputs, without = (
        program({**named_sites(equal), **arguments})
        for arguments in (level, inputs.arguments)
    )
    axes: dict[str, set[int]] = {}
    for name, site in sites.items():
        found = with_inputs if name in inputs.values else without
        outcome = np.asarray(found[name])
        differ = _factors_differ if site.has_density else _draws_differ
        axes[name] = {
            axis
            for axis in range(len(site.event_shape))
            if differ(np.moveaxis(outcome, axis + 1, 1))
        }
    return axes


def _factors_differ(factors: Float[np.ndarray, "_ tokens ..."]) -> bool:
    # NaN if the model divides by the range of a covariate.
    least = _TOLERANCE * (1 + np.abs(factors).max())
    with np.errstate(invalid="ignore"):
        return bool(np.ptp(factors, 1).max() > least)


def _draws_differ(draws: Float[np.ndarray, "draws tokens ..."]) -> bool:
    """Return whether the draws of some tokens are higher or further spread."""
    from scipy.stats import rankdata

    n, n_tokens = draws.shape[:2]
    # Rounded, so that rounding errors do not decide.
    mantissa, exponent = np.frexp(draws.reshape(n * n_tokens, -1))
    rounded = np.ldexp(mantissa.round(3), exponent)
    ranks = rankdata(rounded, axis=0).reshape(draws.shape)
    ranks = ranks - (n * n_tokens + 1) / 2
    for each in (ranks**2, ranks):
        each -= each.mean((0, 1))
        # Bernstein's inequality, which also holds for rare events.
        most = _ERRORS * each.std((0, 1)) / np.sqrt(n)
        most += _ERRORS**2 / 3 * np.abs(each).max((0, 1)) / n
        if (np.abs(each.mean(0)) > most).any():
            return True
    return False
