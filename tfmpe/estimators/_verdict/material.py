"""Material of all checks of a verdict: simulations, ranks and draws."""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Num

from tfmpe._base.keys import key_words
from tfmpe.estimators._checks.calibration_result import CalibrationRanks
from tfmpe.estimators._conditionals import Conditional
from tfmpe.estimators._types import PRNGKey
from tfmpe.estimators._verdict.features import DataFeatures
from tfmpe.preprocessing import Tokens, TokenView

RanksOf = Callable[
    [Tokens, PRNGKey],
    tuple[CalibrationRanks, Num[np.ndarray, "n draws tokens width"]],
]


class Material(NamedTuple):
    """Simulations, ranks and draws that the checks share.

    The observation has no sample axes, and its target values are ignored. All
    simulations have features, but only the first ones have draws, and ranks of
    their true values among the draws; ``rank`` computes both for others.
    ``own`` holds the draws at the observation. ``log_prob`` is None if the
    estimator has no density.
    """

    keys: Conditional
    observed: Tokens
    simulations: Tokens
    ranks: CalibrationRanks
    draws: Num[np.ndarray, "n draws tokens width"]
    own: Tokens
    features: DataFeatures
    rank: RanksOf
    log_prob: Callable[..., Any] | None
    key: PRNGKey

    @property
    def own_draws(self) -> Num[np.ndarray, "own tokens width"]:
        """Values of the draws at the observation."""
        return np.asarray(self.own.data)

    @property
    def real(self) -> Bool[np.ndarray, "tokens width"]:
        """Which target values of the observation are not padding."""
        view = self.observed.select_tokens(self.keys.target)
        return np.asarray(view.value_mask)

    @property
    def true(self) -> TokenView:
        """True target values of the first simulations."""
        rows = self.simulations[: len(self.draws)]
        return rows.select_tokens(self.keys.target)

    @property
    def rng(self) -> np.random.Generator:
        """Random numbers that depend on the key only."""
        return np.random.default_rng(key_words(self.key))


def scaled_targets(
    material: Material,
) -> tuple[Float[np.ndarray, "n values"], Float[np.ndarray, "n draws values"]]:
    """Return true values and draws, standardized by the true values.

    Padding is 0.
    """
    true = material.true
    real = np.asarray(true.value_mask)
    values = np.where(real, np.asarray(true.data, float), np.nan)
    some = real.any(0)
    mean, scale = np.zeros(some.shape), np.ones(some.shape)
    mean[some] = np.nanmean(values[:, some], 0)
    scale[some] = np.nanstd(values[:, some], 0)
    scale = np.where(scale > 0, scale, 1)
    away = (material.draws - mean) / scale
    away = np.where(real[:, None], away, 0)
    own = np.where(real, (np.nan_to_num(values) - mean) / scale, 0)
    n, n_draws = away.shape[:2]
    return own.reshape((n, -1)), away.reshape((n, n_draws, -1))
