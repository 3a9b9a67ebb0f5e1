"""Refusal of observations that are not known in full."""

from typing import Any

import numpy as np
from jax.core import Tracer

from tfmpe._base.errors import raise_faults
from tfmpe._base.known import check_inputs


def check_known(view: Any, what: str) -> None:
    """Check that all real values and inputs of a view are finite.

    Parameters
    ----------
    view : Tokens or view
        Traced ones are not looked at.
    what : str
        What the values are, for the message.

    Raises
    ------
    ValueError
        If not; names the keys, with numbers.
    """
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
