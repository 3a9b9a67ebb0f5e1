"""Tests for uniform ranks, valid for dependent values."""

import math
from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int

from tfmpe.estimators._types import ArrayTree

JOINT = "(joint)"
"""Name of the entry for all keys together."""

MIN_SIMULATIONS = 20
"""With fewer simulations, there is no p-value."""

_N_COMPONENTS = 3
_SHIFT = ("draws too low", "draws too high")
_SPREAD = ("draws too narrow", "draws too wide")
_TOGETHER = ("draws vary together too little", "draws vary together too much")
_SHAPE = ("draws of wrong shape",) * 2
_APART = ("draws do not fit together",) * 2
# The finding if shift, spread or skewness of ranks is above 0, or below.
_OF_VALUE = (_SHIFT, _SPREAD, _SHAPE)
_OF_MEAN = (_SHIFT, _TOGETHER, _SHAPE)
_OF_DISTANCE = (_SPREAD, _APART, _APART)


class RankColumns(NamedTuple):
    """Ranks of the values of one key, and of all its values together.

    ``together`` has the ranks of their mean, and of their distance from the
    middle; ``some`` marks simulations in which any value is not padding.
    """

    name: str
    path: tuple[str, ...]
    ranks: Int[np.ndarray, "simulations values"]
    real: Bool[np.ndarray, "simulations values"]
    shape: tuple[int, ...]
    together: Int[np.ndarray, "simulations 2"]
    some: Bool[np.ndarray, " simulations"]


class KeyTest(NamedTuple):
    """p-values of each value and of the whole key, and the error found."""

    values: Float[np.ndarray, " values"]
    p_value: float
    finding: str


class Uniformity(NamedTuple):
    """p-values of the hypothesis that the draws are correct.

    Attributes
    ----------
    values : nested dict of ndarrays, each of shape (*event, *batch)
        p-value of each value, uncorrected; NaN if fewer than 20 simulations
        have the value.
    keys
        p-value of each key, corrected for its number of tests.
    joint
        p-value of the mean and the distance of all values together.
    p_value
        Overall p-value, corrected for the number of keys and the joint test.
    n_tests
        Number of tested values of each key.
    """

    values: ArrayTree
    keys: dict[str, float]
    joint: float
    p_value: float
    n_tests: dict[str, int]


def assess(columns: RankColumns, n_samples: int) -> KeyTest:
    """Test whether ranks are uniform.

    Values of one simulation are not independent, so their ranks are not pooled.
    Each value has its own test, which finds an error in one place; the ranks of
    mean and distance reveal small errors everywhere and wrong dependence. Each
    kind of test gets half of the error probability.
    """
    values, means = _smooth_tests(columns.ranks, columns.real, n_samples)
    p_value, finding = _worst_value(columns, values, means)
    if len(values) != 1:
        both, means = _smooth_tests(
            columns.together, columns.some[:, None], n_samples
        )
        together = bonferroni(both)
        if not together >= p_value:
            finding = (
                _wording(means[0], _OF_MEAN)
                if both[0] <= both[1]
                else _wording(means[1], _OF_DISTANCE)
            )
        p_value = bonferroni([p_value, together])
    return KeyTest(values, p_value, finding if p_value < 0.01 else "")


def bonferroni(p_values: Iterable[float]) -> float:
    """Return one p-value for several tests; NaN is not counted as a test."""
    made = [float(p) for p in p_values if not math.isnan(p)]
    return min(1.0, len(made) * min(made)) if made else math.nan


def _smooth_tests(
    ranks: Int[np.ndarray, "n values"],
    real: Bool[np.ndarray, " n #values"],
    n_samples: int,
) -> tuple[Float[np.ndarray, " values"], Float[np.ndarray, "values 3"]]:
    """Return the p-value of every column, and the means of its components.

    Neyman's smooth test (1937): shift, spread and skewness of uniform ranks
    are uncorrelated, with mean 0 and variance 1. The chi-squared distribution
    of their sum of squares is approximate: with 20 simulations, p-values below
    0.001 occur 1.5 times as often as they should; with 200, as often.
    """
    # Imported here because importing it is slow.
    from scipy.stats import chi2

    scores = _components(n_samples)[ranks] * real[..., None]
    n = real.sum(0)
    means = scores.sum(0) / np.maximum(n, 1)[:, None]
    p_values = chi2.sf(n * (means**2).sum(-1), _N_COMPONENTS)
    return np.where(n < MIN_SIMULATIONS, np.nan, p_values), means


def _components(n_samples: int) -> Float[np.ndarray, "ranks 3"]:
    """Return orthonormal polynomials of each rank."""
    places = np.linspace(-1, 1, n_samples + 1)
    powers = np.vander(places, _N_COMPONENTS + 1, increasing=True)
    basis, triangle = np.linalg.qr(powers)
    # Positive at the right end: qr does not determine the sign.
    basis = basis * np.sign(np.diag(triangle))
    return math.sqrt(n_samples + 1) * basis[:, 1:]


def _worst_value(
    columns: RankColumns,
    values: Float[np.ndarray, " values"],
    means: Float[np.ndarray, "values 3"],
) -> tuple[float, str]:
    if np.isnan(values).all():
        return math.nan, ""
    worst = int(np.nanargmin(values))
    words = _wording(means[worst], _OF_VALUE)
    if len(values) > 1:
        place = np.unravel_index(worst, columns.shape)
        words += f" at [{', '.join(str(int(i)) for i in place)}]"
    return bonferroni(values), words


def _wording(
    means: Float[np.ndarray, " 3"], words: tuple[tuple[str, ...], ...]
) -> str:
    """Return the largest deviation in words."""
    which = int(np.argmax(np.abs(means)))
    return words[which][int(means[which] <= 0)]
