"""Observed and simulated values of one key."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Num

from tfmpe.preprocessing import KeyLayout

Ends = tuple[Num[np.ndarray, "*shape"], Num[np.ndarray, "*shape"]]
"""Lower and upper ends of intervals."""


class KeyPredictive(NamedTuple):
    """One key, sample axes flattened to one and event axes to one."""

    entry: KeyLayout
    simulated: Num[np.ndarray, "draws sets tokens values"]
    observed: Num[np.ndarray, "sets tokens values"]
    real: Bool[np.ndarray, "sets tokens values"]
    inputs: Num[np.ndarray, "sets tokens inputs"] | None


def central_interval(
    draws: Num[np.ndarray, " draws *shape"], level: float
) -> Ends:
    """Return the ends of the interval that holds the middle draws."""
    if not 0 < level < 1:
        raise ValueError(f"level is {level}, expected a share between 0 and 1.")
    tail = (1 - level) / 2
    lower, upper = np.quantile(draws, (tail, 1 - tail), axis=0)
    return lower, upper
