"""Calibration at the observation, by posterior SBC or similar simulations."""

from typing import Any

import jax
import numpy as np
from jaxtyping import Float, Int, Num

from tfmpe._base.arrays import take_rows
from tfmpe.estimators._checks.calibration import groups_of
from tfmpe.estimators._checks.calibration_result import CalibrationRanks
from tfmpe.estimators._verdict.material import Material
from tfmpe.preprocessing import TokenView

_N_RANKS = 100


def posterior_sbc_ranks(
    true: TokenView,
    draws: Num[np.ndarray, "n draws tokens width"],
    log_weights: Float[np.ndarray, "n draws"],
    rng: np.random.Generator,
) -> CalibrationRanks:
    """Rank the first of some weighted draws among all of them.

    Data were simulated from ``true``, the first of independent draws from the
    posterior of the observation. The weights are log densities given these
    data, minus log prior densities: up to a constant, log-likelihoods.

    The probability that the data came from a draw is proportional to its
    likelihood. So the sum of the weights below the first draw, plus a random
    part of its own weight, is exactly uniform for any number of draws. This is
    posterior SBC with the posterior given the observation as prior (Säilynoja
    et al., 2025), for estimators that cannot take two data sets.
    """
    layout = true.layout
    weights = np.exp(log_weights - log_weights.max(1, keepdims=True))
    weights = weights / weights.sum(1, keepdims=True)
    real = np.asarray(true.value_mask)
    values = np.asarray(draws, float)
    scores = np.where(real[:, None], _scores(values, weights), 0)
    sums = [
        np.stack([x[:, :, b].sum((-2, -1)) for b in groups_of(layout).values()])
        for x in (scores, scores**2)
    ]
    names = list(groups_of(layout))
    means, distances = (
        dict(
            zip(
                names,
                (_weighted_ranks(x, weights, rng) for x in each),
                strict=True,
            )
        )
        for each in sums
    )
    return CalibrationRanks(
        true.decode(_weighted_ranks(values, weights, rng)),
        true.decode(real),
        means,
        distances,
        _N_RANKS - 1,
    )


def _scores(
    values: Float[np.ndarray, "n draws tokens width"],
    weights: Float[np.ndarray, "n draws"],
) -> Float[np.ndarray, "n draws tokens width"]:
    each = weights[:, :, None, None]
    away = values - (each * values).sum(1, keepdims=True)
    scale = np.sqrt((each * away**2).sum(1, keepdims=True))
    # If one draw has nearly all the weight, squared scores could overflow.
    scale = np.maximum(scale, 1e-9 * values.std(1, keepdims=True))
    return away / np.where(scale > 0, scale, 1)


def _weighted_ranks(
    values: Float[np.ndarray, "n draws *rest"],
    weights: Float[np.ndarray, "n draws"],
    rng: np.random.Generator,
) -> Int[np.ndarray, " n *rest"]:
    """Return the rank of the first draw, from 0 to 99; ties are random."""
    each = weights.reshape((*weights.shape, *(1,) * (values.ndim - 2)))
    first = values[:, :1]
    below = (each * (values < first)).sum(1)
    equal = (each * (values == first)).sum(1)
    place = below + rng.random(below.shape) * equal
    return np.clip((place * _N_RANKS).astype(int), 0, _N_RANKS - 1)


def similar_ranks(material: Material, n: int) -> CalibrationRanks:
    """Rank the true values of the simulations most similar to the observation.

    Similarity is measured in the main components of the data. The choice
    depends on the data only, so that ranks remain uniform for a correct
    posterior.
    """
    components = material.features.components
    away = ((components[:-1] - components[-1]) ** 2).sum(1)
    rows = np.sort(np.argsort(away)[:n])
    chosen: Any = take_rows(material.simulations, rows)
    ranks, _ = material.rank(chosen, jax.random.fold_in(material.key, 1))
    return ranks
