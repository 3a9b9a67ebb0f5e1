"""Draws corrected by importance weights, with locals integrated by group."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, SupportsIndex

import jax
import jax.numpy as jnp
import numpy as np
from jax.scipy.special import logsumexp
from jaxtyping import Array, Float, Int

from tfmpe._base.callers import warn_at_caller
from tfmpe._base.keys import key_words
from tfmpe._base.programs import compiled
from tfmpe._base.static import positive
from tfmpe._base.trees import Tree
from tfmpe.estimators._arguments import one_data_set
from tfmpe.estimators._corrected.dependence import unaffected
from tfmpe.estimators._corrected.places import Places, places
from tfmpe.estimators._corrected.student_mixture import (
    StudentMixture,
    systematic,
)
from tfmpe.estimators._types import AnyTokens, PRNGKey
from tfmpe.models import Model
from tfmpe.models.model import NoDensityError
from tfmpe.preprocessing import Standardizer, Tokens
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
    draws = estimator.sample(tokens, key=draw_key, n_samples=n)
    values = standardizer.forward(draws.data, like=view)
    values = np.asarray(values, np.float32).reshape((n, -1))
    own = values[:, np.maximum(found.own, 0)]
    globals_ = values[:, None, found.shared]
    n_shared = np.array([len(found.shared)])
    log_weights, counts = np.zeros(n, np.float32), np.zeros(0, np.float32)
    most = _MOST_ROUNDS if n_rounds is None else positive(n_rounds, "n_rounds")
    effective, best, n_idle = 0.0, np.zeros(2), 0
    for round_key in jax.random.split(key, most):
        weights = _tempered(_truncated(log_weights), globals_.shape[-1])
        globals_, own, log_weights, counts = jax.device_get(
            _weighted(
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
        effective = _effective(_truncated(log_weights))
        efficiency = np.array([effective / n, counts.min(initial=m) / m])
        n_idle = 0 if (efficiency > _GROWTH * best).any() else n_idle + 1
        best = np.maximum(best, efficiency)
        if n_rounds is None and n_idle == _IDLE:
            break
    _warn_if_few(effective, n, counts, m, found)
    log_evidence = float(logsumexp(log_weights)) - float(np.log(n))
    log_weights = _truncated(log_weights)
    log_weights = log_weights - np.float32(logsumexp(log_weights))
    weights = np.exp(log_weights)
    random = np.random.default_rng(key_words(key))
    rows = random.permutation(systematic(weights, n, random.uniform()))
    flat = _flat(globals_[rows, 0], own[rows], found, view.data[0].size)
    standard = flat.reshape((n, *view.data.shape))
    drawn = standardizer.inverse(standard, like=view)[:, 0]
    return CorrectedDraws(
        _rows(view.to_tokens(), n).with_data(drawn),
        log_weights,
        log_evidence,
        effective / n,
        float(counts.min(initial=m)) / m,
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


@compiled()
def _weighted(
    tokens: Tokens,
    standardizer: Standardizer,
    global_proposal: StudentMixture,
    own_proposal: StudentMixture,
    key: PRNGKey,
    *,
    model: Model,
    target: tuple[str, ...],
    shared: tuple[str, ...],
    n: int,
    m: int,
) -> tuple[
    Float[Array, "n 1 shared"],
    Float[Array, "n groups own"],
    Float[Array, " n"],
    Float[Array, " groups"],
]:
    """Return proposals of global values, local draws, log weights, counts.

    The counts are the effective numbers of the local proposals of each group,
    given all global values together.
    """
    found = places(tokens.layout, target, shared)
    view = tokens.select_tokens(target)
    size, n_groups = view.data[0].size, len(found.own)
    global_key, own_key, choice_key = jax.random.split(key, 3)
    globals_ = global_proposal.draw(global_key, n)
    own = own_proposal.draw(own_key, m)
    used = found.own >= 0

    def in_own_units(
        standard: Float[Array, "n size"],
    ) -> tuple[Float[Array, "n size"], Float[Array, "n size"]]:
        """Return values, and the log derivatives of this elementwise map."""
        shape = (len(standard), *view.data.shape[1:])

        def values_of(standard: Array) -> Array:
            rows = _rows(view.to_tokens(), len(standard))
            values = standardizer.inverse(standard.reshape(shape), like=rows)
            return values.reshape(standard.shape)

        ones = jnp.ones_like(standard)
        values, slopes = jax.jvp(values_of, (standard,), (ones,))
        return values, jnp.log(jnp.abs(slopes))

    nothing = jnp.zeros((1, found.shared.size), jnp.float32)
    own_values, slopes = in_own_units(
        _flat(jnp.repeat(nothing, m, 0), own, found, size)
    )
    own_slopes = jnp.where(used[None], slopes[:, np.maximum(found.own, 0)], 0)
    own_density = own_proposal.log_prob(own) - own_slopes.sum(-1)
    global_values, slopes = in_own_units(
        _flat(globals_[:, 0], jnp.repeat(own[:1], n, 0), found, size)
    )
    density = global_proposal.log_prob(globals_)[:, 0]
    density = density - slopes[:, found.shared].sum(-1)

    def with_values(values: Float[Array, "rows size"]) -> Tokens:
        rows = _rows(tokens, len(values)).select_tokens(target)
        return rows.with_data(values.reshape((-1, *view.data.shape[1:])))

    full = with_values(own_values)
    global_trees = with_values(global_values).select_tokens(shared).decode()

    def factors_for(one: Tree) -> dict[str, Array]:
        changed = jax.tree.map(
            lambda leaf: jnp.broadcast_to(leaf, (m, *leaf.shape)), one
        )
        return model.log_factors(full, changed)

    # Computed once, such as the likelihood given local values only.
    names = unaffected(factors_for, jax.tree.map(lambda v: v[0], global_trees))
    fixed = {
        name: factor
        for name, factor in model.log_factors(full).items()
        if name in names
    }

    def weight(
        sums_so_far: tuple[Float[Array, ""], Float[Array, "m groups"]],
        given: tuple[Tree, Float[Array, ""], PRNGKey],
    ) -> tuple[Any, tuple[Float[Array, "groups own"], Float[Array, ""]]]:
        one, density, key = given
        factors = {**factors_for(one), **fixed}
        sums = _sums(factors, full, found.group_of_token, n_groups + 1)
        # NaN where a bijector overflows, far from all draws.
        inner = _or_nothing(sums[:n_groups].T - own_density)
        shares = jax.nn.softmax(inner, 0)
        chances = jnp.cumsum(shares, 0)
        picks = jax.random.uniform(key, (1, n_groups))
        chosen = jnp.minimum((chances < picks).sum(0), m - 1)
        average = logsumexp(inner, axis=0) - np.float32(np.log(m))
        log_weight = _or_nothing(sums[-1, 0] + average.sum() - density)
        most, total = sums_so_far
        possible = jnp.isfinite(log_weight)
        new = jnp.where(possible, jnp.maximum(most, log_weight), most)
        added = jnp.where(possible, jnp.exp(log_weight - new) * shares, 0)
        total = total * jnp.exp(most - new) + added
        return (new, total), (own[chosen, np.arange(n_groups)], log_weight)

    lowest = jnp.finfo(density.dtype).min
    (_, total), (local, log_weights) = jax.lax.scan(
        weight,
        (lowest, jnp.zeros((m, n_groups), density.dtype)),
        (global_trees, density, jax.random.split(choice_key, n)),
    )
    counts = total.sum(0) ** 2 / (total**2).sum(0)
    return globals_, local, log_weights, counts


def _or_nothing(log: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
    """Return log densities, -inf instead of NaN."""
    return jnp.where(jnp.isnan(log), -jnp.inf, log)


def _sums(
    factors: Mapping[str, Array],
    tokens: Tokens,
    groups: Int[np.ndarray, " tokens"],
    n: int,
) -> Float[Array, "groups rows"]:
    """Return the sums of the log factors of the tokens of every group."""
    total = jnp.zeros((n, len(tokens.data)), jnp.float32)
    for name, factor in factors.items():
        if not name:
            raise NoDensityError(
                "The density of the model has no factors for single tokens. "
                "Return a dictionary from log_density_fn."
            )
        own = groups[tokens.layout[name].block]
        by_token = factor.reshape((len(factor), -1)).T
        total = total + jax.ops.segment_sum(by_token, own, n)
    return total


def _rows(tokens: Tokens, n: int) -> Tokens:
    """Return a single row of Tokens ``n`` times."""
    return jax.tree.map(
        lambda leaf: jnp.broadcast_to(leaf, (n, *leaf.shape[1:])), tokens
    )


def _flat(globals_: Any, own: Any, found: Places, size: int) -> Array:
    """Return flattened target tokens from global and local values."""
    used = found.own >= 0
    flat = jnp.zeros((len(globals_), size), jnp.float32)
    flat = flat.at[:, found.shared].set(globals_)
    return flat.at[:, found.own[used]].set(own[:, used])


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


def _effective(log_weights: Float[np.ndarray, " n"]) -> float:
    """Return the effective number of weighted draws (Kish)."""
    return float(
        np.exp(2 * logsumexp(log_weights) - logsumexp(2 * log_weights))
    )


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
        if 1 / np.sum(weights**2) >= enough:
            return weights
        log_weights = log_weights / 2
