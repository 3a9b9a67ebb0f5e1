"""Rounds of a Markov chain and of weighted proposals."""

from functools import partial
from typing import NamedTuple, SupportsIndex

import jax
import numpy as np
from jax.scipy.special import logsumexp
from jaxtyping import Float

from tfmpe._base.keys import key_words
from tfmpe._base.static import positive
from tfmpe.estimators._corrected.moves import moved
from tfmpe.estimators._corrected.places import places
from tfmpe.estimators._corrected.student_mixture import (
    StudentMixture,
    effective_number,
    systematic,
)
from tfmpe.estimators._corrected.weights import weighted
from tfmpe.estimators._types import AnyArray, PRNGKey
from tfmpe.models import Model
from tfmpe.preprocessing import Standardizer, Tokens

ENOUGH = 20
"""Effective number of proposals, of global values and of the local values of
every group, below which a round only adapts the proposals."""

_STEPS, _EVALUATIONS = (5, 200), 5 * 10**7
"""Bounds of the number of Markov chain steps in each round, and the number of
evaluations of the density of one token that it depends on."""

_MOST_ROUNDS, _IDLE, _GROWTH = 10, 2, 1.2
"""Largest number of rounds by default; they end after ``_IDLE`` rounds that do
not raise an efficiency by this factor, if enough draws count."""


class Adapted(NamedTuple):
    """Draws after all rounds.

    ``effective`` is the effective number of the proposals that they come from,
    0 if no round had enough; the others are of the last round: log weights,
    their effective number, and those of the local proposals of every group.
    """

    values: Float[AnyArray, "n size"]
    effective: float
    log_weights: Float[np.ndarray, " n"]
    n_globals: float
    counts: Float[np.ndarray, " groups"]


def adapted(
    tokens: Tokens,
    standardizer: Standardizer,
    values: Float[np.ndarray, "n size"],
    key: PRNGKey,
    *,
    model: Model,
    target: tuple[str, ...],
    shared: tuple[str, ...],
    m: int,
    n_rounds: SupportsIndex | None,
) -> Adapted:
    """Move, propose, weight and resample draws in rounds; see ``corrected``."""
    n, size = values.shape
    found = places(tokens.layout, target, shared)
    random = np.random.default_rng(key_words(key))
    names = {"model": model, "target": target, "shared": shared}
    n_steps = int(np.clip(_EVALUATIONS // (n * tokens.data.size), *_STEPS))
    move = partial(moved, tokens, standardizer, n_steps=n_steps, **names)
    propose = partial(weighted, tokens, standardizer, n=n, m=m, **names)
    most = _MOST_ROUNDS if n_rounds is None else positive(n_rounds, "n_rounds")
    last_key, key = jax.random.split(key)
    kept, before = values.copy(), values
    least = np.minimum(ENOUGH, np.array([n, m]) / 2)
    numbers, best, n_idle, effective = least, np.zeros(2), 0, 0.0
    log_weights, counts = np.zeros(n, np.float32), np.zeros(0, np.float32)
    for keys in jax.random.split(key, (most, 2)):
        before = np.asarray(move(values, before, keys[0]))
        globals_, own = found.split(before)
        globals_, own, log_weights, counts = jax.device_get(
            propose(
                StudentMixture.fit(globals_, found.n_shared, n),
                StudentMixture.fit(own, found.n_own, m),
                keys[1],
            )
        )
        log_weights = possible(log_weights)
        weights = np.exp(truncated(log_weights) - log_weights.max())
        rows = random.permutation(systematic(weights, n, random.uniform()))
        values = np.asarray(found.joined(globals_[rows, 0], own[rows], size))
        numbers = np.array([effective_number(weights), counts.min(initial=m)])
        if (numbers < least).any():
            continue
        improved = (numbers > _GROWTH * best).any()
        n_idle = 0 if improved else n_idle + 1
        best = np.maximum(best, numbers)
        # The rounds since the last improvement share the draws.
        effective = float(numbers[0] + (0 if improved else effective))
        new = random.permutation(n) < numbers[0] / effective * n
        kept[new] = values[new]
        if n_rounds is None and n_idle >= _IDLE and effective >= n:
            break
    values = move(kept if effective else values, before, last_key)
    return Adapted(values, effective, log_weights, float(numbers[0]), counts)


def possible(log_weights: Float[np.ndarray, " n"]) -> Float[np.ndarray, " n"]:
    """Replace log weights that are not finite by -inf; raise if all are."""
    finite = np.isfinite(log_weights)
    if not finite.any():
        raise ValueError(
            "No proposal has a density above 0 and below infinity. Check "
            "log_density_fn, and whether the estimator's draws are near the "
            "posterior."
        )
    return np.where(finite, log_weights, -np.inf)


def truncated(log_weights: Float[np.ndarray, " n"]) -> Float[np.ndarray, " n"]:
    """Truncate weights at their sum divided by ``sqrt(n)``; return the logs."""
    most = logsumexp(log_weights) - np.log(len(log_weights)) / 2
    return np.minimum(log_weights, np.float32(most))
