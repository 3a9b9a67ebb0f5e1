"""Static dataset: all simulations as one Tokens."""

from collections.abc import Callable
from typing import Any

import jax
import numpy as np

from tfmpe._base.arrays import PRNGKey, empty, hand_over
from tfmpe._base.static import static_int
from tfmpe._base.trees import Tree
from tfmpe.preprocessing.tokens.tokens import Tokens

from .generator import TokenGenerator

_BATCH_SIZE = 1_000


def generate_static_dataset(
    key: PRNGKey,
    prior_fn: Any,
    simulator_fn: Callable[..., Tree],
    functional_input_fn: Callable[..., Tree] | None,
    independence: object,
    n_samples: object,
    *,
    batch_size: object = None,
    progress: bool = False,
    **options: Any,
) -> Tokens:
    """Simulate a whole dataset, for compiled training loops.

    Parameters
    ----------
    key : key array
        Source of all random numbers.
    prior_fn, simulator_fn, functional_input_fn, independence, n_samples
        See :class:`TokenGenerator`.
    batch_size : int, optional
        Number of simulations made at a time; by default all, but at most
        1,000. A different size gives different random numbers.
    progress : bool
        Show a progress bar (tqdm, extra ``data``).
    **options
        ``batch_ndims``, ``labels``, ``dims``, ``groups``, ``positions`` and
        ``jit``; see :class:`TokenGenerator`.

    Returns
    -------
    Tokens
        With the sample shape ``(n_samples,)``.

    Raises
    ------
    ValueError, TypeError
        See :class:`TokenGenerator`; also if batches differ in layout or
        dtypes.

    Notes
    -----
    If ``key`` is ``jax.random.key(seed)``, the result equals all batches of
    ``TokenGenerator(…, batch_size, seed)``, joined. Besides the result, one
    batch is in memory at a time. Does not work under ``jit``.

    Examples
    --------
    >>> import jax
    >>> def prior(key, n):
    ...     return {"mu": jax.random.normal(key, (n, 1, 1))}
    >>> def copy(key, parameters):
    ...     return {"obs": parameters["mu"]}
    >>> key = jax.random.key(0)
    >>> generate_static_dataset(key, prior, copy, None, {}, 10).data.shape
    (10, 2, 1)
    """
    n_samples = static_int(n_samples, "n_samples")
    generator = TokenGenerator(
        prior_fn,
        simulator_fn,
        functional_input_fn,
        independence,
        n_samples,
        batch_size_of(n_samples, batch_size),
        key,
        **options,
    )
    return collect(generator, progress)


def batch_size_of(n_samples: int, batch_size: Any) -> Any:
    """Return the given size of batches, or the default one."""
    return min(n_samples, _BATCH_SIZE) if batch_size is None else batch_size


def collect(generator: TokenGenerator, progress: bool = False) -> Tokens:
    """Copy batches into arrays for all samples, one batch at a time."""
    batches = generator.batches(progress=progress)
    n_samples = generator.n_samples
    filled = 0
    first: Any = None
    described = ""
    leaves: list[np.ndarray] = []
    for batch in batches:
        parts, structure = jax.tree.flatten(batch)
        dtypes = [str(part.dtype) for part in parts]
        if not leaves:
            first = (structure, dtypes)
            described = f"{batch.layout} of {dtypes}"
            leaves = [
                empty((n_samples, *part.shape[1:]), np.dtype(part.dtype))
                for part in parts
            ]
        elif (structure, dtypes) != first:
            raise ValueError(
                f"The batch that begins at sample {filled} is {batch.layout} "
                f"of {dtypes}, but the first is {described}. A static dataset "
                "needs one layout and one dtype: simulate each size separately "
                "and use concatenate_tokens, or pad and pass event_shapes."
            )
        rows = slice(filled, filled + batch.sample_shape[0])
        for leaf, part in zip(leaves, parts, strict=True):
            leaf[rows] = part
        filled = rows.stop
        del batch, parts
    return jax.tree.unflatten(first[0], map(hand_over, leaves))
