"""ODE solves of all rows and draws, at once or with a progress bar."""

from collections.abc import Callable
from itertools import product
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer
from jaxtyping import Array, Float

from tfmpe._base.arrays import flatten_samples, readable, take_rows
from tfmpe._base.progress import advance, progress_bar
from tfmpe.estimators._flow.vector_field import SplitField
from tfmpe.estimators._types import Arrays
from tfmpe.preprocessing import Tokens


def solved(
    solve: Callable[..., Array],
    field: SplitField,
    target: Tokens,
    conditioning: Tokens,
    draws: Arrays,
    *,
    label: str | None,
    batch_size: int,
    **static: Any,
) -> Float[Array, "draws rows *value"]:
    """Return ``solve(field, target, conditioning, draws)``.

    With a label, and if nothing is traced, ``solve`` is called part by part,
    and a bar shows how many draws are done. A part is a few rows with all their
    draws, or one row with some of its draws, so that rows are not encoded more
    often than needed. All parts share one program.
    """
    arrays = (field.parameters, field.rest)
    static |= {"static": field.static, "batch_size": batch_size}
    # Inside jit a constant is traced too.
    given = (arrays, target, conditioning, draws, jnp.zeros(()))
    traced = any(isinstance(leaf, Tracer) for leaf in jax.tree.leaves(given))
    if label is None or traced:
        return solve(arrays, target, conditioning, draws, **static)
    n_axes = len(target.sample_shape)
    target, conditioning = flatten_samples((target, conditioning), n_axes)
    # On the host, where slices do not compile.
    draws = jax.tree.map(
        lambda leaf: readable(leaf).reshape(
            (len(leaf), -1, *leaf.shape[1 + n_axes :])
        ),
        draws,
    )
    n_draws, n_rows = shape = jax.tree.leaves(draws)[0].shape[:2]
    some_draws = _shares(n_draws, batch_size)
    some_rows = _shares(n_rows, max(1, batch_size // len(some_draws[0])))
    results = None
    with progress_bar(True, n_draws * n_rows, "draw") as bar:
        for rows, ahead in product(some_rows, some_draws):
            place = (ahead[:, None], rows)
            found = solve(
                arrays,
                *take_rows((target, conditioning), rows),
                jax.tree.map(lambda leaf, at=place: leaf[at], draws),
                **static,
            )
            found = jax.device_get(found)
            if results is None:
                results = np.empty((*shape, *found.shape[2:]), found.dtype)
            results[place] = found
            advance(bar, label, n=np.unique(rows).size * np.unique(ahead).size)
    return jax.device_put(results)


def _shares(n: int, at_most: int) -> list[np.ndarray]:
    """Return equal parts of ``range(n)``, the last filled up with ``n - 1``."""
    n_parts = -(-n // at_most)
    size = -(-n // n_parts)
    return list(np.minimum(np.arange(n_parts * size), n - 1).reshape(-1, size))
