"""Base class of estimators: keys, model, observed data, checks."""

from collections.abc import Iterable
from typing import Any, SupportsIndex, cast

from tfmpe._base.arrays import moves_arrays
from tfmpe._base.keys import takes_key
from tfmpe._base.trees import Tree
from tfmpe.estimators._corrected.corrected import CorrectedDraws, corrected
from tfmpe.estimators._flow.continuous import ContinuousFlow
from tfmpe.estimators._own_units import check_options
from tfmpe.estimators._training_memory import Memory
from tfmpe.estimators._types import AnyTokens, PRNGKey, Sampler
from tfmpe.estimators._verdict.check import check_posterior
from tfmpe.estimators._verdict.verdict import Verdict
from tfmpe.models import Model
from tfmpe.preprocessing import Tokens


class BaseEstimator:
    """Base of estimators: remembers the keys and the model of ``fit``.

    Subclasses set ``_memory``, and define ``sample`` and ``standardizer``.
    """

    _memory: Memory

    @property
    def target_keys(self) -> tuple[str, ...] | None:
        """The keys that :meth:`fit` learned to infer.

        None before training, and after training for several conditionals.
        """
        return self._memory.only and self._memory.only.target

    @property
    def conditioning_keys(self) -> tuple[str, ...] | None:
        """The conditioning keys of ``fit``; None if ``target_keys`` is None."""
        return self._memory.only and self._memory.only.conditioning

    @property
    def model(self) -> Model | None:
        """The model that was passed to :meth:`fit`, or None."""
        return self._memory.model

    @moves_arrays
    @takes_key
    def check(
        self,
        observed: AnyTokens | Tree,
        target_keys: Iterable[str] | None = None,
        conditioning_keys: Iterable[str] | None = None,
        *,
        key: PRNGKey,
        model: Model | None = None,
        simulations: AnyTokens | None = None,
        functional_inputs: Tree = None,
        groups: Tree = None,
        **options: Any,
    ) -> Verdict:
        """Check the posterior at an observation; return one verdict.

        Parameters
        ----------
        observed, target_keys, conditioning_keys
            One data set, and keys as in :meth:`sample`.
        key
            PRNG key.
        model
            Source of fresh simulations, with the sizes of the observation; by
            default the model that was passed to :meth:`fit`.
        simulations
            Simulations that were not used for training, instead of a model.
        functional_inputs, groups
            For a dictionary of observed values; see :meth:`condition`.
        **options
            Numbers of simulations and draws, and other options of
            :func:`check_posterior`. By default, log densities take 4 solver
            steps, which changes them by about 0.01 nats.

        Returns
        -------
        Verdict
            ``print(verdict.summary())`` shows all findings, with remedies.

        Raises
        ------
        UnknownKeyError, ValueError, TypeError
            See :func:`check_posterior` and :meth:`sample`.
        """
        check_options("check", options, check_posterior, ContinuousFlow.sample)
        options = {"density_options": {"n_steps": 4}} | options
        model = model or self.model
        further = {"functional_inputs": functional_inputs, "groups": groups}
        if model is not None:
            observed = model.condition(observed, **further)
            further = {}
        tokens, keys = self._memory.read_call(
            observed, target_keys, conditioning_keys, **further
        )
        return check_posterior(
            cast(Sampler, self),
            tokens,
            *keys,
            key=key,
            model=model,
            simulations=simulations,
            **options,
        )

    @moves_arrays
    @takes_key
    def corrected(
        self,
        observed: AnyTokens | Tree,
        *,
        key: PRNGKey,
        model: Model | None = None,
        n_samples: SupportsIndex = 1_000,
        **options: Any,
    ) -> CorrectedDraws:
        """Correct the draws of the posterior by the density of the model.

        Parameters
        ----------
        observed, key, model, n_samples, **options
            See :func:`corrected`.

        Returns
        -------
        CorrectedDraws
            Draws, efficiency of their importance weights, and log evidence.

        Raises
        ------
        NoDensityError, ValueError, TypeError
            See :func:`corrected`.
        """
        return corrected(
            self, observed, key=key, model=model, n_samples=n_samples, **options
        )

    def condition(
        self,
        observed: Tree,
        *,
        functional_inputs: Tree = None,
        groups: Tree = None,
    ) -> Tokens:
        """Return Tokens with observed values, to infer the target keys.

        Parameters
        ----------
        observed : nested dict of arrays (*sample, *event, *batch)
            Values of the conditioning keys, also as an xarray Dataset. The
            sample axes count data sets; a single data set needs none. Event
            shapes may differ from those in training: the other keys are resized
            along dimensions that have the same name, or that an independence
            rule matches.
        functional_inputs : nested dict of arrays, optional
            Inputs of the keys that have them; needed if the event shape
            changes, or the inputs differed between simulations.
        groups : tree of dict of int arrays, optional
            Groups of ragged keys whose number of tokens changes.

        Raises
        ------
        UnknownKeyError, ValueError
            If a key does not exist, shapes do not fit, inputs or groups are
            missing, or the estimator was never trained.
        """
        return self._memory.condition(observed, functional_inputs, groups)
