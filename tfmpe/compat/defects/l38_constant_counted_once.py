"""Defect L38: a constant Jacobian counted once, not once per element."""

from collections.abc import Collection
from typing import Any

import jax
import jax.numpy as jnp
from jax.core import Tracer

from tfmpe.compat.legacy_warnings import LegacyWarning


class ConstantCountedOnceWarning(LegacyWarning):
    """A log determinant counts rows or elements only once (L38)."""

    code = "L38"


def count_elements(
    path: Any, log_det: Any, shape: tuple[int, ...], fixes: Collection[str]
) -> Any:
    """Return the log determinants of a leaf.

    By default they are as the bijector returns them: for a constant Jacobian,
    one for each parameter of the bijector, which may be too few. If fixed,
    there is one for each event.
    """
    if jnp.shape(log_det) == shape:
        return log_det
    if "L38" in fixes:
        return jnp.broadcast_to(log_det, shape)
    if isinstance(log_det, Tracer) or (log_det != 0).any():
        ConstantCountedOnceWarning.warn(
            f"the log determinant of the leaf {jax.tree_util.keystr(path)} has "
            f"the shape {jnp.shape(log_det)} and is not broadcast to the shape "
            f"{shape}. Make the bijector with fix=['L38']."
        )
    return log_det
