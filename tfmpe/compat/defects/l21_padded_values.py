"""Defect L21: padding treated as values."""

from collections.abc import Collection, Mapping
from typing import Any

import jax.numpy as jnp
import numpy as np
from jax.core import Tracer

from tfmpe.compat.legacy_warnings import LegacyWarning
from tfmpe.preprocessing import PAD_VALUE


class PaddedValuesWarning(LegacyWarning):
    """Padding is learned, or tokens are narrower than in training (L21)."""

    code = "L21"


def sampled_width(
    theta_width: int, context: Any, fixes: Collection[str]
) -> int:
    """Return the width of the tokens to draw.

    By default this is the width of theta, although training data have the same
    width for theta and y. If fixed, it is the larger of theta and context.
    """
    context_width = context.shape[-1]
    if context_width <= theta_width:
        return theta_width
    if "L21" in fixes:
        return context_width
    PaddedValuesWarning.warn(
        f"theta is drawn with {theta_width} values in a token, but in training "
        f"its tokens had as many values as those of y, {context_width}, so the "
        "network does not accept it. Pass fix=['L21']."
    )
    return theta_width


def without_padding(values: Any, fixes: Collection[str]) -> Any:
    """Return values with padding replaced by 0 if fixed, else unchanged."""
    if "L21" not in fixes:
        return values
    return jnp.where(values == PAD_VALUE, 0, values)


def data_without_padding(
    flat: Mapping[str, Any], fixes: Collection[str]
) -> dict[str, Any]:
    """Return flat data with :func:`without_padding` applied to both sides."""
    data = {
        side: without_padding(values, fixes)
        for side, values in flat["data"].items()
    }
    return {**flat, "data": data}


def check_training_values(
    flat: Mapping[str, Any], fixes: Collection[str]
) -> None:
    """Warn about padding in tokens of theta that enter the loss."""
    theta = flat["data"]["theta"]
    if "L21" in fixes or isinstance(theta, Tracer):
        return
    padded = np.asarray(theta) == PAD_VALUE
    padding = flat.get("masks", {}).get("padding")
    if padding is not None:
        padded &= np.asarray(padding["theta"])[..., None] != 0
    if padded.any():
        PaddedValuesWarning.warn(
            f"{int(padded.sum())} of {padded.size} values of theta are "
            f"padding ({PAD_VALUE:g}) in tokens that are trained on, since "
            "keys differ in width; the loss is dominated by them. Pass "
            "fix=['L21']."
        )
