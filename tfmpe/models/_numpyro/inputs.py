"""Functional inputs: arguments of a model that enter a site token by token."""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import jax
import numpy as np
from jaxtyping import Array, Float, Int

from tfmpe._base.arrays import AnyArray, PRNGKey

from .edges import Edges, find_edges
from .graph import Graph
from .groups import Dimensions
from .probes import Flow
from .run import Run
from .sites import Site, outputs_of, run_of

_MOST = 32
"""Most values of one argument in a token."""


_SITE, _ARGUMENT = "site ", "argument "


class Inputs(NamedTuple):
    """Functional inputs of sites, with their names, and what was left out.

    ``arguments`` are the arrays that are inputs of every site they enter, by
    their names in :func:`outputs_given`.
    """

    values: dict[str, Float[np.ndarray, "*event inputs"]]
    names: dict[str, tuple[str, ...]]
    left_out: dict[str, str]
    arguments: dict[str, AnyArray]


def find_inputs(
    run: Run,
    sites: Mapping[str, Site],
    draws: Mapping[str, AnyArray],
    graph: Graph,
    dimensions: Dimensions,
) -> Inputs:
    """Return the inputs of each site, one row per token.

    Raises if observed values also enter the distribution of a site.
    """
    outputs = outputs_given(run, sites)
    given = named_sites(run_of(draws, 0))
    left_out: dict[str, str] = {}
    traceable = {}
    for name, array in _arrays(run.arguments).items():
        try:
            traced = {**given, _ARGUMENT + name: array}
            jax.eval_shape(outputs, traced, jax.random.key(0))
        except Exception:  # Python code of a model may fail in any way.
            left_out[name] = "the model needs its values while it is traced"
        else:
            traceable[name] = array
    rows: dict[tuple[str, str], AnyArray | None] = {}
    passes = _unknown(traceable)
    for names in passes:
        arrays = {name: traceable[name] for name in names}
        edges = _edges_of(outputs, sites, given, arrays)
        _check_data(edges, sites, arrays)
        for (site, name), each in edges.items():
            if rows.get((site, name)) is None:
                found = _rows(each, arrays[name], graph.size(site))
                # While indices are unknown, any element may enter.
                if found is None and names == passes[-1]:
                    found = _along_axis(each, arrays[name], graph, site)
                rows[site, name] = found
        if all(
            each is not None or traceable[name].dtype.kind != "f"
            for (_, name), each in rows.items()
        ):
            break
    columns: dict[str, list[tuple[str, np.ndarray]]] = {n: [] for n in sites}
    used = {}
    for (site, name), each in rows.items():
        if each is None:
            left_out.setdefault(name, "it does not enter token by token")
        elif not _is_index(each, dimensions, site):
            parts = range(each.shape[1])
            labels = (
                [name] if len(parts) == 1 else [f"{name}[{i}]" for i in parts]
            )
            columns[site] += zip(labels, each.T, strict=True)
            used[name] = traceable[name]
    values = {
        name: np.stack([column for _, column in each], -1)
        .reshape((*sites[name].event_shape, -1))
        .astype(np.float32)
        for name, each in columns.items()
        if each
    }
    return Inputs(
        values,
        {n: tuple(name for name, _ in columns[n]) for n in values},
        left_out,
        {_ARGUMENT + n: a for n, a in used.items() if n not in left_out},
    )


def _unknown(arrays: Mapping[str, AnyArray]) -> list[list[str]]:
    """Return which arguments to treat as unknown: first all, then floats only.

    If indices are unknown, any element may enter at any place; if they are
    known, so are other integers, and a known 0 hides what it multiplies.
    """
    reals = [name for name, each in arrays.items() if each.dtype.kind == "f"]
    both = [list(arrays), reals] if len(reals) < len(arrays) else [reals]
    return [names for names in both if names]


def _edges_of(
    outputs: Callable[..., dict[str, Array]],
    sites: Mapping[str, Site],
    given: Mapping[str, AnyArray],
    arrays: Mapping[str, AnyArray],
) -> dict[tuple[str, str], Edges]:
    """Return the edges from arguments to sites."""
    shapes = {_ARGUMENT + name: each.shape for name, each in arrays.items()}
    every = {**given, **{_ARGUMENT + n: each for n, each in arrays.items()}}
    edges = find_edges(shapes, Flow(outputs, every, shapes, sites))
    return {
        (site, name.removeprefix(_ARGUMENT)): each
        for (site, name), each in edges.items()
    }


def _arrays(arguments: Mapping[str, Any]) -> dict[str, AnyArray]:
    """Return the arrays among the arguments, by path."""
    leaves, _ = jax.tree_util.tree_flatten_with_path(dict(arguments))
    return {
        _path(path): np.asarray(leaf)
        for path, leaf in leaves
        if np.size(leaf) > 1 and np.asarray(leaf).dtype.kind in "fiub"
    }


