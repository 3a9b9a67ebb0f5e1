"""Training of a hierarchical model on simulations of its units."""

import copy
import os
from collections.abc import Callable, Iterable, Mapping
from typing import Any, SupportsFloat, SupportsIndex

from tfmpe._base.arrays import moves_arrays
from tfmpe._base.keys import key_words, takes_key
from tfmpe._base.static import positive
from tfmpe.estimators._arguments import positive_or_none, real_number
from tfmpe.estimators._bottom_up.folder import Folder, fingerprint
from tfmpe.estimators._bottom_up.plated_model import PlatedModel
from tfmpe.estimators._bottom_up.plates import Plates
from tfmpe.estimators._bottom_up.result import BottomUpResult
from tfmpe.estimators._bottom_up.rounds import Rounds
from tfmpe.estimators._bottom_up.scheme import (
    Options,
    Scheme,
    read_fit,
    read_sample,
)
from tfmpe.estimators._network_estimator import NetworkEstimator
from tfmpe.estimators._types import ArrayTree, PerKey, PRNGKey, Rules
from tfmpe.preprocessing import Independence
from tfmpe.preprocessing.layout.layout import checked_names


@moves_arrays
@takes_key
def train_bottom_up(
    estimator: NetworkEstimator,
    prior_fn: Callable[..., ArrayTree],
    simulator_fn: Callable[..., ArrayTree],
    *,
    key: PRNGKey,
    plates: Mapping[str, Iterable[str]],
    sizes: Mapping[str, SupportsIndex],
    independence: Rules,
    n_simulations: SupportsIndex,
    n_synthetic: SupportsIndex | None = None,
    n_rounds: SupportsIndex = 1,
    observed: ArrayTree | None = None,
    observed_inputs: ArrayTree | None = None,
    functional_input_fn: Callable[..., ArrayTree] | None = None,
    likelihood: NetworkEstimator | None = None,
    likelihood_options: Mapping[str, Any] | None = None,
    sample_options: Mapping[str, Any] | None = None,
    truncate: Iterable[str] | None = None,
    margin: SupportsFloat = 0.2,
    n_draws: SupportsIndex = 1000,
    min_acceptance: SupportsFloat = 1e-3,
    simulation_batch_size: SupportsIndex | None = None,
    batch_ndims: PerKey = None,
    labels: Mapping[str, SupportsIndex] | None = None,
    progress: bool = False,
    checkpoint: str | os.PathLike[str] | None = None,
    **fit_options: Any,
) -> BottomUpResult:
    """Learn the posterior of a model of many units by simulating one at a time.

    Use it if simulating all units together is expensive. Every round has four
    stages:

    1. parameters of one unit of every plate are drawn from the prior, and
       its observations are simulated;
    2. ``likelihood`` is trained for p(observations | parameters) on these
       simulations;
    3. parameters of the full model are drawn from the prior, and the
       observations of every unit from the likelihood, with separate noise;
    4. ``estimator`` is trained for p(parameters | observations) on these full
       models and on the simulations of one unit.

    From the second round on, prior draws are kept only if they lie in the box
    that posterior draws given ``observed`` span. Simulations of earlier rounds
    in the box are used for training as well.

    Parameters
    ----------
    estimator
        The estimator to train for the posterior; its network must know all
        keys.
    prior_fn
        ``prior_fn(key, n, sizes)`` returns a dictionary of ``n`` parameter
        samples, each array of shape ``(n, *event, *batch)``, for the plate
        sizes in the dictionary ``sizes``.
    simulator_fn
        ``simulator_fn(key, parameters)`` returns a dictionary of
        observations for parameters of one unit; with
        ``functional_input_fn`` it is called as
        ``simulator_fn(key, parameters, functional_inputs)``.
    key
        PRNG key. Round ``i`` depends only on ``fold_in(key, i)``, and each of
        its stages on a ``fold_in`` of that key.
    plates
        For every key, the names of the leading event axes along which units
        are independent given the parameters, outermost first; ``()`` if there
        are none. Plates may be nested to any depth, or crossed. Further event
        axes, such as the observations of one unit, need no name.
    sizes
        Number of units of every plate that grows. Other plates keep the size
        that the functions return.
    independence
        Independence rules between the keys of parameters and observations.
    n_simulations
        Simulations of one unit in every round.
    n_synthetic
        Full models with synthetic observations in every round; by default
        ``n_simulations``.
    n_rounds
        Number of rounds.
    observed : nested dict of arrays, each of shape (*event, *batch)
        The observation of all units, required for more than one round.
        It is checked before training, with two simulations.
    observed_inputs : nested dict of arrays, optional
        Functional inputs of the observation, ``(*event, n_inputs)``.
    functional_input_fn
        ``functional_input_fn(key, parameters)`` returns functional inputs for
        as many units as the parameters have: one, or all.
    likelihood
        Another estimator, for the observations of one unit; by default a
        copy of ``estimator``.
    likelihood_options
        Options of ``fit`` that differ for ``likelihood``.
    sample_options
        Options of ``sample``, such as ``n_steps`` and ``batch_size``, for
        synthetic observations and posterior draws.
    truncate
        Parameters that the box bounds; by default all.
    margin
        Distance of the box from the posterior draws on each side, in units
        of their range, dimensionless.
    n_draws
        Number of posterior draws that span the box.
    min_acceptance
        Smallest allowed fraction of prior draws in the box.
    simulation_batch_size
        Number of simulations at a time; by default at most 1,000.
    batch_ndims, labels
        See ``Tokens.from_pytree``.
    progress
        Show progress bars (tqdm, extra ``data``).
    checkpoint
        Folder for finished stages (extra ``data``). Stages of the same run are
        read from it, so that the result is that of an uninterrupted run; a
        larger ``n_rounds`` continues the run. Functions cannot be compared: use
        another folder for other functions.
    **fit_options
        ``n_epochs``, ``batch_size``, ``learning_rate``, ``validation``,
        ``patience`` and others of ``FlowMatchingEstimator.fit``, for both
        estimators in every round.

    Returns
    -------
    BottomUpResult

    Raises
    ------
    ValueError
        If plates and sizes do not fit one another or the arrays that a
        function returns, an argument is out of range, the observation is not
        finite, or the folder belongs to another run.
    TypeError
        If ``fit`` or ``sample`` does not have an option, or an argument is
        not a number; bools are refused.
    RuntimeError
        If too few draws from the prior lie in the box.
    UnknownKeyError
        If a key does not exist.
    TrainingDivergedError
        See :meth:`FlowMatchingEstimator.fit`.

    Notes
    -----
    Synthetic observations are drawn unit by unit, so the likelihood is only
    evaluated for one unit, whatever the sizes. The result is as exact as the
    likelihood if an observation depends only on parameters and observations
    of its own and outer plates. A plate for which this is not true, such as
    the steps of a random walk, must not have a size. ``prior_fn`` must draw a
    unit from the same distribution for all sizes.

    Truncating the prior needs no correction: inside the box the posterior is
    unchanged up to a constant. The box comes from approximate draws, so
    ``margin`` must exceed the error of the previous round. After more than
    one round the posterior is valid only for observations whose parameters
    are likely to be in the last box. Sources: Miller et al., 2021 (truncated
    marginal neural ratio estimation); Deistler et al., 2022 (truncated
    proposals).

    Every round continues the training of both estimators, with values
    standardized anew in its box.

    Not for use inside ``jit``. Legacy: ``train_bottom_up``, whose later
    rounds draw parameters from the posterior without a correction, and whose
    synthetic observations share one noise vector (L19, L26).

    Examples
    --------
    A vector field of two numbers stands in for a network:

    >>> import jax
    >>> import jax.numpy as jnp
    >>> from tfmpe.estimators import FlowMatchingEstimator
    >>> def velocity(weights, target, conditioning, time):
    ...     given = jnp.where(conditioning.value_mask, conditioning.data, 0)
    ...     mean = given.mean((-2, -1), keepdims=True)
    ...     return weights[0] * target.data + weights[1] * mean
    >>> field = jax.tree_util.Partial(velocity, jnp.zeros(2))
    >>> def prior(key, n, sizes):
    ...     mu_key, theta_key = jax.random.split(key)
    ...     mu = jax.random.normal(mu_key, (n, 1, 1))
    ...     noise = jax.random.normal(theta_key, (n, sizes["site"], 1))
    ...     return {"mu": mu, "theta": mu + noise}
    >>> def simulator(key, parameters):
    ...     theta = parameters["theta"][:, :, None]
    ...     shape = (*theta.shape[:2], 2, 1)
    ...     return {"obs": theta + jax.random.normal(key, shape)}
    >>> result = train_bottom_up(
    ...     FlowMatchingEstimator(field),
    ...     prior,
    ...     simulator,
    ...     key=jax.random.key(0),
    ...     plates={"mu": (), "theta": ("site",), "obs": ("site",)},
    ...     sizes={"site": 4},
    ...     independence={"cross_local": [("theta", "obs", (0, 0))]},
    ...     n_simulations=32,
    ...     n_epochs=1,
    ... )
    >>> tokens = result.observe({"obs": jnp.zeros((4, 2, 1))})
    >>> draws = result.estimator.sample(
    ...     tokens, *result.posterior, key=jax.random.key(1), n_samples=10
    ... )
    >>> draws.decode()["theta"].shape
    (10, 1, 4, 1)
    """
    scheme = Scheme(
        positive(n_rounds, "n_rounds"),
        positive(n_simulations, "n_simulations"),
        positive(
            n_simulations if n_synthetic is None else n_synthetic, "n_synthetic"
        ),
        positive(n_draws, "n_draws"),
        real_number(margin, "margin"),
        real_number(min_acceptance, "min_acceptance"),
        None if truncate is None else checked_names(truncate),
        positive_or_none(simulation_batch_size, "simulation_batch_size"),
    )
    scheme.check(observed)
    options = Options(
        read_fit({**fit_options, **(likelihood_options or {})}),
        read_fit(fit_options),
        read_sample(sample_options or {}),
    )
    if likelihood is estimator:
        raise ValueError(
            "likelihood and estimator are the same object, so training one "
            "would undo the other. Omit likelihood to use a copy, or pass an "
            "estimator with a new network."
        )
    if likelihood is None:
        likelihood = copy.copy(estimator)
        likelihood.vector_field = copy.deepcopy(estimator.vector_field)
    known = Plates.read(plates, sizes)
    model = PlatedModel(
        prior_fn,
        simulator_fn,
        functional_input_fn,
        independence,
        batch_ndims,
        labels,
        known,
    )
    folder = Folder(checkpoint)
    rounds = Rounds(
        estimator,
        likelihood,
        model,
        scheme,
        options,
        observed,
        observed_inputs,
        key,
        folder,
        progress,
    )
    settings = {
        **scheme._asdict(),
        "key": key_words(key),
        "plates": dict(known.axes),
        "sizes": dict(known.sizes),
        "independence": repr(Independence.parse(independence)),
        "observed": fingerprint(observed),
        "observed_inputs": fingerprint(observed_inputs),
    }
    # Not compared, because no stage depends on them.
    del settings["n_rounds"], settings["min_acceptance"]
    # Checked first, so that no folder stores a run that cannot work.
    asked = rounds.check()
    folder.begin(settings)
    folder.pin("posterior", estimator)
    folder.pin("likelihood", likelihood)
    return rounds.run(*asked)
