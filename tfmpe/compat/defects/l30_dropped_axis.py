"""Defect L30: an axis of theta dropped by ``sample_base_dist``."""

from collections.abc import Collection
from typing import Any

from tfmpe.compat.legacy_warnings import LegacyWarning


class DroppedAxisWarning(LegacyWarning):
    """Most of theta is missing from the result (L30)."""

    code = "L30"


def first_draw(ends: Any, fixes: Collection[str]) -> Any:
    """Remove the axis of the single draw from ``(n, 1, *theta_shape)``.

    With L30 fixed, this is axis 1; otherwise, as in the legacy package, the
    second-to-last axis is removed.
    """
    if ends.ndim == 3 or "L30" in fixes:
        return ends[:, 0]
    DroppedAxisWarning.warn(
        f"with theta_shape {ends.shape[2:]}, the result keeps only the first "
        "row of theta. Flatten theta to one axis, or pass fix=['L30']."
    )
    return ends[..., 0, :]
