"""Mirror of the legacy module ``sfmpe.infinite``: functional inputs."""

from collections.abc import Iterable, Mapping
from typing import Any, TypeAlias

import jax
import jax.numpy as jnp
from jaxtyping import Array

from tfmpe.compat.defects.l39_columns_by_place import columns_by_place
from tfmpe.compat.fixes import read_fixes

Index: TypeAlias = dict[str, Array]
"""Functional inputs by name, such as times or places."""

IndexMap: TypeAlias = dict[str, Iterable[str]]
"""Names of the functional inputs of each parameter."""


def index_theta(
    theta: Any,
    indices: Mapping[str, Any],
    index_map: Mapping[Any, Iterable[str]],
    *,
    fix: Iterable[str] | None = None,
) -> Any:
    """Return the functional inputs of every token of a tree.

    Parameters
    ----------
    theta : dict of arrays, each of shape (*lead, width)
        Parameters. In a nested tree, the first key names a leaf.
    indices : dict of arrays, each of a shape that broadcasts to (*lead, n)
        Functional inputs by name.
    index_map : dict of iterables of str
        Names of the inputs of each parameter. The result has the columns of
        all inputs named here, in the order of first mention.
    fix : iterable of str, optional
        ``'L39'``: the columns of an input are found by its name.

    Returns
    -------
    tree of Array, each of shape (*lead, n_columns)
        In the default float type, with sorted keys; NaN where a parameter
        does not have an input.

    Raises
    ------
    KeyError
        If ``index_map`` names an input that is not in ``indices``.
    AttributeError
        If ``theta`` is not a dictionary.
    IndexError, ValueError
        If rows do not broadcast, or because of L39.

    Notes
    -----
    Works under ``jit`` and ``vmap``. Legacy: ``sfmpe.infinite.index_theta``.
    """
    names = {key: list(named) for key, named in index_map.items()}
    columns: dict[str, slice] = {}
    n_columns = 0
    for name in (name for named in names.values() for name in named):
        if name not in columns:
            end = n_columns + indices[name].shape[-1]
            columns[name], n_columns = slice(n_columns, end), end
    leaves, structure = jax.tree_util.tree_flatten_with_path(theta)
    wanted = [names.get(path[0].key, []) for path, _ in leaves]
    if "L39" not in read_fixes(fix):
        used = {name for named in wanted for name in named}
        columns = columns_by_place(columns, indices, used)
    filled = []
    for (_, leaf), named in zip(leaves, wanted, strict=True):
        rows = jnp.full((*leaf.shape[:-1], n_columns), jnp.nan)
        for name in named:
            rows = rows.at[..., columns[name]].set(indices[name])
        filled.append(rows)
    return jax.tree.unflatten(structure, filled)
