"""Defect L14: a pad value that changes if the dtype cannot represent it."""

from collections.abc import Iterable
from typing import Any

import numpy as np
from jax.core import Tracer

from tfmpe._base.arrays import common_dtype, fill_value
from tfmpe.compat.legacy_warnings import LegacyWarning


class PadValueOverflowWarning(LegacyWarning):
    """Padding does not have the requested value (L14)."""

    code = "L14"


def check_pad_value(pad_value: Any, padded: Iterable[Any]) -> None:
    """Warn if the pad value cannot be written into one of the arrays."""
    if isinstance(pad_value, Tracer):
        return
    for dtype in {common_dtype([array]) for array in padded}:
        written = fill_value(pad_value, dtype)
        # Rounding to a lower precision is not an overflow.
        if not np.isclose(float(written), pad_value, rtol=0.01, equal_nan=True):
            PadValueOverflowWarning.warn(
                f"the pad value {pad_value} becomes {written} in {dtype}, "
                "which may occur in data. Use the padding mask, or float32."
            )
