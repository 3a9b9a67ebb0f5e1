"""Defect L11: a token width that also counts entries that are not used."""

import math
from collections.abc import Mapping
from typing import Any

import jax

from tfmpe.compat.legacy_warnings import LegacyWarning


class WidthOfExtrasWarning(LegacyWarning):
    """An entry that is not flattened widens every token (L11)."""

    code = "L11"


def legacy_width(data: Mapping[str, Any], batch_ndims: Any) -> int:
    """Return the largest number of values in one token over all of data.

    Parameters
    ----------
    data : mapping
        Has ``'theta'``, ``'y'`` and possibly other entries, which also count.
    batch_ndims : tree of int
        With the structure of ``data``.

    Raises
    ------
    ValueError
        If the two structures differ.
    """
    widths = token_widths(data, batch_ndims)
    used = max(
        jax.tree.leaves([widths.get("theta"), widths.get("y")]), default=0
    )
    width = max(jax.tree.leaves(widths), default=0)
    if width > used:
        extra = [name for name in data if name not in ("theta", "y")]
        WidthOfExtrasWarning.warn(
            f"the entries {extra} of data widen every token from {used} to "
            f"{width} values, although they are not flattened. Pass them "
            "elsewhere, for example as index."
        )
    return width


def token_widths(data: Mapping[str, Any], batch_ndims: Any) -> dict[str, Any]:
    """Return the number of values in one token of every array of data."""
    return jax.tree.map(
        lambda leaf, n: math.prod(leaf.shape[-n:]), dict(data), batch_ndims
    )
