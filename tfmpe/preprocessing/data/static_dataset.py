"""A whole dataset of simulations as one Tokens."""

from collections.abc import Iterable, Mapping
from typing import Any, SupportsIndex

import jax
import numpy as np

from tfmpe._base.arrays import empty, hand_over
from tfmpe._base.static import static_int
from tfmpe.preprocessing.data.generator import TokenGenerator
from tfmpe.preprocessing.tokens.tokens import Tokens

_BATCH_SIZE = 1_000


def generate_static_dataset(
    key: Any,
    prior_fn: Any,
    simulator_fn: Any,
    functional_input_fn: Any,
    independence: Any,
    n_samples: Any,
    *,
    batch_size: Any = None,
    batch_ndims: Any = None,
    labels: Mapping[str, SupportsIndex] | None = None,
    dims: Any = None,
    groups: Any = None,
    positions: Any = None,
    jit: bool | None = None,
    progress: bool = False,
) -> Tokens:
    """Simulate a whole dataset, for training loops that are compiled.

    Parameters
    ----------
    key : key array
        Everything random follows from it.
    prior_fn, simulator_fn, functional_input_fn
        As for :class:`TokenGenerator`.
    independence : mapping or Independence
        Rules between the keys of parameters and observations.
    n_samples : int
        Number of simulations.
    batch_size : int, optional
        Simulations that are made at a time; by default all, but at most
        1,000. Another size gives other numbers.
    batch_ndims, labels, dims, groups, positions, jit
        As for :class:`TokenGenerator`.
    progress : bool
        Show a progress bar (tqdm, extra ``data``).

    Returns
    -------
    Tokens
        With the sample shape ``(n_samples,)``.

    Raises
    ------
    ValueError
        If a number is not positive, the functions' arrays do not fit, or
        batches differ in their layout.

    Notes
    -----
    Equal to the batches of ``TokenGenerator(…, batch_size, seed)`` one after
    the other, where ``key`` is ``jax.random.key(seed)``. Beside the result
    one batch exists at a time. Not for use inside ``jit``.

    Examples
    --------
    >>> import jax
    >>> def prior(key, n):
    ...     return {"mu": jax.random.normal(key, (n, 1, 1))}
    >>> def simulator(key, parameters):
    ...     noise = jax.random.normal(key, (*parameters["mu"].shape[:1], 3, 1))
    ...     return {"obs": parameters["mu"] + noise}
    >>> tokens = generate_static_dataset(
    ...     jax.random.key(0), prior, simulator, None, {}, 10
    ... )
    >>> tokens.data.shape
    (10, 4, 1)
    """
    n_samples = static_int(n_samples, "n_samples")
    if batch_size is None:
        batch_size = min(n_samples, _BATCH_SIZE)
    generator = TokenGenerator(
        prior_fn,
        simulator_fn,
        functional_input_fn,
        independence,
        n_samples,
        batch_size,
        key,
        batch_ndims=batch_ndims,
        labels=labels,
        dims=dims,
        groups=groups,
        positions=positions,
        jit=jit,
    )
    return _collect(generator.batches(progress=progress), generator.n_samples)


def _collect(batches: Iterable[Tokens], n_samples: int) -> Tokens:
    """Copy batches into arrays for all samples, one batch at a time."""
    filled = 0
    first: Any = None
    treedef: Any = None
    leaves: list[np.ndarray] = []
    for batch in batches:
        parts, structure = jax.tree.flatten(batch)
        if treedef is None:
            first, treedef = batch.layout, structure
            leaves = [
                empty((n_samples, *part.shape[1:]), np.dtype(part.dtype))
                for part in parts
            ]
        elif structure != treedef:
            raise ValueError(
                f"The layout of the batch that begins at sample {filled} is "
                f"{batch.layout}, that of the first is {first}. A static "
                "dataset needs one layout: simulate the sizes apart and use "
                "concatenate_tokens, or pad and pass event_shapes."
            )
        dtypes = [str(part.dtype) for part in parts]
        if dtypes != [str(leaf.dtype) for leaf in leaves]:
            raise TypeError(
                f"The batch that begins at sample {filled} has arrays of the "
                f"dtypes {dtypes}, the first one of "
                f"{[str(leaf.dtype) for leaf in leaves]}. Return one dtype "
                "from every call, such as by numpy.asarray(..., float)."
            )
        rows = slice(filled, filled + batch.sample_shape[0])
        for leaf, part in zip(leaves, parts, strict=True):
            leaf[rows] = part
        filled = rows.stop
        del batch, parts
    return jax.tree.unflatten(treedef, map(hand_over, leaves))
