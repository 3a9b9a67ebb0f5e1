"""Mirror of the legacy module ``sfmpe.util.data`` (ArviZ: extra ``legacy``)."""

from collections.abc import Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from tfmpe.compat._extras import import_legacy
from tfmpe.compat.defects.l49_names_not_compared import check_structures


def stack_data(data: Any, also_data: Any) -> Any:
    """Join the rows of two trees.

    Parameters
    ----------
    data, also_data : trees of arrays, or None
        Leaves are joined by position, whatever their names (L49). None
        means no rows. A leaf with one axis is one row.

    Returns
    -------
    tree of Array, or None
        With the structure of ``data``. If one argument is None, the other one
        is returned unchanged.

    Raises
    ------
    ValueError
        If ``also_data`` has fewer leaves.
    TypeError
        If two leaves differ along an axis other than the first.

    Notes
    -----
    Works under ``jit`` and ``vmap``. Legacy: ``sfmpe.util.data.stack_data``.
    """
    if data is None or also_data is None:
        return also_data if data is None else data
    check_structures(data, also_data)
    return _tree_stack((data, also_data))


def _tree_stack(trees: Sequence[Any]) -> Any:
    """Stack the leaves of several trees, in the structure of the first."""
    leaves = zip(*map(jax.tree.leaves, trees), strict=False)
    structure = jax.tree.structure(trees[0])
    return jax.tree.unflatten(structure, [jnp.vstack(each) for each in leaves])


def as_inference_data(samples: Mapping[str, Any], observed: Any) -> Any:
    """Return posterior draws and an observation as ArviZ's InferenceData.

    Parameters
    ----------
    samples : dict of arrays, each of shape (chains, draws, width)
    observed : array

    Returns
    -------
    arviz.InferenceData
        Group ``posterior`` with the dimensions ``chain``, ``draw`` and
        ``<name>_dim``, names sorted; group ``observed_data`` with ``y``.

    Raises
    ------
    ValueError
        If an array of ``samples`` does not have three axes (L49).
    ImportError
        If ArviZ is not installed.

    Notes
    -----
    Legacy: ``sfmpe.util.data.as_inference_data``.
    """
    arviz = import_legacy("arviz", "arviz", "as_inference_data")
    posterior = {name: np.asarray(samples[name]) for name in sorted(samples)}
    shapes = {name: leaf.shape for name, leaf in posterior.items()}
    if any(len(shape) != 3 for shape in shapes.values()):
        raise ValueError(
            f"The samples have the shapes {shapes}; expected (chains, draws, "
            "width). For a single chain, add an axis: samples[name][None]."
        )
    return arviz.from_dict(
        posterior=posterior,
        observed_data={"y": np.asarray(observed)},
        coords={f"{n}_dim": np.arange(shapes[n][-1]) for n in shapes},
        dims={name: [f"{name}_dim"] for name in shapes},
    )


def inference_data_as_dictionary(posterior: Any) -> dict[str, Array]:
    """Return the variables of a posterior with chains and draws as rows.

    Parameters
    ----------
    posterior : xarray.Dataset
        The group ``posterior`` of an InferenceData. The result is empty for
        the whole object (L49).

    Returns
    -------
    dict of Array, each of shape (chains * draws, width)

    Notes
    -----
    Legacy: ``sfmpe.util.data.inference_data_as_dictionary``.
    """
    return {
        str(name): jnp.asarray(leaf.values).reshape((-1, leaf.shape[-1]))
        for name, leaf in getattr(posterior, "data_vars", {}).items()
    }
