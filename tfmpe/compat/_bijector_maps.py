"""Choice and scaling of a legacy bijector for each leaf of a tree."""

from collections.abc import Iterable, Mapping
from typing import Any

import jax
import jax.numpy as jnp

from tfmpe.compat._extras import import_legacy
from tfmpe.compat.defects.l40_scaled_by_itself import (
    check_moments,
    moment_axes,
)
from tfmpe.compat.defects.l41_specs_by_last_key import last_key, specs_by_path
from tfmpe.compat.fixes import read_fixes

tfb = import_legacy(
    "tensorflow_probability.substrates.jax.bijectors",
    "tensorflow-probability",
    "tfmpe.compat.pytree_bijector",
)

_SMALLEST_DEVIATION = 1e-8


def create_bijector_map(
    sample_tree: Any,
    bijector_specs: Mapping[Any, Any] | None = None,
    *,
    fix: Iterable[str] | None = None,
) -> dict[Any, Any]:
    """Return a bijector for every leaf of a tree.

    Parameters
    ----------
    sample_tree : tree of arrays
    bijector_specs : dict of Bijector, optional
        Keys are the last key of a leaf's path (L41): a dictionary key,
        ``'[0]'``, ``'[1]'``, … in a list or tuple, or ``''`` for a bare array.
        Leaves without an entry get ``Identity``.
    fix : iterable of str, optional
        ``'L41'``: a key without a leaf is an error, and a full path such as
        ``'site/beta'`` takes precedence over a last key.

    Returns
    -------
    dict of Bijector
        Keys are JAX key paths, in the order of the flattened tree.

    Raises
    ------
    KeyError
        With ``fix=['L41']``, if an entry belongs to no leaf.

    Notes
    -----
    Legacy: ``sfmpe.pytree_bijector.create_bijector_map``.
    """
    paths = [path for path, _ in _leaves(sample_tree)]
    chosen = specs_by_path(paths, bijector_specs or {}, read_fixes(fix))
    identity = tfb.Identity()
    return {path: chosen.get(path, identity) for path in paths}


def create_zscaling_bijector_tree(
    sample_tree: Any,
    representative_data: Any,
    bijector_specs: Mapping[Any, Any] | None = None,
    *,
    fix: Iterable[str] | None = None,
) -> dict[Any, Any]:
    """Return a standardizing bijector for every leaf of a tree.

    Parameters
    ----------
    sample_tree : tree of arrays
    representative_data : tree of arrays
        Has the leaves of ``sample_tree``, with rows along the first axis and
        components along the last.
    bijector_specs : dict of Bijector, optional
        See :func:`create_bijector_map`.
    fix : iterable of str, optional
        ``'L40'``: a leaf with one axis is scaled by the moments of all its
        values, and moments that are not finite are an error. For ``'L41'``,
        see :func:`create_bijector_map`.

    Returns
    -------
    dict of Bijector
        Keys are JAX key paths. The chosen bijector is applied first, then
        the mean of the transformed data is subtracted, and the result is
        divided by their standard deviation. Both moments are taken over all
        axes but the last (L40).

    Raises
    ------
    KeyError
        If the two trees do not have the same leaves.
    ValueError
        With ``fix=['L40']``, if a moment is not finite.

    Notes
    -----
    Legacy: ``sfmpe.pytree_bijector.create_zscaling_bijector_tree``.
    """
    base = create_bijector_map(sample_tree, bijector_specs, fix=fix)
    return _chain_with_zscale(base, representative_data, fix=fix)


def _chain_with_zscale(
    base_bijector_map: Mapping[Any, Any],
    data: Any,
    *,
    fix: Iterable[str] | None = None,
) -> dict[Any, Any]:
    """Append a standardization of the transformed data to each bijector."""
    fixes = read_fixes(fix)
    leaves = dict(_leaves(data))
    for path in leaves:
        base_bijector_map[path]
    scaled = {}
    for path, base in base_bijector_map.items():
        image = base.forward(leaves[path])
        axes = moment_axes(path, image, fixes)
        mean = jnp.mean(image, axes)
        deviation = jnp.std(image, axes)
        check_moments(path, (mean, deviation), fixes)
        scale = 1.0 / jnp.maximum(deviation, _SMALLEST_DEVIATION)
        scaled[path] = tfb.Chain([tfb.Scale(scale), tfb.Shift(-mean), base])
    return scaled


def _create_path_bijector_mapping(
    bijector_tree: Any, example_tree: Any
) -> dict[Any, Any]:
    """Return the bijectors in a tree, keyed by the paths of an example tree."""
    return {
        path: _find_bijector_for_path(path, bijector_tree)
        for path, _ in _leaves(example_tree)
    }


def _find_bijector_for_path(path: Any, bijector_tree: Any) -> Any:
    """Return the bijector at a JAX key path of a tree."""
    for step in path:
        bijector_tree = bijector_tree[getattr(step, "idx", last_key((step,)))]
    return bijector_tree


def _leaves(tree: Any) -> list[tuple[Any, Any]]:
    return jax.tree_util.tree_flatten_with_path(tree)[0]
