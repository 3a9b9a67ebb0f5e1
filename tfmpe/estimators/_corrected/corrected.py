"""Draws corrected by importance weights and Markov chain steps."""

import warnings
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, SupportsIndex

import jax
import numpy as np
from jax.scipy.special import logsumexp
from jaxtyping import Float

from tfmpe._base.callers import warn_at_caller
from tfmpe._base.keys import takes_key
from tfmpe._base.static import positive
from tfmpe._base.trees import Tree
from tfmpe.estimators._arguments import one_data_set
from tfmpe.estimators._corrected.places import Places, places
from tfmpe.estimators._corrected.rounds import (
    ENOUGH,
    Adapted,
    adapted,
    truncated,
)
from tfmpe.estimators._corrected.weights import repeated
from tfmpe.estimators._training.errors import UnlikeTrainingWarning
from tfmpe.estimators._types import AnyTokens, PRNGKey
from tfmpe.models import Model
from tfmpe.models.model import NoDensityError
from tfmpe.preprocessing import Tokens
from tfmpe.preprocessing.layout.layout import checked_names

_OWN_DRAWS, _INNER = 50_000, (100, 2_000)
"""Number of local draws of all groups, and its bounds for each of them."""

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


@takes_key
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
    Each round moves all draws by steps of a Markov chain with the posterior as
    its target, fits proposals to them, and weights and resamples the proposals.
    Rounds are combined after the last one that raised an efficiency; the chain
    moves the result once more, so that draws from few proposals differ.

    Proposals are mixtures of Student t distributions at some of the draws,
    in standardized, unbounded units: one mixture for all global values, and one
    for the local values of every group. With global values ``g``, the weight is
    ``p(g)`` times, for every group, the average of ``p(l, y | g) / q(l)`` over
    proposals ``l`` of its local values, divided by ``q(g)``. All ``g`` share
    these proposals, so that their errors mostly cancel, and the variance of
    weights does not grow with the number of groups. No weight counts for more
    than ``sqrt(n_samples)`` times the mean weight, which matters where
    proposals miss a part of the posterior.

    Asymptotically exact as ``n_samples`` and ``n_inner`` grow; a low efficiency
    shows that the proposals do not cover the posterior. Not for use inside
    ``jit``. Sources: Tran et al., 2021 (weights with integrated local values);
    Cappé et al., 2008 (adapted proposals); Ionides, 2008 (truncated weights);
    ter Braak, 2006 (chain).
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
    first_key, key = jax.random.split(key)
    with warnings.catch_warnings():
        # Draws that are wrong for this reason are corrected as well.
        warnings.simplefilter("ignore", UnlikeTrainingWarning)
        draws = estimator.sample(tokens, key=first_key, n_samples=n)
    values = standardizer.forward(draws.data, like=view)
    values = np.asarray(values, np.float32)
    state = adapted(
        tokens,
        standardizer,
        values.reshape((n, -1)),
        key,
        model=model,
        target=target,
        shared=shared,
        m=m,
        n_rounds=n_rounds,
    )
    if state.effective < min(_FEW, n / 4):
        _warn_of_few(state, n, m, found)
    standard = state.values.reshape((n, *view.data.shape))
    log_weights = truncated(state.log_weights)
    return CorrectedDraws(
        repeated(view.to_tokens(), n).with_data(
            standardizer.inverse(standard, like=view)[:, 0]
        ),
        log_weights - np.float32(logsumexp(log_weights)),
        float(logsumexp(state.log_weights)) - float(np.log(n)),
        state.n_globals / n,
        float(state.counts.min(initial=m)) / m,
    )


def _warn_of_few(state: Adapted, n: int, m: int, found: Places) -> None:
    """Warn that few local proposals of a group, or few draws, count."""
    counts = state.counts
    few = counts < min(ENOUGH, m / 2)
    if few.any():
        worst = np.flatnonzero(few)[counts[few].argmin()]
        warn_at_caller(
            LowEfficiencyWarning(
                f"In {few.sum()} of {len(few)} groups, few local proposals "
                f"count: {counts[worst]:.1f} of {m} in a group of "
                f"{found.n_own[worst]} values. The draws may not be those of "
                "the posterior, and log_evidence is unreliable. Train the "
                "estimator further; pass a larger n_inner=; or, if rules do "
                "not separate groups that are independent given the global "
                "keys, correct the rules or name further global_keys=."
            )
        )
    else:
        number = state.effective or state.n_globals
        warn_at_caller(
            LowEfficiencyWarning(
                f"{n:,} weighted draws count as {number:.0f} independent "
                "ones, so their means and widths are uncertain. Pass a larger "
                "n_samples=, n_inner= or n_rounds=, or train the estimator "
                "further."
            )
        )
