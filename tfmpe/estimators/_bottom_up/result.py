"""Results of bottom-up training."""

import copy
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, SupportsFloat, SupportsIndex

import jax

from tfmpe._base.arrays import as_array, moves_arrays
from tfmpe._base.errors import raise_faults
from tfmpe._base.keys import takes_key
from tfmpe._base.trees import flatten_tree, unflatten_tree
from tfmpe.estimators._arguments import positive, real_number
from tfmpe.estimators._bottom_up.learned_model import learned_model
from tfmpe.estimators._bottom_up.plated_model import PlatedModel
from tfmpe.estimators._bottom_up.plates import Group, Plates
from tfmpe.estimators._bottom_up.proposal import UnitProposal
from tfmpe.estimators._bottom_up.scheme import Options, read_fit
from tfmpe.estimators._bottom_up.synthesis import full_tokens
from tfmpe.estimators._bottom_up.truncation import Box
from tfmpe.estimators._conditionals import Conditional
from tfmpe.estimators._corrected.corrected import CorrectedDraws
from tfmpe.estimators._network_estimator import NetworkEstimator
from tfmpe.estimators._training.history import TrainingHistory
from tfmpe.estimators._types import ArrayTree, PRNGKey
from tfmpe.preprocessing import (
    Standardizer,
    TokenLayout,
    Tokens,
    concatenate_tokens,
)
from tfmpe.preprocessing.tokens.finite import check_known


@dataclass(frozen=True)
class BottomUpRound:
    """One round of bottom-up training.

    Attributes
    ----------
    box
        Bounds of the drawn parameters; None for the whole prior.
    n_simulations
        Simulations of one unit that were made in this round.
    n_in_box
        Simulations of this and earlier rounds in the box, used for training.
    n_synthetic
        Full models with synthetic observations, used for training.
    acceptance
        Fraction of prior draws for one unit that were in the box.
    full_acceptance
        Fraction of prior draws for the full model that were in the box.
    likelihood, posterior
        Losses of the two estimators; ``posterior`` is None in a round of
        :meth:`BottomUpResult.refined`.
    """

    box: Box | None
    n_simulations: int
    n_in_box: int
    n_synthetic: int
    acceptance: float
    full_acceptance: float
    likelihood: TrainingHistory
    posterior: TrainingHistory | None


