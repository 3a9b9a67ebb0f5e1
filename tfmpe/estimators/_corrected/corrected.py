"""Draws corrected by importance weights, with locals integrated by group."""

import warnings
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, SupportsIndex

import jax
import numpy as np
from jax.scipy.special import logsumexp
from jaxtyping import Float

from tfmpe._base.callers import warn_at_caller
from tfmpe._base.keys import key_words
from tfmpe._base.static import positive
from tfmpe._base.trees import Tree
from tfmpe.estimators._arguments import one_data_set
from tfmpe.estimators._corrected.places import Places, places
from tfmpe.estimators._corrected.student_mixture import (
    StudentMixture,
    effective_number,
    systematic,
)
from tfmpe.estimators._corrected.weights import (
    flat_values,
    repeated,
    weighted,
)
from tfmpe.estimators._training.errors import SizeWarning
from tfmpe.estimators._types import AnyTokens, PRNGKey
from tfmpe.models import Model
from tfmpe.models.model import NoDensityError
from tfmpe.preprocessing import Tokens
from tfmpe.preprocessing.layout.layout import checked_names

_OWN_DRAWS, _INNER = 50_000, (100, 2_000)
"""Number of local draws of all groups, and its bounds for each of them."""

_ENOUGH = 20
"""Effective number of draws that moments need, per value."""

_MOST_ROUNDS, _IDLE, _GROWTH = 10, 2, 1.2
"""Largest number of rounds by default; they end after ``_IDLE`` rounds that do
not raise an efficiency by this factor."""

_FEW = 100
"""Effective number of draws below which there is a warning."""


class LowEfficiencyWarning(UserWarning):
    """Few proposals count, so that corrected draws are not exact."""


@dataclass(frozen=True)
class CorrectedDraws:
    """Draws from the exact posterior, up to the variance of weights.

    Attributes
    ----------
    draws : Tokens, sample axes (n_samples,)
        Equally weighted values of the target keys.
    log_weights
        Of the proposals of global values, before they were resampled;
        normalized, and truncated (see Notes).
    log_evidence
        Estimate of the log density of the observations, in nats.
    efficiency
        Effective number of proposals of global values, divided by their number.
    local_efficiency
        The same for the local values of the group where it is smallest; 1 if
        there are none.
    """

    draws: Tokens = field(repr=False)
    log_weights: Float[np.ndarray, " n"] = field(repr=False)
    log_evidence: float
    efficiency: float
    local_efficiency: float


