"""Summary statistics that identify the data of a training run."""

import jax
import numpy as np
from jaxtyping import Num

from tfmpe.estimators._types import AnyArray, AnyTokens

# Tolerances relative to the standard deviation and to the mean: the same
# simulations differ between machines by float32 rounding.
_OF_DEVIATION = 1e-4
_OF_MEAN = 1e-6

Summary = dict[str, list[list[float]]]


def summarise(tokens: AnyTokens) -> Summary:
    """Return numbers that depend on the values and on their order.

    They are the mean, the standard deviation, and a sum weighted by position
    of every column of the values and functional inputs of every key. Padding
    is ignored.
    """
    data, inputs, padding = jax.device_get(
        (tokens.data, tokens.functional_inputs, tokens.padding)
    )
    summary = {}
    for key in tokens.layout.keys:
        parts = {"values": data[..., key.block, : key.width]}
        if key.n_inputs:
            parts["inputs"] = inputs[..., key.block, : key.n_inputs]
        for what, array in parts.items():
            if padding is not None:
                array = array[padding[..., key.block]]
            summary[f"{key.name} {what}"] = _columns(array)
    return summary


def alike(one: Summary, other: Summary) -> bool:
    """Return whether common keys have the same data up to rounding.

    Layout and conditionals are compared elsewhere.
    """
    for name in one.keys() & other.keys():
        a, b = np.asarray(one[name]), np.asarray(other[name])
        if a.shape != b.shape:
            return False
        mean, deviation, _ = np.abs(b)
        if (np.abs(a - b) > _OF_DEVIATION * deviation + _OF_MEAN * mean).any():
            return False
    return True


def _columns(array: Num[AnyArray, "*rows columns"]) -> list[list[float]]:
    rows = np.asarray(array, float).reshape((-1, array.shape[-1]))
    n = max(len(rows), 1)
    weights = np.cos(np.arange(len(rows)))
    # Other checks refuse values that are not finite, and name their key.
    with np.errstate(all="ignore"):
        return [
            (rows.sum(0) / n).tolist(),
            (rows.std(0) if len(rows) else np.zeros(rows.shape[1])).tolist(),
            (weights @ rows / np.sqrt(n)).tolist(),
        ]
