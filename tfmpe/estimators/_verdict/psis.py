"""Pareto-smoothed importance weights."""

import math
from typing import NamedTuple

import numpy as np
from jaxtyping import Float

_N_TAIL_MIN = 5
_PRIOR_WEIGHT = 10


class SmoothedWeights(NamedTuple):
    """Pareto-smoothed importance weights.

    The largest weights are replaced by quantiles of a generalized Pareto
    distribution that is fitted to them.

    Attributes
    ----------
    log_weights
        Smoothed log weights, in nats, normalized so that the weights sum to 1.
    khat
        Shape parameter of that distribution (k-hat), dimensionless. Above 0.7,
        averages with these weights are unreliable.
    n_effective
        Effective sample size of the weighted draws.
    log_evidence
        Log of the mean smoothed weight before normalization, in nats.
    log_evidence_error
        Standard error of ``log_evidence``, in nats.
    """

    log_weights: Float[np.ndarray, " draws"]
    khat: float
    n_effective: float
    log_evidence: float
    log_evidence_error: float


def smooth_weights(log_ratios: Float[np.ndarray, " draws"]) -> SmoothedWeights:
    """Smooth importance weights (PSIS), of which one must be finite.

    ``log_ratios`` are logs of target density over proposal density at draws
    from the proposal, in nats; NaN counts as -inf.

    Sources: Vehtari et al., 2024 (PSIS); Zhang and Stephens, 2009 (fit).
    """
    ratios = np.asarray(log_ratios, float)
    ratios = np.where(np.isnan(ratios), -np.inf, ratios)
    largest = ratios.max(initial=-np.inf)
    if not np.isfinite(largest):
        raise ValueError(
            f"None of {len(ratios)} importance weights is positive and "
            "finite: no draw has positive densities in both the model and the "
            "estimator."
        )
    log_weights, khat = _smooth_tail(ratios - largest)
    n = len(log_weights)
    weights = np.exp(log_weights)
    mean = weights.mean()
    relative = weights / mean
    return SmoothedWeights(
        log_weights - math.log(weights.sum()),
        khat,
        float(n / (relative**2).mean()),
        float(largest + math.log(mean)),
        float(np.sqrt(((relative - 1) ** 2).sum() / (n * max(n - 1, 1)))),
    )


def _smooth_tail(
    log_weights: Float[np.ndarray, " draws"],
) -> tuple[Float[np.ndarray, " draws"], float]:
    """Replace the largest weights by quantiles of a fitted distribution."""
    n = len(log_weights)
    n_tail = math.ceil(min(0.2 * n, 3 * math.sqrt(n)))
    order = np.argsort(log_weights)
    if n_tail < _N_TAIL_MIN or n_tail >= n:
        return log_weights, math.inf
    tail, cutoff = order[n - n_tail :], log_weights[order[n - n_tail - 1]]
    below = math.exp(cutoff)
    excess = np.exp(log_weights[tail]) - below
    # Equal weights, up to rounding, have no tail.
    if excess[-1] <= 1e-4:
        return log_weights, -math.inf
    k, scale = fit_pareto(np.maximum(excess, 1e-30))
    places = (np.arange(n_tail) + 0.5) / n_tail
    smoothed = log_weights.copy()
    expected = below + _pareto_quantiles(places, k, scale)
    smoothed[tail] = np.minimum(np.log(expected), 0)
    return smoothed, k


def fit_pareto(excess: Float[np.ndarray, " n"]) -> tuple[float, float]:
    """Fit a generalized Pareto distribution; return its shape and scale.

    ``excess`` is positive and sorted. The shape is shrunk toward 0.5 with the
    weight of ten values.
    """
    n = len(excess)
    n_grid = 30 + int(math.sqrt(n))
    quartile = excess[int(n / 4 + 0.5) - 1]
    grid = 1 - np.sqrt(n_grid / (np.arange(1, n_grid + 1) - 0.5))
    grid = grid / (3 * quartile) + 1 / excess[-1]
    shapes = np.log1p(-grid[:, None] * excess).mean(1)
    likelihood = n * (np.log(-grid / shapes) - shapes - 1)
    weights = np.exp(likelihood - likelihood.max())
    rate = float((grid * weights).sum() / weights.sum())
    k = float(np.log1p(-rate * excess).mean())
    scale = -k / rate
    shrunk = (n * k + _PRIOR_WEIGHT * 0.5) / (n + _PRIOR_WEIGHT)
    return shrunk, scale


def _pareto_quantiles(
    places: Float[np.ndarray, " n"], k: float, scale: float
) -> Float[np.ndarray, " n"]:
    exponential = -np.log1p(-places)
    if abs(k) < 1e-12:
        return scale * exponential
    return scale * np.expm1(k * exponential) / k
