"""All checks of an estimator at one observation, in one call."""

from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import Any, Protocol, SupportsIndex, runtime_checkable

import jax
import numpy as np

from tfmpe._base.arrays import flatten_samples, moves_arrays
from tfmpe._base.keys import takes_key
from tfmpe._base.static import positive
from tfmpe._base.trees import Tree
from tfmpe.estimators._arguments import one_data_set, own_tokens
from tfmpe.estimators._checks.calibration import MIN_DRAWS, ranks_and_draws
from tfmpe.estimators._checks.uniformity import MIN_SIMULATIONS
from tfmpe.estimators._conditionals import read_conditional, remembered_by
from tfmpe.estimators._types import AnyTokens, PRNGKey, Sampler
from tfmpe.estimators._verdict.arrays import repeated, replaced, values_of
from tfmpe.estimators._verdict.classifier import (
    classifier_findings,
    classifier_tests,
)
from tfmpe.estimators._verdict.density import (
    densities,
    posterior_sbc,
    simulate_from_draws,
    weights_finding,
)
from tfmpe.estimators._verdict.features import data_features
from tfmpe.estimators._verdict.finding import Finding, Outcome, grade, unchecked
from tfmpe.estimators._verdict.local import similar_ranks
from tfmpe.estimators._verdict.material import Material
from tfmpe.estimators._verdict.observation import observation_finding
from tfmpe.estimators._verdict.rank_findings import (
    calibration_findings,
    coverage_findings,
    first_ranks,
    local_finding,
    random_point_finding,
    random_point_ranks,
)
from tfmpe.estimators._verdict.verdict import Verdict
from tfmpe.models import Model
from tfmpe.preprocessing import Tokens, concatenate_tokens
from tfmpe.preprocessing.tokens.finite import check_known

_MORE_SIMULATIONS = 5
_N_SETS, _N_OWN = 100, 1000
_MAX_VALUES = 100