def corrected(
    estimator: Any,
    observed: AnyTokens | Tree,
    *,
    key: PRNGKey,
    model: Model | None = None,
    n_samples: SupportsIndex = 1_000,
    n_inner: SupportsIndex | None = None,
    n_rounds: SupportsIndex | None = None,
    global_keys: Iterable[str] | None = None,
    functional_inputs: Tree = None,
    groups: Tree = None,
) -> CorrectedDraws:
    """Correct the draws of an estimator with the density of its model.

    Parameters
    ----------
    estimator
        A trained estimator with the attributes ``target_keys`` and
        ``standardizer``, and the method ``sample``.
    observed
        One data set: a dictionary of observed values, or Tokens.
    key
        PRNG key.
    model
        The model with the density, by default that of the estimator.
    n_samples
        Number of draws of the estimator, of proposals, and of results.
    n_inner
        Number of draws, for every group, over which its local values are
        integrated out; by default 2,000 for few groups, and 100 for many.
    n_rounds
        Number of rounds. Each proposes near the draws of the previous one, the
        first near those of the estimator. By default at most 10, until two in a
        row do not raise an efficiency by a fifth.
    global_keys
        The target keys that all groups depend on; by default those of a
        :class:`HierarchicalEstimator`, or else the target keys with a single
        token.
    functional_inputs, groups
        See :meth:`tfmpe.Model.condition`.

    Returns
    -------
    CorrectedDraws

    Raises
    ------
    NoDensityError
        If the model has no density, or only one for all tokens together.
    ValueError, TypeError
        If there is not exactly one data set; if there are no global keys, or
        target keys are discrete; if there is no model, or the estimator was
        trained for several target keys.

    Warns
    -----
    LowEfficiencyWarning
        If the draws count as fewer than 100 and fewer than ``n_samples / 4``
        independent ones; or if fewer than 20 and fewer than ``n_inner / 2``
        local proposals of a group count, for example in crossed designs, whose
        local values are one large group.

    Notes
    -----
    Proposals are mixtures of Student t distributions at some of the earlier
    draws, in standardized, unbounded units: one mixture for all global values,
    and one for the local values of every group. With global values ``g``, the
    weight is ``p(g)`` times, for every group, the average of
    ``p(l, y | g) / q(l)`` over proposals ``l`` of its local values, divided by
    ``q(g)``. All ``g`` share these proposals, so that their errors
    mostly cancel, and the variance of weights does not grow with the number of
    groups. No weight counts for more than ``sqrt(n_samples)`` times the mean
    weight, which matters where proposals miss a part of the posterior.
    Asymptotically exact as ``n_samples`` and ``n_inner`` grow; a low efficiency
    shows that the proposals do not cover the posterior. Not for use inside
    ``jit``. Sources: Tran et al., 2021 (weights with integrated local values);
    Cappé et al., 2008 (adapted proposals); Ionides, 2008 (truncated weights).
    """
    target = estimator.target_keys
    model = model or estimator.model
    if model is None or target is None:
        raise TypeError(
            "The estimator was not trained on a Model, whose density corrects "
            "draws, for one set of target keys. Pass model=."
        )
    if not model.has_density:
        raise NoDensityError(
            f"{model!r} has no density. Pass log_density_fn= to Model."
        )
    integers = {*target}.intersection(getattr(estimator, "discrete", ()))
    if integers:
        raise ValueError(
            f"The values of {sorted(integers)} are integers. Only continuous "
            "values can be weighted; sum the others out of the density."
        )
    tokens = model.condition(
        observed, functional_inputs=functional_inputs, groups=groups
    )
    tokens = one_data_set(tokens, "Correct")
    model.check_arguments(tokens)
    shared = global_keys or getattr(estimator, "global_keys", None)
    if shared is None:
        shared = [n for n in target if tokens.layout[n].n_tokens == 1]
    if not shared:
        raise ValueError(
            f"None of the target keys {list(target)} has a single token. Pass "
            "global_keys=, the keys that all groups share."
        )
    shared = checked_names(shared)
    found = places(tokens.layout, target, shared)
    n = positive(n_samples, "n_samples")
    if n_inner is None:
        n_inner = np.clip(_OWN_DRAWS // len(found.own), *_INNER)
    m = positive(n_inner, "n_inner")
    view = tokens.select_tokens(target)
    standardizer = estimator.standardizer
    draw_key, key = jax.random.split(key)
    with warnings.catch_warnings():
        # Draws that are wrong for this reason are corrected as well.
        warnings.simplefilter("ignore", SizeWarning)
        draws = estimator.sample(tokens, key=draw_key, n_samples=n)
    values = standardizer.forward(draws.data, like=view)
    values = np.asarray(values, np.float32).reshape((n, -1))
    own = values[:, np.maximum(found.own, 0)]
    globals_ = values[:, None, found.shared]
    n_shared = np.array([len(found.shared)])
    log_weights, counts = np.zeros(n, np.float32), np.zeros(0, np.float32)
    most = _MOST_ROUNDS if n_rounds is None else positive(n_rounds, "n_rounds")
    efficiency, best, n_idle = np.zeros(2), np.zeros(2), 0
    for round_key in jax.random.split(key, most):
        weights = _tempered(_truncated(log_weights), globals_.shape[-1])
        globals_, own, log_weights, counts = jax.device_get(
            weighted(
                tokens,
                standardizer,
                StudentMixture.fit(globals_, weights, n_shared, n),
                StudentMixture.fit(own, weights, found.n_own, m),
                round_key,
                model=model,
                target=target,
                shared=shared,
                n=n,
                m=m,
            )
        )
        log_weights = _possible(log_weights)
        weights = np.exp(_truncated(log_weights) - log_weights.max())
        efficiency = np.array(
            [effective_number(weights) / n, counts.min(initial=m) / m]
        )
        n_idle = 0 if (efficiency > _GROWTH * best).any() else n_idle + 1
        best = np.maximum(best, efficiency)
        if n_rounds is None and n_idle == _IDLE:
            break
    _warn_if_few(efficiency[0] * n, n, counts, m, found)
    log_evidence = float(logsumexp(log_weights)) - float(np.log(n))
    log_weights = _truncated(log_weights)
    log_weights = log_weights - np.float32(logsumexp(log_weights))
    weights = np.exp(log_weights)
    random = np.random.default_rng(key_words(key))
    rows = random.permutation(systematic(weights, n, random.uniform()))
    flat = flat_values(globals_[rows, 0], own[rows], found, view.data[0].size)
    standard = flat.reshape((n, *view.data.shape))
    drawn = standardizer.inverse(standard, like=view)[:, 0]
    return CorrectedDraws(
        repeated(view.to_tokens(), n).with_data(drawn),
        log_weights,
        log_evidence,
        *efficiency.tolist(),
    )


def _warn_if_few(
    effective: float,
    n: int,
    counts: Float[np.ndarray, " groups"],
    m: int,
    found: Places,
) -> None:
    """Warn if few draws, or few local proposals of a group, count."""
    few = counts < min(_ENOUGH, m / 2)
    if few.any():
        worst = np.flatnonzero(few)[counts[few].argmin()]
        warn_at_caller(
            LowEfficiencyWarning(
                f"In {few.sum()} of {len(few)} groups, few local proposals "
                f"count: {counts[worst]:.1f} of {m} in a group of "
                f"{found.n_own[worst]} values. The draws are not those of the "
                "posterior, and log_evidence is unreliable. Train the "
                "estimator further; pass a larger n_inner=; or, if rules do "
                "not separate groups that are independent given the global "
                "keys, correct the rules or name further global_keys=."
            )
        )
    elif effective < min(_FEW, n / 4):
        warn_at_caller(
            LowEfficiencyWarning(
                f"{n:,} weighted draws count as {effective:.0f} independent "
                "ones, so their means and widths are uncertain. Pass a larger "
                "n_samples=, n_inner= or n_rounds=, or train the estimator "
                "further."
            )
        )


def _possible(log_weights: Float[np.ndarray, " n"]) -> Float[np.ndarray, " n"]:
    """Replace log weights that are not finite by -inf; raise if all are."""
    possible = np.isfinite(log_weights)
    if not possible.any():
        raise ValueError(
            "No proposal has a density above 0 and below infinity. Check "
            "log_density_fn, and whether the estimator's draws are near the "
            "posterior."
        )
    return np.where(possible, log_weights, -np.inf)


def _truncated(log_weights: Float[np.ndarray, " n"]) -> Float[np.ndarray, " n"]:
    """Truncate weights at their sum divided by ``sqrt(n)``; return the logs."""
    most = logsumexp(log_weights) - np.log(len(log_weights)) / 2
    return np.minimum(log_weights, np.float32(most))


def _tempered(
    log_weights: Float[np.ndarray, " n"], n_values: int
) -> Float[np.ndarray, " n"]:
    """Return weights, tempered until the effective sample size suffices."""
    log_weights = log_weights - log_weights.max()
    enough = min(_ENOUGH * n_values, np.isfinite(log_weights).sum() / 2)
    while True:
        weights = np.exp(log_weights)
        weights = weights / weights.sum()
        if effective_number(weights) >= enough:
            return weights
        log_weights = log_weights / 2
