"""Checks that values and functional inputs of real tokens are finite."""

import jax
import numpy as np
from jax.core import Tracer

from tfmpe._base.errors import raise_faults

from .queries import TokenQueries


def check_inputs(view: TokenQueries) -> None:
    """Check that the functional inputs of real tokens, if known, are finite."""
    inputs, padding = view.functional_inputs, view.padding
    if inputs is None or any(isinstance(x, Tracer) for x in (inputs, padding)):
        return
    inputs, padding = jax.device_get((inputs, padding))
    wrong = ~np.isfinite(inputs)
    if padding is not None:
        wrong = wrong & padding[..., None]
    faults = []
    for key in view.layout.keys:
        # Columns of keys with more inputs are filled up.
        of_key = wrong[..., key.block, : key.n_inputs or 0]
        if of_key.any():
            faults.append(
                f"those of {key.name!r} are NaN or infinite in "
                f"{of_key.any(-1).sum()} of "
                f"{np.prod(of_key.shape[:-1], dtype=int)} tokens (tokens that "
                "were not observed are left out with event_shapes=)"
            )
    raise_faults(ValueError, "Functional inputs must be finite", faults)


def check_known(view: TokenQueries, what: str) -> None:
    """Check that real values and inputs, if known, are finite."""
    check_inputs(view)
    data, padding = view.data, view.padding
    if isinstance(data, Tracer) or isinstance(padding, Tracer):
        return
    real = np.broadcast_to(np.asarray(view.value_mask), np.shape(data))
    wrong = real & ~np.isfinite(np.asarray(data))
    if not wrong.any():
        return
    faults = [
        f"of {key.name!r} {wrong[..., key.block, :].sum()} of "
        f"{real[..., key.block, :].sum()} values are NaN or infinite, or "
        "outside the support of a bijector (tokens that were not observed "
        "are left out with event_shapes=)"
        for key in view.layout.keys
        if wrong[..., key.block, :].any()
    ]
    raise_faults(ValueError, f"{what} must be finite", faults)