def _path(path: tuple[Any, ...]) -> str:
    first, rest = path[0], path[1:]
    return f"{first.key}{jax.tree_util.keystr(rest)}"


def named_sites(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return values of sites by the names of :func:`outputs_given`."""
    return {_SITE + name: each for name, each in values.items()}


def outputs_given(
    run: Run, sites: Mapping[str, Site]
) -> Callable[..., dict[str, Array]]:
    """Return outputs as a function of values and of some arguments."""

    def outputs(values: Mapping[str, Any], key: PRNGKey) -> dict[str, Array]:
        arguments = jax.tree_util.tree_map_with_path(
            lambda path, leaf: values.get(_ARGUMENT + _path(path), leaf),
            run.arguments,
        )
        own = {name: values[_SITE + name] for name in sites}
        return outputs_of(run.with_arguments(arguments), sites)(own, key)

    return outputs


def without_zeros(run: Run) -> Run:
    """Return a model without covariates that are 0 everywhere.

    They would hide what they multiply, and what depends on it for other data.
    """

    def changed(leaf: Any) -> Any:
        is_float = np.asarray(leaf).dtype.kind == "f"
        if is_float and np.size(leaf) > 1 and not np.any(leaf):
            return np.full_like(leaf, 0.5)
        return leaf

    return run.with_arguments(jax.tree.map(changed, run.arguments))


def _check_data(
    edges: Mapping[tuple[str, str], Edges],
    sites: Mapping[str, Site],
    arrays: Mapping[str, AnyArray],
) -> None:
    """Raise if the data of a site also enter the distribution of a site."""
    for child, name in edges:
        for site in sites.values():
            if site.data is not None and np.array_equal(
                site.data, arrays[name]
            ):
                raise ValueError(
                    f"The argument {name!r} holds the observed values of "
                    f"{site.name!r}, and also enters the distribution of "
                    f"{child!r}, so that simulations would depend on these "
                    "values. Write the dependence on earlier observations "
                    "with numpyro.contrib.control_flow.scan, and pass None "
                    "for the values."
                )


def _rows(edges: Edges, array: AnyArray, n: int) -> AnyArray | None:
    """Return the elements of an argument that enter each token, one row each.

    None if all tokens take the same elements, different numbers of elements, or
    more than 32 each. Several elements must fill whole axes, such as the row of
    a matrix; otherwise None, since their order would be ambiguous.
    """
    counts = np.bincount(edges.child, minlength=n)
    if n == 1 or counts.min() != counts.max() or counts[0] > _MOST:
        return None
    order = np.lexsort((edges.parent, edges.child))
    at = edges.parent[order].reshape(n, -1)
    axes = np.ptp(np.unravel_index(at, array.shape), -1).any(-1)
    whole = np.prod(np.array(array.shape)[axes], dtype=int)
    if (at == at[0]).all() or at.shape[1] != whole:
        return None
    return np.asarray(array).ravel()[at]


def _along_axis(
    edges: Edges, array: AnyArray, graph: Graph, site: str
) -> AnyArray | None:
    """Return the values at the position of each token along an axis.

    Times of a differential equation enter all later tokens, and standardized
    covariates enter all tokens; a token is distinguished by the values at its
    own position. None if other values enter.
    """
    n, columns = len(array), array.size // len(array)
    shape = graph.shapes[site]
    axes = [axis for axis, size in enumerate(shape) if size == n]
    if len(axes) != 1 or array.dtype.kind != "f" or columns > _MOST:
        return None
    along = graph.axis(site, axes[0])
    enters = np.zeros((len(along), n), bool)
    enters[edges.child, edges.parent // columns] = True
    earlier = np.arange(n) <= along[:, None]
    # The value at the first time is the start, whatever that time is.
    known = ~enters.any(1) | enters.all(1) | (enters == earlier).all(1)
    if not known.all():
        return None
    return np.asarray(array).reshape(n, columns)[along]


def _is_index(rows: AnyArray, dimensions: Dimensions, site: str) -> bool:
    """Return whether integers only repeat the groups of tokens."""
    if rows.shape[1] != 1 or rows.dtype.kind not in "iu":
        return False
    numbers = _ranks(rows[:, 0])
    groups = dimensions.groups.get(site, {}).values()
    return any(np.array_equal(numbers, _ranks(each)) for each in groups)


def _ranks(values: Int[AnyArray, " n"]) -> Int[np.ndarray, " n"]:
    """Return distinct values numbered in the order of first occurrence."""
    _, first, inverse = np.unique(
        values, return_index=True, return_inverse=True
    )
    return np.argsort(np.argsort(first))[inverse]
