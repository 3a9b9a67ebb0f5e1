"""Training a hierarchical model from simulations of one of its units."""

import copy
import os
from collections.abc import Iterable, Mapping
from typing import Any, SupportsIndex

from tfmpe._base.arrays import moves_arrays
from tfmpe._base.static import static_int
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
from tfmpe.estimators._numbers import real_number
from tfmpe.estimators._storage.checkpoint import key_words
from tfmpe.preprocessing import Independence
from tfmpe.preprocessing.layout.layout import checked_names


@moves_arrays
def train_bottom_up(
    estimator: Any,
    prior_fn: Any,
    simulator_fn: Any,
    *,
    key: Any,
    plates: Mapping[str, Iterable[str]],
    sizes: Mapping[str, SupportsIndex],
    independence: Any,
    n_simulations: SupportsIndex,
    n_synthetic: SupportsIndex | None = None,
    n_rounds: SupportsIndex = 1,
    observed: Any = None,
    observed_inputs: Any = None,
    functional_input_fn: Any = None,
    likelihood: Any = None,
    likelihood_options: Mapping[str, Any] | None = None,
    sample_options: Mapping[str, Any] | None = None,
    truncate: Iterable[str] | None = None,
    margin: float = 0.2,
    n_draws: SupportsIndex = 1000,
    min_acceptance: float = 1e-3,
    simulation_batch_size: SupportsIndex | None = None,
    batch_ndims: Any = None,
    labels: Mapping[str, SupportsIndex] | None = None,
    progress: bool = False,
    checkpoint: str | os.PathLike[str] | None = None,
    **fit_options: Any,
) -> BottomUpResult:
    """Learn the posterior of a model of many units by simulating single ones.

    For models in which simulating all units at once is dear. In every round:

    1. parameters of one unit of every plate are drawn from the prior, and
       its observations are simulated;
    2. ``likelihood`` is trained for p(observations | parameters) on these;
    3. parameters of the full model are drawn from the prior, and
       observations of every unit from the likelihood, each with noise of its
       own;
    4. ``estimator`` is trained for p(parameters | observations) on these and
       on the simulations together.

    From the second round on, draws from the prior are kept only inside the
    box that posterior draws given ``observed`` span, so that training goes
    where it counts. The simulations of earlier rounds that lie in the box are
    trained on as well.

    Parameters
    ----------
    estimator : FlowMatchingEstimator
        To be trained for the posterior; its network must know all keys.
    prior_fn : callable
        ``prior_fn(key, n, sizes)`` returns a dictionary of ``n`` parameter
        samples, each array of shape ``(n, *event, *batch)``, for the sizes
        of the plates in the dictionary ``sizes``.
    simulator_fn : callable
        ``simulator_fn(key, parameters)`` returns a dictionary of
        observations for parameters of one unit; with
        ``functional_input_fn`` it is called as
        ``simulator_fn(key, parameters, functional_inputs)``.
    key : key array
        Everything random follows from it: round ``i`` from
        ``fold_in(key, i)``, and every stage from a ``fold_in`` of that.
    plates : mapping of str to tuple of str
        For every key the names of its leading event axes along which units
        are independent given the parameters, outermost first; ``()`` for
        keys without any. Plates may lie in one another, to any depth, or
        cross. Further event axes, such as the observations of one unit, need
        no name.
    sizes : mapping of str to int
        Units of the plates that grow. Others keep the size that the
        functions give them.
    independence : mapping or Independence
        Rules between the keys of parameters and observations.
    n_simulations : int
        Simulations of one unit in every round.
    n_synthetic : int, optional
        Full models with synthetic observations in every round; by default
        ``n_simulations``.
    n_rounds : int
    observed : nested dict of arrays, each of shape (*event, *batch)
        The observation, all units of it, to focus on. Needed for more than
        one round. It is checked first, its full shape on two simulations.
    observed_inputs : nested dict of arrays, optional
        Its functional inputs, ``(*event, n_inputs)``.
    functional_input_fn : callable, optional
        ``functional_input_fn(key, parameters)`` returns functional inputs
        for one unit or for all, whichever the parameters are of.
    likelihood : FlowMatchingEstimator, optional
        Another estimator, for the observations of one unit; by default a
        copy of ``estimator``.
    likelihood_options : mapping, optional
        Options of ``fit`` that differ for it.
    sample_options : mapping, optional
        Options of ``sample``, such as ``n_steps`` and ``batch_size``, for
        synthetic observations and posterior draws.
    truncate : sequence of str, optional
        Parameters that the box bounds; by default all.
    margin : float
        How much wider the box is on each side than the posterior draws, in
        units of their range, dimensionless.
    n_draws : int
        Posterior draws that span the box.
    min_acceptance : float
        Share of the prior's draws in the box below which to give up.
    simulation_batch_size : int, optional
        Simulations that are made at a time; by default at most 1,000.
    batch_ndims, labels
        As of ``Tokens.from_pytree``.
    progress : bool
        Show progress bars (tqdm, extra ``data``).
    checkpoint : path, optional
        A folder (extra ``data``). Stages that it holds of the same training
        are not done again; the result is that of a training that was not
        interrupted. With a larger ``n_rounds`` it is continued. Functions
        cannot be compared: use another folder for other ones.
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
        If plates and sizes do not fit one another or the arrays of a
        function, an argument is out of range, a value or functional input
        of the observation is not finite, or the folder holds another
        training. Faults of one kind are listed.
    TypeError
        If ``fit`` or ``sample`` has no such option, or an argument is not a
        number; a bool is none.
    RuntimeError
        If too few draws from the prior lie in the box.
    UnknownKeyError
        If a key does not exist.
    TrainingDivergedError
        As of ``fit``.

    Notes
    -----
    Synthetic observations are drawn unit by unit, so the likelihood is never
    asked for more than one unit, whatever the sizes. That is exact, as far
    as the likelihood is, if an observation depends only on parameters and
    observations of its own and outer plates. A plate for which that does not
    hold, such as the steps of a random walk, must have no size. And
    ``prior_fn`` must draw a unit alike whatever the sizes are.

    Truncating the prior needs no correction: inside the box the posterior is
    unchanged up to a constant. It is right where the box holds the posterior
    given ``observed``; the box is that of approximate draws, so ``margin``
    must make up for the error of the round before. After more than one round
    the posterior holds for observations whose parameters are likely to be in
    the last box alone. Sources: Miller et al., 2021 (truncated marginal
    neural ratio estimation); Deistler et al., 2022 (truncated proposals).

    Every round trains both estimators further, standardized anew to the
    values in its box. Synthetic observations are made anew, by the better
    likelihood; simulations of all rounds are kept, and those in the box, all
    of them draws from the truncated prior, are trained on.

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
        static_int(n_rounds, "n_rounds"),
        static_int(n_simulations, "n_simulations"),
        static_int(
            n_simulations if n_synthetic is None else n_synthetic,
            "n_synthetic",
        ),
        static_int(n_draws, "n_draws"),
        real_number(margin, "margin"),
        real_number(min_acceptance, "min_acceptance"),
        None if truncate is None else checked_names(truncate),
        None
        if simulation_batch_size is None
        else static_int(simulation_batch_size, "simulation_batch_size"),
    )
    scheme.check(observed)
    options = Options(
        read_fit({**fit_options, **(likelihood_options or {})}),
        read_fit(fit_options),
        read_sample(sample_options or {}),
    )
    if likelihood is estimator:
        raise ValueError(
            "likelihood and estimator are the same object, which would learn "
            "one and forget the other in turn. Leave likelihood out for a "
            "copy, or give an estimator with a network of its own."
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
        **scheme.settings(),
        "key": key_words(key),
        "plates": {name: list(axes) for name, axes in known.axes.items()},
        "sizes": dict(known.sizes),
        "independence": repr(Independence.parse(independence)),
        "observed": fingerprint(observed),
        "observed_inputs": fingerprint(observed_inputs),
    }
    # Before the folder knows of a training that may be impossible.
    asked = rounds.check()
    folder.begin(settings)
    folder.pin("posterior", estimator)
    folder.pin("likelihood", likelihood)
    return rounds.run(*asked)
