"""Reading and loading of network weights."""

from collections.abc import Mapping
from typing import Any

import jax.numpy as jnp
import numpy as np
from flax import nnx

from tfmpe._base.errors import nearest, raise_faults


def read_parameters(network: nnx.Module) -> dict[str, Any]:
    """Return the weights of a network, keyed by path.

    Parameters
    ----------
    network : nnx.Module

    Returns
    -------
    dict of str to Array
        Sorted by paths such as ``'decoder/attn/query/kernel'``. Weights of a
        stack have the layer axis first.

    Examples
    --------
    >>> read_parameters(nnx.Linear(2, 3, rngs=nnx.Rngs(0)))["bias"].shape
    (3,)
    """
    return dict(sorted(_flat(nnx.to_pure_dict(nnx.state(network, nnx.Param)))))


def load_parameters(network: nnx.Module, parameters: Mapping[str, Any]) -> None:
    """Replace all weights of a network.

    Parameters
    ----------
    network : nnx.Module
        Changed in place, but only if there is no error.
    parameters : mapping of str to array
        With exactly the paths and shapes of :func:`read_parameters`.
        Converted to the dtypes of the network.

    Raises
    ------
    ValueError
        If a path is missing or unknown, or a shape is wrong; lists them all.

    Examples
    --------
    >>> network = nnx.Linear(2, 3, rngs=nnx.Rngs(0))
    >>> load_parameters(
    ...     network, {"kernel": jnp.ones((2, 3)), "bias": jnp.zeros(4)}
    ... )
    Traceback (most recent call last):
    ...
    ValueError: Cannot load these parameters: 'bias' has shape (4,), expected
    (3,)
    """
    current = read_parameters(network)
    faults = [
        f"{path!r} is missing; its shape is {value.shape}"
        for path, value in current.items()
        if path not in parameters
    ]
    for path, value in parameters.items():
        if path not in current:
            hint = nearest(path, current)
            faults.append(f"{path!r} is unknown. {hint}".rstrip())
        elif np.shape(value) != current[path].shape:
            faults.append(
                f"{path!r} has shape {np.shape(value)}, expected "
                f"{current[path].shape}"
            )
    raise_faults(ValueError, "Cannot load these parameters", faults)

    state = nnx.state(network, nnx.Param)
    tree = nnx.to_pure_dict(state)
    nnx.replace_by_pure_dict(state, _replaced(tree, parameters))
    nnx.update(network, state)


def _replaced(
    tree: Mapping[Any, Any], parameters: Mapping[str, Any], path: str = ""
) -> dict[Any, Any]:
    return {
        key: _replaced(value, parameters, f"{path}{key}/")
        if isinstance(value, Mapping)
        else jnp.asarray(parameters[f"{path}{key}"], value.dtype)
        for key, value in tree.items()
    }


def _flat(tree: Mapping[Any, Any], path: str = "") -> list[tuple[str, Any]]:
    flat = []
    for key, value in tree.items():
        if isinstance(value, Mapping):
            flat += _flat(value, f"{path}{key}/")
        else:
            flat.append((f"{path}{key}", value))
    return flat
