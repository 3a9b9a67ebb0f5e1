"""Checks that need densities: importance weights and posterior SBC."""

from typing import Any, NamedTuple

import jax
import numpy as np
from jaxtyping import Float

from tfmpe._base.arrays import on_device
from tfmpe.estimators._checks.calibration_result import CalibrationRanks
from tfmpe.estimators._checks.predictive import posterior_predictive
from tfmpe.estimators._checks.predictive_result import PosteriorPredictive
from tfmpe.estimators._verdict.arrays import (
    repeated,
    replaced,
    values_in,
    values_of,
)
from tfmpe.estimators._verdict.finding import OK, PROBLEM, WARNING, Finding
from tfmpe.estimators._verdict.local import posterior_sbc_ranks
from tfmpe.estimators._verdict.material import Material
from tfmpe.estimators._verdict.psis import SmoothedWeights, smooth_weights
from tfmpe.models import Model
from tfmpe.preprocessing import Tokens

MAX_KHAT, MIN_SHARE = 0.7, 0.1


class Densities(NamedTuple):
    """Log densities of the draws at the observation, in nats.

    ``prior`` is None if the density of the model has no factors.
    """

    posterior: Float[np.ndarray, " draws"]
    joint: Float[np.ndarray, " draws"]
    prior: Float[np.ndarray, " draws"] | None


class _Drawn(NamedTuple):
    """A sampler that returns draws that were made before."""

    draws: Tokens

    def sample(self, *_: Any, n_samples: int, **__: Any) -> Tokens:
        return self.draws[:n_samples]


def densities(material: Material, model: Model, n_sets: int) -> Densities:
    """Return the densities of the draws at the observation.

    ``n_sets`` divides the number of draws; see :func:`posterior_sbc`.
    """
    rows = repeated(material.observed, n_sets)
    posterior = _log_density(material, rows)
    every = replaced(material.observed, values_of(material.own))
    factors = {
        name: np.asarray(factor, float).reshape((len(every.data), -1)).sum(1)
        for name, factor in model.log_factors(every).items()
    }
    prior = None
    if all(name in factors for name in material.keys.target):
        each = [factors[name] for name in material.keys.target]
        prior = np.sum(each, 0)
    return Densities(
        posterior.reshape(-1), np.sum(list(factors.values()), 0), prior
    )


def _log_density(
    material: Material, rows: Tokens
) -> Float[np.ndarray, "each rows"]:
    """Return log densities of all draws, assigned to the rows in turn."""
    shape = (-1, len(rows.data), *material.own_draws.shape[1:])
    values = on_device(material.own_draws.reshape(shape))
    assert material.log_prob is not None
    found = material.log_prob(rows, *material.keys, values=values)
    return np.asarray(found, float)


def weights_finding(found: Densities) -> tuple[Finding, SmoothedWeights | None]:
    """Judge the importance weights of the draws at the observation.

    Sources: Vehtari et al., 2024 (PSIS, k-hat); Kong, 1992 (effective size).
    """
    # A draw that rounding moved to a bound may have posterior density 0.
    inside = np.isfinite(found.joint) & np.isfinite(found.posterior)
    if not inside.any():
        return _impossible(len(inside)), None
    joint = np.where(inside, found.joint, -np.inf)
    weights = smooth_weights(joint - np.where(inside, found.posterior, 0))
    share = weights.n_effective / len(found.joint)
    good = weights.khat <= MAX_KHAT and share >= MIN_SHARE
    finding = Finding(
        "importance weights",
        "",
        OK if good else WARNING,
        np.nan,
        np.nan,
        {
            "k-hat": weights.khat,
            "effective": share,
            "log evidence": weights.log_evidence,
            "error of log evidence": weights.log_evidence_error,
        },
        "The draws cover the posterior."
        if good
        else f"Draws miss a part of the posterior: k-hat is {weights.khat:.2f} "
        f"(at most {MAX_KHAT} expected), and weighted draws are worth "
        f"{share:.1%} of their number (at least {MIN_SHARE:.0%}).",
        ""
        if good
        else "Do not use weights, or the evidence; train longer or on more "
        "simulations.",
    )
    return finding, weights


def _impossible(n: int) -> Finding:
    """Return the finding if all importance weights are zero."""
    return Finding(
        "importance weights",
        "",
        PROBLEM,
        np.nan,
        np.nan,
        {"effective": 0.0},
        f"None of {n} draws has positive densities in both the model and the "
        "estimator: the model cannot produce the observation, or no draw is in "
        "the support of the prior.",
        "Look for errors in the observation, such as other units; give bounded "
        "parameters bijectors=.",
    )


def simulate_from_draws(
    material: Material, model: Model, n: int
) -> PosteriorPredictive:
    """Simulate data from the first draws at the observation."""
    return posterior_predictive(
        _Drawn(material.own),
        material.observed,
        *material.keys,
        model.simulator_fn,
        key=jax.random.fold_in(material.key, 2),
        n_samples=n,
        parameter_keys=[
            name
            for name in material.keys.conditioning
            if name in model.parameter_keys
        ],
    )


def posterior_sbc(
    material: Material,
    simulated: PosteriorPredictive,
    prior: Float[np.ndarray, " draws"],
) -> CalibrationRanks:
    """Rank draws at the observation, given data simulated from them.

    Draw ``i`` is ranked among draws ``i``, ``i + n``, ``i + 2 n``, …
    """
    observed, n = material.observed, simulated.n_samples
    rows = replaced(observed, values_in(simulated.simulated, observed))
    posterior = _log_density(material, rows)
    log_weights = _difference(posterior, prior.reshape((-1, n)))
    first: dict[str, np.ndarray] = values_of(simulated.draws)
    draws = material.own_draws
    return posterior_sbc_ranks(
        replaced(observed, first).select_tokens(material.keys.target),
        draws.reshape((-1, n, *draws.shape[1:])).swapaxes(0, 1),
        log_weights.T,
        material.rng,
    )


def _difference(
    posterior: Float[np.ndarray, "each n"], prior: Float[np.ndarray, "each n"]
) -> Float[np.ndarray, "each n"]:
    """Return log likelihoods up to a constant; -inf outside the supports."""
    inside = np.isfinite(posterior) & np.isfinite(prior)
    found = np.where(inside, posterior, 0) - np.where(inside, prior, 0)
    # If no draw is possible, all are equally likely.
    return np.where(inside | ~inside.any(0), found, -np.inf)