@dataclass(frozen=True, repr=False)
class BottomUpResult:
    """Trained estimators, and how they were trained.

    Attributes
    ----------
    estimator
        The estimator that was passed, trained for the posterior.
    likelihood
        The estimator trained for the observations of one unit.
    posterior
        Target and conditioning keys: all parameters, all observations.
    rounds
        All rounds, in order.
    simulations
        All simulations of all rounds, each of one unit.
    synthetic
        The full models with synthetic observations of the last round.
    """

    estimator: NetworkEstimator
    likelihood: NetworkEstimator
    posterior: Conditional
    rounds: Sequence[BottomUpRound]
    simulations: Tokens
    synthetic: Tokens
    _groups: tuple[Group, ...]
    _model: PlatedModel
    _options: Options

    @property
    def plates(self) -> Plates:
        """Names and sizes of the plates."""
        return self._model.plates

    def corrected(
        self,
        observed: ArrayTree,
        log_prior_fn: Callable[[ArrayTree], Mapping[str, Any]],
        *,
        key: PRNGKey,
        functional_inputs: ArrayTree | None = None,
        **options: Any,
    ) -> CorrectedDraws:
        """Correct draws of the posterior by the learned likelihood.

        No simulation is made. The only errors left are those of the likelihood,
        which is easier to learn than the posterior of many units.

        Parameters
        ----------
        observed, functional_inputs
            See :meth:`observe`.
        log_prior_fn
            ``log_prior_fn(parameters)`` returns a dictionary of log factors of
            the prior in nats, one ``(n, *event)`` array per key.
        key, **options
            See :func:`corrected`.

        Returns
        -------
        CorrectedDraws
            ``log_evidence`` is the evidence under the learned likelihood.

        Raises
        ------
        UnknownKeyError, ValueError, TypeError
            See :meth:`observe` and :func:`corrected`.

        Notes
        -----
        Computes many densities, so a :class:`DensityEstimator` is the best
        ``likelihood``; densities of a flow take long. Without rules that make
        the observations independent of global keys, a density is computed for
        every pair of global and local draws. Valid for the whole prior: train
        with one round.
        """
        tokens = self.observe(observed, functional_inputs)
        model = learned_model(
            self._model,
            self.likelihood,
            self._groups,
            self.synthetic,
            self.simulations.layout,
            self.posterior.target,
            log_prior_fn,
        )
        return self.estimator.corrected(tokens, key=key, model=model, **options)

    @moves_arrays
    @takes_key
    def refined(
        self,
        draws: CorrectedDraws | Tokens,
        *,
        key: PRNGKey,
        n_simulations: SupportsIndex,
        spread: SupportsFloat = 1.0,
        progress: bool = False,
        **options: Any,
    ) -> "BottomUpResult":
        """Train the likelihood further, with new simulations near draws.

        A likelihood that was learned for the whole prior is often too coarse
        for a narrow posterior. Alternate with :meth:`corrected`, until its
        draws no longer change.

        Parameters
        ----------
        draws
            Draws of all parameters, such as those of :meth:`corrected`.
        key
            PRNG key.
        n_simulations
            Number of new simulations, each of a random unit of a random draw.
        spread
            Standard deviation of the noise that is added to each parameter, in
            standard deviations of the draws, dimensionless. It lets simulations
            reach a posterior that is near the draws, but not among them.
        progress
            Show progress bars (tqdm, extra ``data``).
        **options
            Options of ``fit`` that differ from those used in training.

        Returns
        -------
        BottomUpResult
            With a new ``likelihood``, trained on all simulations so far. The
            posterior ``estimator`` is the same, not trained further.

        Raises
        ------
        ValueError, TypeError, TrainingDivergedError
            If an argument is out of range, or not a number; see
            :meth:`DensityEstimator.fit`.

        Notes
        -----
        Needs no correction, because parameters of any distribution may train a
        likelihood. The new one is meant for this observation, and should not
        be used far from the draws. Not for use inside ``jit``. Source:
        Papamakarios et al., 2019 (sequential neural likelihood).
        """
        n = positive(n_simulations, "n_simulations")
        options = {**self._options.likelihood, **read_fit(options)}
        spread = real_number(spread, "spread")
        if not 0 <= spread < float("inf"):
            raise ValueError(f"spread is {spread}, expected 0 or more.")
        if isinstance(draws, CorrectedDraws):
            draws = draws.draws
        drawn = draws.select_tokens(self.posterior.target).to_tokens()
        standardizer = self.estimator.standardizer or Standardizer.fit(drawn)
        data_key, fit_key = jax.random.split(key)
        new = self._model.simulate(
            data_key,
            n,
            self.posterior.conditioning,
            UnitProposal(drawn, self.plates, standardizer, spread),
            progress=progress,
        )
        simulations = concatenate_tokens(self.simulations, new)
        likelihood = copy.copy(self.likelihood)
        likelihood.standardizer = None
        history = likelihood.fit(
            simulations,
            conditionals=[group.conditional for group in self._groups],
            key=fit_key,
            progress=progress,
            **options,
        )
        n_all = simulations.sample_shape[0]
        made = BottomUpRound(None, n, n_all, 0, 1.0, 1.0, history, None)
        return replace(
            self,
            likelihood=likelihood,
            simulations=simulations,
            rounds=(*self.rounds, made),
        )

    def observe(
        self, observed: ArrayTree, functional_inputs: ArrayTree | None = None
    ) -> Tokens:
        """Return an observation of the full model as Tokens.

        Parameters
        ----------
        observed : nested dict of arrays, each of shape (*event, *batch)
            All observations.
        functional_inputs : nested dict of arrays, optional
            ``(*event, n_inputs)``, for the same keys as in training.

        Returns
        -------
        Tokens, sample axes (1,)
            Parameters are 0, which the estimator ignores.

        Raises
        ------
        UnknownKeyError
            If a key does not exist.
        ValueError
            If an observation is missing, a shape is not that of the full
            model, or a value that the likelihood knows as discrete is not an
            integer.
        """
        names = self.posterior.conditioning
        tokens = observed_tokens(
            observed,
            functional_inputs,
            names,
            self.simulations.layout,
            self.plates,
        )
        self.likelihood._discrete.check_integers(tokens, names)
        return tokens

    def __repr__(self) -> str:
        lines = [f"BottomUpResult({self.posterior}, {dict(self.plates.sizes)})"]
        for number, each in enumerate(self.rounds, 1):
            head = f"  round {number}: {each.n_simulations} simulations of one "
            if each.posterior is None:
                lines += [
                    head + f"unit near draws, {each.n_in_box} in all",
                    f"    likelihood {each.likelihood!r}",
                ]
                continue
            lines += [
                head + f"unit, {each.n_synthetic} synthetic full models",
                f"    likelihood {each.likelihood!r}",
                f"    posterior  {each.posterior!r}, on {each.n_in_box} "
                f"simulations and {each.n_synthetic} synthetic",
            ]
            if each.box is not None:
                lines += [
                    f"    parameters in {each.box!r}: "
                    f"{each.acceptance:.1%} of the prior for one unit, "
                    f"{each.full_acceptance:.1%} for the full model"
                ]
        return "\n".join(lines)


def observed_tokens(
    observed: ArrayTree,
    functional_inputs: ArrayTree | None,
    names: Sequence[str],
    one: TokenLayout,
    plates: Plates,
) -> Tokens:
    """Build Tokens of an observation; see :meth:`BottomUpResult.observe`."""
    tree = _one_row(observed, "observed")
    given = [leaf.name for leaf in flatten_tree(tree, "observed")]
    raise_faults(
        ValueError,
        "observed does not fit the model",
        [
            f"{name!r} is missing. Pass all of {list(names)}"
            for name in names
            if name not in given
        ],
    )
    tokens = full_tokens(tree, functional_inputs, one, plates, 1, "observed")
    check_known(tokens.select_tokens(given), "Observed values")
    return tokens


def _one_row(tree: ArrayTree, what: str) -> ArrayTree:
    """Return arrays with a sample axis of size 1."""
    leaves = flatten_tree(tree, what)
    return unflatten_tree(
        leaves,
        [
            as_array(leaf.value, f"{what}[{leaf.name!r}]")[None]
            for leaf in leaves
        ],
    )
