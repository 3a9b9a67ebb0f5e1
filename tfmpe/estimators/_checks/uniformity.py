"""Are ranks uniform: tests that allow for values that move together."""

import math
from collections.abc import Iterable
from typing import Any, NamedTuple

import numpy as np

MIN_SIMULATIONS = 20
"""With fewer there is no p value."""

_N_COMPONENTS = 3


class RankColumns(NamedTuple):
    """Ranks of some values, one column each, and of what they are together.

    Attributes
    ----------
    name : str
    ranks : ndarray of int, shape (n_simulations, n_values)
    real : ndarray of bool, shape (n_simulations, n_values)
    shape : tuple of int
        Event and batch shape of the values.
    together : ndarray of int, shape (n_simulations, 2)
        Ranks of their mean, and of their distance from the middle.
    some : ndarray of bool, shape (n_simulations,)
        Whether any of the values is real.
    """

    name: str
    ranks: np.ndarray
    real: np.ndarray
    shape: tuple[int, ...]
    together: np.ndarray
    some: np.ndarray


class KeyTest(NamedTuple):
    """What some ranks say.

    Attributes
    ----------
    values : ndarray, shape (n_values,)
        p value of each value; NaN where it was not tested.
    p_value : float
        Of all together, corrected for the number of tests; NaN if none.
    finding : str
        What is wrong with the draws, if anything is.
    """

    values: np.ndarray
    p_value: float
    finding: str


class Uniformity(NamedTuple):
    """p values of the hypothesis that the draws are right.

    Attributes
    ----------
    values : nested dict of ndarrays, each of shape (*event, *batch)
        For each value on its own, not corrected. NaN where fewer than 20
        simulations have the value.
    keys : dict of str to float
        For each key, corrected for its number of tests.
    joint : float
        For what all values are together.
    p_value : float
        For everything: corrected for the number of keys and the joint test.
    n_tests : dict of str to int
        Values that were tested in each key.
    """

    values: dict[str, Any]
    keys: dict[str, float]
    joint: float
    p_value: float
    n_tests: dict[str, int]


def assess(columns: RankColumns, n_samples: int) -> KeyTest:
    """Test whether ranks are uniform.

    Notes
    -----
    Values of one simulation are not independent, so their ranks are not
    pooled. Each value has its own test, which finds what is wrong in one
    place; the ranks of mean and distance find what is wrong a little
    everywhere, and what does not belong together. Half of the error goes to
    either.
    """
    values, means = _smooth_tests(columns.ranks, columns.real, n_samples)
    p_value, words = _worst_value(columns, values, means)
    if len(values) == 1:
        return KeyTest(values, p_value, _if_clear(p_value, words))
    both, means = _smooth_tests(
        columns.together, columns.some[:, None], n_samples
    )
    together = bonferroni(both)
    if not together >= p_value:
        words = (
            _wording(means[0], together=True)
            if both[0] <= both[1]
            else _wording_of_distances(means[1])
        )
    p_value = bonferroni([p_value, together])
    return KeyTest(values, p_value, _if_clear(p_value, words))


def bonferroni(p_values: Iterable[float]) -> float:
    """Return one p value for several tests; those that are NaN were none."""
    made = [float(p) for p in p_values if not math.isnan(p)]
    return min(1.0, len(made) * min(made)) if made else math.nan


def _smooth_tests(
    ranks: np.ndarray, real: np.ndarray, n_samples: int
) -> tuple[np.ndarray, np.ndarray]:
    """Return the p value of every column, and the means of its components.

    Neyman's smooth test (1937): shift, spread and skewness of uniform ranks
    are uncorrelated, of mean 0 and variance 1. The chi-squared distribution
    of their sum of squares is approximate: with 20 simulations a p value of
    0.001 comes up 1.5 times as often as it should, with 200 as often.
    """
    # Loaded here, as importing it takes a while.
    from scipy.stats import chi2

    scores = _components(n_samples)[ranks] * real[..., None]
    n = real.sum(0)
    means = scores.sum(0) / np.maximum(n, 1)[:, None]
    p_values = chi2.sf(n * (means**2).sum(-1), _N_COMPONENTS)
    return np.where(n < MIN_SIMULATIONS, np.nan, p_values), means


def _components(n_samples: int) -> np.ndarray:
    """Return orthonormal polynomials of each rank, ``(n_samples + 1, 3)``."""
    places = np.linspace(-1, 1, n_samples + 1)
    powers = np.vander(places, _N_COMPONENTS + 1, increasing=True)
    basis, triangle = np.linalg.qr(powers)
    # Positive at the right end, which qr leaves open.
    basis = basis * np.sign(np.diag(triangle))
    return math.sqrt(n_samples + 1) * basis[:, 1:]


def _worst_value(
    columns: RankColumns, values: np.ndarray, means: np.ndarray
) -> tuple[float, str]:
    if np.isnan(values).all():
        return math.nan, ""
    worst = int(np.nanargmin(values))
    words = _wording(means[worst])
    if len(values) > 1:
        place = np.unravel_index(worst, columns.shape)
        words += f" at [{', '.join(str(int(i)) for i in place)}]"
    return bonferroni(values), words


def _wording(means: np.ndarray, together: bool = False) -> str:
    which = int(np.argmax(np.abs(means)))
    up = means[which] > 0
    if which == 0:
        return "draws too low" if up else "draws too high"
    if which == 1 and together:
        how = "little" if up else "much"
        return f"draws vary together too {how}"
    if which == 1:
        return "draws too narrow" if up else "draws too wide"
    return "draws of wrong shape"


def _wording_of_distances(means: np.ndarray) -> str:
    if int(np.argmax(np.abs(means))) == 0:
        return "draws too narrow" if means[0] > 0 else "draws too wide"
    return "draws do not fit together"


def _if_clear(p_value: float, words: str) -> str:
    return words if p_value < 0.01 else ""
