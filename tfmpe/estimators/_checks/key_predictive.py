"""Observed and simulated values of one key."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Num

from tfmpe.preprocessing import KeyLayout


class KeyPredictive(NamedTuple):
    """Values of one key; sample and event axes are flattened to one each."""

    entry: KeyLayout
    simulated: Num[np.ndarray, "draws sets tokens values"]
    observed: Num[np.ndarray, "sets tokens values"]
    real: Bool[np.ndarray, "sets tokens values"]
    inputs: Num[np.ndarray, "sets tokens inputs"] | None


def central_interval(
    draws: Num[np.ndarray, " draws *shape"], level: float
) -> Num[np.ndarray, " 2 *shape"]:
    """Return the lower and upper ends of the central interval of draws."""
    if not 0 < level < 1:
        raise ValueError(
            f"level is {level}, expected a number between 0 and 1."
        )
    tail = (1 - level) / 2
    return np.quantile(draws, (tail, 1 - tail), axis=0)
