"""Checks that values and functional inputs are finite, except padding."""

from collections.abc import Iterator

import jax
import numpy as np
from jax.core import Tracer
from jaxtyping import Bool

from tfmpe._base.arrays import AnyArray
from tfmpe._base.errors import raise_faults

from .queries import TokenQueries

_REMEDY = (
    "(leave out tokens that were not observed, or set them to False in "
    "Tokens.padding)"
)


def check_inputs(view: TokenQueries) -> None:
    """Check that functional inputs, unless traced, are finite; skip padding."""
    if view.functional_inputs is None:
        return
    # Columns beyond the inputs of a key hold padding.
    widths = [key.n_inputs or 0 for key in view.layout.keys]
    faults = [
        f"those of {name!r} are NaN or infinite in {wrong.any(-1).sum()} of "
        f"{real.size} tokens {_REMEDY}"
        for name, wrong, real in _wrong(view, view.functional_inputs, widths)
    ]
    raise_faults(ValueError, "Functional inputs must be finite", faults)


def check_known(view: TokenQueries, what: str) -> None:
    """Check that values and inputs, unless traced, are finite; skip padding."""
    check_inputs(view)
    widths = [key.width for key in view.layout.keys]
    faults = [
        f"{wrong.sum()} of {real.sum() * wrong.shape[-1]} values of {name!r} "
        f"are NaN or infinite, or outside the support of a bijector {_REMEDY}"
        for name, wrong, real in _wrong(view, view.data, widths)
    ]
    raise_faults(ValueError, f"{what} must be finite", faults)


def _wrong(
    view: TokenQueries, array: AnyArray, widths: list[int]
) -> Iterator[tuple[str, Bool[np.ndarray, "..."], Bool[np.ndarray, "..."]]]:
    """Yield keys with non-finite values: name, their mask, padding mask."""
    if any(isinstance(x, Tracer) for x in (array, view.padding)):
        return
    array, padding = jax.device_get((array, view.padding_mask))
    for key, width in zip(view.layout.keys, widths, strict=True):
        real = padding[..., key.block]
        wrong = ~np.isfinite(array[..., key.block, :width]) & real[..., None]
        if wrong.any():
            yield key.name, wrong, real
