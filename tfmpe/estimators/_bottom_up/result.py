"""What bottom-up training returns."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from tfmpe._base.arrays import as_array
from tfmpe._base.errors import raise_faults
from tfmpe._base.trees import flatten_tree, unflatten_tree
from tfmpe.estimators._bottom_up.plates import Plates
from tfmpe.estimators._bottom_up.synthesis import full_tokens
from tfmpe.estimators._bottom_up.truncation import Box
from tfmpe.estimators._conditionals import Conditional
from tfmpe.estimators._training.history import TrainingHistory
from tfmpe.preprocessing import TokenLayout, Tokens
from tfmpe.preprocessing.tokens.known import check_known


@dataclass(frozen=True)
class BottomUpRound:
    """One round of bottom-up training.

    Attributes
    ----------
    box : Box or None
        Where the parameters were drawn; None for the whole prior.
    n_simulations : int
        Simulations of one unit that were made in this round.
    n_in_box : int
        Simulations of this and earlier rounds in the box: those that were
        trained on.
    n_synthetic : int
        Full models with synthetic observations, likewise.
    acceptance : float
        Share of the prior's draws for one unit that were in the box.
    full_acceptance : float
        Share of its draws for the full model.
    likelihood, posterior : TrainingHistory
        Of the two estimators.
    """

    box: Box | None
    n_simulations: int
    n_in_box: int
    n_synthetic: int
    acceptance: float
    full_acceptance: float
    likelihood: TrainingHistory
    posterior: TrainingHistory


@dataclass(frozen=True, repr=False)
class BottomUpResult:
    """Trained estimators, and how they came about.

    Attributes
    ----------
    estimator : FlowMatchingEstimator
        The one that was given, trained for the posterior.
    likelihood : FlowMatchingEstimator
        Trained for the observations of one unit.
    posterior : Conditional
        All parameters, given all observations.
    rounds : sequence of BottomUpRound
    simulations : Tokens
        All simulations of all rounds, each of one unit.
    synthetic : Tokens
        The full models with synthetic observations of the last round.
    plates : Plates
    """

    estimator: Any
    likelihood: Any
    posterior: Conditional
    rounds: Sequence[BottomUpRound]
    simulations: Tokens
    synthetic: Tokens
    plates: Plates

    def observe(self, observed: Any, functional_inputs: Any = None) -> Tokens:
        """Return an observation of the full model as the estimator takes it.

        Parameters
        ----------
        observed : nested dict of arrays, each of shape (*event, *batch)
            All observations.
        functional_inputs : nested dict of arrays, optional
            ``(*event, n_inputs)``, for the same keys as in training.

        Returns
        -------
        Tokens, sample axes (1,)
            Parameters hold 0; the estimator does not read them.

        Raises
        ------
        UnknownKeyError
            If a key does not exist.
        ValueError
            If an observation is missing, or a shape is not that of the full
            model.
        """
        return observed_tokens(
            observed,
            functional_inputs,
            self.posterior.conditioning,
            self.simulations.layout,
            self.plates,
        )

    def __repr__(self) -> str:
        lines = [f"BottomUpResult({self.posterior}, {dict(self.plates.sizes)})"]
        for number, each in enumerate(self.rounds, 1):
            lines += [
                f"  round {number}: {each.n_simulations} simulations of one "
                f"unit, {each.n_synthetic} synthetic full models",
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
    observed: Any,
    functional_inputs: Any,
    names: Sequence[str],
    one: TokenLayout,
    plates: Plates,
) -> Tokens:
    """Build Tokens of an observation; see :meth:`BottomUpResult.observe`."""
    tree = _one_row(observed, "observed")
    given = _check_complete(tree, names)
    tokens = full_tokens(tree, functional_inputs, one, plates, 1, "observed")
    check_known(tokens.select_tokens(given), "Observed values")
    return tokens


def check_observed(
    observed: Any,
    functional_inputs: Any,
    names: Sequence[str],
    plates: Plates,
    batch_ndims: Any,
) -> None:
    """Check what is wrong with an observation whatever one unit looks like.

    Raises
    ------
    ValueError
        If an observation is missing, a plate has another size, or a value or
        functional input is not finite.
    """
    tree = _one_row(observed, "observed")
    _check_complete(tree, names)
    plates.check(tree, plates.sizes, "observed", batch_ndims)
    for values, what in (
        (tree, "Observed values"),
        (
            _one_row(functional_inputs or {}, "observed_inputs"),
            "Observed functional inputs",
        ),
    ):
        if values:
            check_known(Tokens.from_pytree(values, {}, batch_ndims=0), what)


def _check_complete(tree: Any, names: Sequence[str]) -> list[str]:
    """Return the keys of an observation, with all that are wanted."""
    given = [leaf.name for leaf in flatten_tree(tree, "observed")]
    raise_faults(
        ValueError,
        "observed does not fit the model",
        [
            f"{name!r} is missing. Give all of {list(names)}"
            for name in names
            if name not in given
        ],
    )
    return given


def _one_row(tree: Any, what: str) -> Any:
    """Return arrays with a sample axis of size 1."""
    leaves = flatten_tree(tree, what)
    return unflatten_tree(
        [leaf.path for leaf in leaves],
        [
            as_array(leaf.value, f"{what}[{leaf.name!r}]")[None]
            for leaf in leaves
        ],
    )
