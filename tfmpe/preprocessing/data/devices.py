"""Sharding of Tokens across devices, in one or several processes."""

import math
from typing import TypeVar

import jax
import numpy as np
from jax.sharding import Mesh, NamedSharding, PartitionSpec

from tfmpe.preprocessing.tokens.queries import TokenQueries

_Tokens = TypeVar("_Tokens", bound=TokenQueries)


def shard_tokens(tokens: _Tokens, mesh_or_sharding: object) -> _Tokens:
    """Shard samples across devices.

    Parameters
    ----------
    tokens : Tokens or TokenView
        The first sample axis of every leaf is sharded. If JAX runs in several
        processes, each passes its own part; all parts have the same size.
    mesh_or_sharding : Mesh or NamedSharding
        A mesh, along whose first axis samples are sharded; or a sharding
        of the first axis, ``NamedSharding(mesh, PartitionSpec("data"))``.

    Returns
    -------
    Tokens or TokenView
        With the same layout object, so that a compiled function is reused for
        the next batch and runs on all devices.

    Raises
    ------
    TypeError, ValueError
        If the second argument is neither a mesh nor a ``NamedSharding``, an
        axis other than the first would be sharded, or the samples cannot be
        divided evenly.

    Notes
    -----
    Does not work under ``jit``; use ``jax.lax.with_sharding_constraint`` there.

    Examples
    --------
    >>> from tfmpe import Tokens
    >>> tokens = Tokens.from_pytree({"mu": np.zeros((8, 1))}, {})
    >>> mesh = jax.sharding.Mesh(jax.devices()[:1], ("data",))
    >>> len(shard_tokens(tokens, mesh).data.sharding.device_set)
    1
    """
    sharding = mesh_or_sharding
    if isinstance(sharding, Mesh):
        sharding = NamedSharding(
            sharding, PartitionSpec(sharding.axis_names[0])
        )
    n_pieces = _n_pieces(sharding)
    n_processes = jax.process_count()
    n_samples = tokens.sample_shape[0] if tokens.sample_shape else 0
    if not n_samples or n_samples * n_processes % n_pieces:
        raise ValueError(
            f"Tokens with the sample shape {tokens.sample_shape} in each of "
            f"{n_processes} processes cannot be divided evenly over "
            f"{n_pieces} devices. Use a multiple of {n_pieces} samples in "
            "total, for example with TokenGenerator(..., drop_remainder=True)."
        )
    if n_processes == 1:
        return jax.device_put(tokens, sharding)
    return jax.tree.map(
        lambda leaf: jax.make_array_from_process_local_data(
            sharding, np.asarray(leaf)
        ),
        tokens,
    )


def _n_pieces(sharding: object) -> int:
    """Return the number of pieces that a sharding cuts the first axis into."""
    if not isinstance(sharding, NamedSharding):
        raise TypeError(
            f"Expected a jax.sharding.Mesh or a NamedSharding, got "
            f"{sharding!r}."
        )
    first, *others = (*sharding.spec, None)
    if any(axis is not None for axis in others):
        raise ValueError(
            f"{sharding.spec} shards more than the first axis; only samples "
            "can be sharded, since all arrays begin with them. Use "
            f"PartitionSpec({first!r})."
        )
    axes = first if isinstance(first, tuple) else (first,)
    return math.prod(sharding.mesh.shape[axis] for axis in axes if axis)