@moves_arrays
@takes_key
def check_posterior(
    estimator: Sampler,
    observed: Tree | AnyTokens,
    target_keys: Iterable[str] | None = None,
    conditioning_keys: Iterable[str] | None = None,
    *,
    key: PRNGKey,
    model: Model | None = None,
    simulations: AnyTokens | None = None,
    n_simulations: SupportsIndex = 200,
    n_samples: SupportsIndex = 99,
    batch_size: SupportsIndex | None = 4096,
    log_densities: bool | None = None,
    density_options: Mapping[str, Any] | None = None,
    progress: bool = False,
    **options: Any,
) -> Verdict:
    """Check an estimator at an observation, and return one verdict.

    Parameters
    ----------
    estimator : FlowMatchingEstimator
        Or another object with the same ``sample`` method, which must work under
        ``vmap``; densities also need the ``log_prob`` method.
    observed
        The observation: Tokens of one data set or, with a ``model``, a
        dictionary of arrays.
    target_keys, conditioning_keys
        See :func:`calibration_ranks`.
    key
        PRNG key.
    model
        Source of fresh simulations, of data simulated from the draws, and of
        densities.
    simulations
        Simulations that the estimator was not trained on, instead of fresh
        ones, with the shapes of the observation; 1,000 are better than 200.
    n_simulations
        Number of simulations to draw for. A model makes five times as many,
        to compare their data with the observation.
    n_samples
        Draws for every simulation, at least 9.
    batch_size
        Number of draws in memory at a time; None for all.
    log_densities
        Whether to compute log densities of the draws, which takes time
        proportional to the number of target values. By default only for at most
        100 values.
    density_options
        Passed to ``estimator.log_prob``, such as ``solver``.
    progress
        Show a progress bar of the simulations (tqdm, extra ``data``).
    **options
        Passed to ``estimator.sample``, such as ``solver``.

    Returns
    -------
    Verdict

    Raises
    ------
    UnknownKeyError
        If a key does not exist.
    ValueError
        If there is neither a model nor simulations, ``observed`` holds several
        data sets or its shapes differ from those of the simulations, a number
        is too small, or a value is not finite.
    TypeError
        If an argument has the wrong type.

    Notes
    -----
    Not for use inside ``jit``. With a correct posterior, 95 of 100 verdicts
    find no fault, whatever the model. The verdict also names the checks that
    could not be made. For the sources, see the functions of each check and "How
    to read the verdict" in the documentation.

    Examples
    --------
    An estimator that knows the posterior of a normal mean:

    >>> import jax
    >>> import jax.numpy as jnp
    >>> from tfmpe.models import Model
    >>> def prior(key, n):
    ...     return {"mu": jax.random.normal(key, (n, 1, 1))}
    >>> def simulator(key, parameters):
    ...     mu = parameters["mu"]
    ...     return {"obs": mu + jax.random.normal(key, (len(mu), 3, 1))}
    >>> class Exact:
    ...     def sample(self, tokens, target, given, *, key, n_samples):
    ...         mean = tokens.select_tokens(["obs"]).data.sum(-2) / 4
    ...         noise = jax.random.normal(key, (n_samples, *mean.shape))
    ...         target = tokens.select_tokens(["mu"]).to_tokens()
    ...         return Tokens((mean + noise / 2)[..., None], target.layout)
    >>> verdict = check_posterior(
    ...     Exact(),
    ...     {"obs": jnp.array([[0.5], [1.0], [1.5]])},
    ...     ["mu"],
    ...     key=jax.random.key(0),
    ...     model=Model(prior, simulator),
    ... )
    >>> verdict
    Verdict(trust: 8 checks found no fault, 2 not made)
    """
    n_samples = positive(n_samples, "n_samples", MIN_DRAWS)
    n_simulations = positive(n_simulations, "n_simulations", MIN_SIMULATIONS)
    simulation_key, rank_key, next_key = jax.random.split(key, 3)
    observed = _one_data_set(observed, model)
    keys = read_conditional(
        observed.layout,
        target_keys,
        conditioning_keys,
        remembered_by(estimator),
    )
    given = observed.select_tokens(keys.conditioning)
    check_known(given, "Observed values")
    if simulations is None:
        simulations = _simulated(
            model, simulation_key, n_simulations * _MORE_SIMULATIONS
        )
    simulations = own_tokens(simulations, "check")
    simulations = flatten_samples(simulations, len(simulations.sample_shape))
    _check_alike(simulations, observed)
    n_simulations = min(n_simulations, simulations.sample_shape[0])

    def rank(rows: Tokens, key: PRNGKey) -> Any:
        return ranks_and_draws(
            estimator,
            rows,
            *keys,
            key=key,
            n_samples=n_samples,
            batch_size=batch_size,
            progress=progress,
            **options,
        )

    # Draws at the observation come from copies of it among the simulations:
    # another call of sample, with other shapes, would have to be compiled.
    first = simulations[:n_simulations]
    n_copies = -(-_N_OWN // n_samples)
    known = values_of(first[np.zeros(n_copies, int)])
    copies = replaced(observed, {name: known[name] for name in keys.target})
    ranks, draws = rank(concatenate_tokens(first, copies), rank_key)
    ranks = first_ranks(ranks, n_simulations)
    draws, own = draws[:n_simulations], draws[n_simulations:]
    own = own.reshape((-1, *own.shape[2:]))[:_N_OWN]
    material = Material(
        keys,
        observed,
        simulations,
        ranks,
        draws,
        repeated(observed, _N_OWN)
        .select_tokens(keys.target)
        .to_tokens()
        .with_data(own),
        data_features(
            simulations.select_tokens(keys.conditioning),
            repeated(observed, 1).select_tokens(keys.conditioning),
        ),
        rank,
        partial(estimator.log_prob, **(density_options or {}))
        if isinstance(estimator, _HasDensity)
        else None,
        next_key,
    )
    return _verdict(material, model, log_densities)


@runtime_checkable
class _HasDensity(Protocol):
    """An object with the ``log_prob`` method of an estimator."""

    @property
    def log_prob(self) -> Callable[..., Any]: ...


def _verdict(
    material: Material, model: Model | None, log_densities: bool | None
) -> Verdict:
    classified = classifier_tests(material)
    simulated, found, weights = None, None, None
    if model is not None:
        simulated = simulate_from_draws(material, model, _N_SETS)
    reason = _why_no_densities(material, model, log_densities)
    if model is not None and not reason:
        found = densities(material, model, _N_SETS)
    results: list[Outcome | Finding] = [
        *calibration_findings(material.ranks),
        *coverage_findings(material.ranks),
        random_point_finding(material),
        *classifier_findings(classified),
        observation_finding(material.features),
    ]
    local = None
    if simulated is not None and found is not None and found.prior is not None:
        local = posterior_sbc(material, simulated, found.prior)
        results.append(local_finding(local, "posterior SBC"))
    else:
        n_similar = len(material.simulations.data) // _MORE_SIMULATIONS
        if n_similar >= MIN_SIMULATIONS:
            local = similar_ranks(material, n_similar)
            results.append(local_finding(local, "similar data"))
        reasons = reason or "The density of the model has no factors per key."
        results.append(unchecked("posterior SBC", reasons))
    if found is None:
        results.append(unchecked("importance weights", reason))
    else:
        finding, weights = weights_finding(found)
        results.append(finding)
    return Verdict(
        grade(results),
        material.observed,
        material.own,
        material.ranks,
        random_point_ranks(material),
        material.features,
        classified,
        local,
        simulated,
        weights,
    )


def _one_data_set(observed: Tree | AnyTokens, model: Model | None) -> Tokens:
    """Return the observation as Tokens without sample axes."""
    if model is not None:
        observed = model.condition(observed)
    tokens = own_tokens(observed, "check without a model")
    if model is not None:
        model.check_arguments(tokens)
    return one_data_set(tokens, "Check")[0]


def _simulated(model: Model | None, key: PRNGKey, n: int) -> Tokens:
    if model is None:
        raise ValueError(
            "check needs a model or simulations to compare with. Train with "
            "fit(model, ...), or pass simulations= that were not used for "
            "training."
        )
    return model.simulate(key, n)


def _check_alike(simulations: Tokens, observed: Tokens) -> None:
    """Raise if simulations have other shapes, groups or fixed inputs."""
    ours, theirs = (
        {key.name: (key.event_shape, key.batch_shape) for key in x.layout.keys}
        for x in (observed, simulations)
    )
    if ours != theirs:
        raise ValueError(
            f"The observed data have the event and batch shapes {ours}, but "
            f"the simulations have {theirs}. Pass a model or simulations of "
            "the observed sizes."
        )
    others = [
        key.name
        for key in observed.layout.keys
        if key.groups != simulations.layout[key.name].groups
    ]
    if others:
        raise ValueError(
            f"The tokens of {others} have other groups than in the "
            "simulations. Pass a model or simulations of the observed groups."
        )
    ours, theirs = observed.functional_inputs, simulations.functional_inputs
    if ours is None or theirs is None:
        return
    same = bool(np.isclose(theirs, theirs[:1], rtol=1e-5).all())
    if same and not np.isclose(theirs[:1], ours, rtol=1e-5).all():
        raise ValueError(
            "The observed data have other functional inputs than the "
            "simulations, which all have the same. Pass simulations with the "
            "inputs of the observation, or a model that draws inputs at random."
        )


def _why_no_densities(
    material: Material, model: Model | None, wanted: bool | None
) -> str:
    """Return why densities are not computed; empty if they are."""
    if model is None:
        return "There is no model, only simulations."
    if not model.has_density:
        return "The model has no density (log_density_fn= of Model)."
    if material.log_prob is None:
        return "The estimator has no method log_prob."
    n_values = int(material.real.sum())
    if wanted is None and n_values > _MAX_VALUES:
        return (
            f"Log densities of {n_values} values take long; pass "
            "log_densities=True for them."
        )
    return "" if wanted is not False else "log_densities is False."
