"""Numbers by which the data of a training are recognized."""

from typing import Any

import jax
import numpy as np

# In standard deviations, and in units of the mean: rounding of float32, where
# another machine has simulated the same data again.
_OF_DEVIATION = 1e-4
_OF_MEAN = 1e-6


def summarise(tokens: Any) -> dict[str, Any]:
    """Return numbers that other values, or another order of them, change.

    Parameters
    ----------
    tokens : Tokens or view

    Returns
    -------
    dict of str to list of float
        As JSON has it. For values and functional inputs of every key, column
        by column: mean, standard deviation, and a sum whose weights depend
        on the place. Padding does not count.
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


def alike(one: dict[str, Any], other: dict[str, Any]) -> bool:
    """Return whether the keys of both have the same data, up to rounding.

    Which keys there are is for the layout and the questions to say.
    """
    for name in one.keys() & other.keys():
        a, b = np.asarray(one[name]), np.asarray(other[name])
        if a.shape != b.shape:
            return False
        mean, deviation, _ = np.abs(b)
        bound = _OF_DEVIATION * deviation + _OF_MEAN * mean
        if not (np.abs(a - b) <= bound).all():
            return False
    return True


def _columns(array: Any) -> list[Any]:
    rows = np.asarray(array, float).reshape((-1, array.shape[-1]))
    n = max(len(rows), 1)
    weights = np.cos(np.arange(len(rows)))
    # What is not finite is refused later, by name.
    with np.errstate(all="ignore"):
        return [
            (rows.sum(0) / n).tolist(),
            (rows.std(0) if len(rows) else np.zeros(rows.shape[1])).tolist(),
            (weights @ rows / np.sqrt(n)).tolist(),
        ]
