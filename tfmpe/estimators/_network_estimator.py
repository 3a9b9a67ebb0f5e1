"""Estimator with one network: training, sampling, log densities."""

import os
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import Any, SupportsFloat, SupportsIndex, TypeVar

import jax
import optax
from jaxtyping import Array, Float

from tfmpe._base.arrays import moves_arrays
from tfmpe._base.callers import warn_at_caller
from tfmpe._base.keys import takes_key
from tfmpe._base.trees import Tree
from tfmpe.estimators._base_estimator import BaseEstimator
from tfmpe.estimators._british_names import both_spellings
from tfmpe.estimators._conditionals import Conditional
from tfmpe.estimators._default_network import describe_network
from tfmpe.estimators._discrete import DiscreteKeys
from tfmpe.estimators._flow.continuous import check_draws
from tfmpe.estimators._flow.vector_field import (
    Network,
    check_network,
    has_parameters,
)
from tfmpe.estimators._own_units import Solvable, draw_tokens, log_density
from tfmpe.estimators._storage.estimator_file import (
    load_estimator,
    save_estimator,
)
from tfmpe.estimators._training.errors import UntrainedWarning
from tfmpe.estimators._training.history import TrainingHistory
from tfmpe.estimators._training.options import LEARNING_RATE, read_options
from tfmpe.estimators._training.prepare import (
    Question,
    Start,
    prepare,
    read_questions,
    simulated,
)
from tfmpe.estimators._training.steps import Loss
from tfmpe.estimators._training_memory import Memory, check_has_values
from tfmpe.estimators._types import (
    AnyTokens,
    BijectorLike,
    PRNGKey,
    Simulations,
    Values,
)
from tfmpe.models import Model
from tfmpe.preprocessing import Standardizer, Tokens, TokenView
from tfmpe.preprocessing.layout.layout import checked_names
from tfmpe.preprocessing.tokens.observed import template_of

Own = TypeVar("Own", bound="NetworkEstimator")
_NETWORK = 2**32 - 2  # For fold_in: the key of initial parameters.


class NetworkEstimator(BaseEstimator):
    """An estimator of conditional distributions with a single network.

    Parameters are those of :class:`FlowMatchingEstimator`. Subclasses define
    the loss, draws and densities, and the default network.
    """

    _kind: str  # The class, in files
    _loss: Callable[..., Loss]
    _solved: Callable[[Any], Solvable]
    _default_network: Callable[..., Network]
    _sigma_min = 0.0

    def __init__(
        self,
        network: Network | None,
        bijectors: Mapping[str, BijectorLike] | None,
        standardize: bool,
        exchangeable: Iterable[str] = (),
        discrete: Iterable[str] = (),
    ) -> None:
        if bijectors and not standardize:
            raise ValueError(
                "bijectors need standardize=True: a standardizer applies them."
            )
        if network is not None:
            check_network(network)
        self.vector_field: Any = network
        self.standardizer: Standardizer | None = None
        self._memory = Memory()
        self._exchangeable = checked_names(exchangeable)
        self._discrete = DiscreteKeys(checked_names(discrete))
        self._bijectors = dict(bijectors or {})
        self._standardize = bool(standardize)

    @both_spellings
    @moves_arrays
    @takes_key
    def fit(
        self,
        data: Simulations | Model,
        target_keys: Iterable[str] | None = None,
        conditioning_keys: Iterable[str] | None = None,
        *,
        key: PRNGKey,
        n_simulations: SupportsIndex | None = None,
        conditionals: Iterable[Question] | None = None,
        validation: SupportsFloat | AnyTokens | None = None,
        optimizer: optax.GradientTransformation | None = None,
        learning_rate: SupportsFloat = LEARNING_RATE,
        n_epochs: SupportsIndex = 100,
        batch_size: SupportsIndex = 128,
        n_noise: SupportsIndex = 1,
        patience: SupportsIndex | None = None,
        progress: bool = False,
        checkpoint: str | os.PathLike[str] | None = None,
        checkpoint_every: SupportsIndex = 10,
        steps_per_epoch: SupportsIndex | None = None,
    ) -> TrainingHistory:
        """Train the network.

        Parameters
        ----------
        data : Model, Tokens, TokenView, StoredDataset, or iterable of Tokens
            A model to simulate from, or simulations. Tokens are shuffled in
            every epoch; batches are used one after another. A stored dataset
            is read in stored order, about 4,096 simulations at a time.
        target_keys, conditioning_keys
            The keys to infer, by default those of the model; and the given
            keys, by default all others.
        key
            PRNG key. Epoch ``i`` depends only on ``key`` and ``i``.
        n_simulations
            Number of simulations to make, if ``data`` is a model.
        conditionals : iterable of (target keys, conditioning keys), optional
            Several pairs of keys, instead of one; every step trains a random
            pair.
        validation
            Validation data, or the fraction of ``data`` to hold out.
        optimizer
            By default Adam with weight decay and a cosine schedule, from the
            ``learning_rate`` to 0 over all epochs. Another optimizer has its
            own rate.
        n_epochs, batch_size
            Maximum number of epochs, and of simulations per step.
        n_noise
            Number of noise draws and times per simulation and step, which share
            one encoding of the conditioning tokens.
        patience
            Stop after this many epochs without a lower validation loss.
        progress
            Show a progress bar of the steps (tqdm, extra ``data``).
        checkpoint
            Folder for a checkpoint every ``checkpoint_every`` epochs. A later
            call continues from it as if training had not been interrupted.
        steps_per_epoch
            Number of steps per epoch, for batches without a length or an end.
            Each epoch continues where the previous one stopped, and starts over
            when the batches end.

        Returns
        -------
        TrainingHistory
            The losses of every epoch.

        Raises
        ------
        TrainingDivergedError
            If a loss is not finite; the message states the step. The parameters
            of the last finished epoch are kept, as after any interruption.
        UnknownKeyError
            If a key does not exist.
        ValueError
            If an argument does not fit the data, a value or functional input
            is not finite or outside the support of a bijector, or the
            checkpoint was written with other settings or data.
        TypeError
            If data are not Tokens, batches can be iterated only once, or an
            argument is not a number.

        Notes
        -----
        With validation data, the parameters with the lowest validation loss
        are kept, otherwise the last ones. Not for use inside ``jit``. A step
        is compiled only once, whatever the learning rate and the numbers of
        epochs and rows; a new optimizer recompiles only its update. The last 32
        programs and the last 8 updates are cached.
        """
        options = read_options(
            validation=validation,
            optimizer=optimizer,
            learning_rate=learning_rate,
            n_epochs=n_epochs,
            batch_size=batch_size,
            n_noise=n_noise,
            patience=patience,
            progress=progress,
            checkpoint=checkpoint,
            checkpoint_every=checkpoint_every,
            steps_per_epoch=steps_per_epoch,
        )
        model, data = simulated(data, n_simulations, key, progress)
        if model is not None and target_keys is None and conditionals is None:
            target_keys = model.target_keys
        loop, reached, start = prepare(
            partial(self._start, model, key),
            data,
            read_questions(data, target_keys, conditioning_keys, conditionals),
            key,
            options,
            self._sigma_min,
            self._loss,
            partial(self._discrete.spread, key=key),
        )
        self.standardizer = loop.standardizer
        self._memory = start.memory
        keep = partial(setattr, self, "vector_field")
        return loop.train(reached, start.field, keep)

    @moves_arrays
    @takes_key
    def sample(
        self,
        tokens: AnyTokens | Tree,
        target_keys: Iterable[str] | None = None,
        conditioning_keys: Iterable[str] | None = None,
        *,
        key: PRNGKey | None,
        n_samples: SupportsIndex = 1,
        functional_inputs: Tree = None,
        groups: Tree = None,
        **options: Any,
    ) -> Tokens:
        """Draw target values for every data set.

        Parameters
        ----------
        tokens : nested dict of arrays, Tokens or TokenView
            Observed values, as for :meth:`condition`; or Tokens with sample
            axes ``(*sample,)``, whose target values are ignored.
        target_keys, conditioning_keys
            By default those of :meth:`fit`. If only ``target_keys`` are
            given, all other keys of Tokens, or all keys of the dictionary, are
            conditioning keys.
        key, n_samples
            See :meth:`ContinuousFlow.sample`.
        functional_inputs, groups
            For observed values; see :meth:`condition`.
        **options
            ``theta_0``, ``solver``, ``n_steps``, ``rtol``, ``atol``,
            ``max_steps``, ``batch_size``, ``progress`` of
            :meth:`ContinuousFlow.sample`; noise and tolerances are in
            standardized units.

        Returns
        -------
        Tokens, sample axes (n_samples, *sample)
            Only the target keys, in original units; ``draws.decode()`` returns
            the tree of arrays.

        Raises
        ------
        UnknownKeyError, ValueError
            See :meth:`ContinuousFlow.sample` and :meth:`condition`;
            ``direction`` is not accepted.
        TypeError
            If ``target_keys`` are neither passed nor remembered.

        Warns
        -----
        UntrainedWarning
            If :meth:`fit` was never called, unless ``standardize`` is False.
        UnlikeTrainingWarning
            If no simulation in training had such keys, numbers of tokens or
            functional inputs.
        """
        if "direction" in options:
            raise ValueError(
                "sample does not accept direction=: an estimator only "
                "transforms noise into values. To transform values of a flow "
                "into noise, pass standardized tokens to ContinuousFlow("
                "estimator.vector_field).sample with direction='backward'."
            )
        tokens, keys = self._memory.read_call(
            tokens, target_keys, conditioning_keys, functional_inputs, groups
        )
        self._memory.warn_of_other_keys(keys)
        self._discrete.check_integers(tokens, keys.conditioning)
        drawn = draw_tokens(
            self._solved(self._field()),
            self.standardizer,
            self._discrete.centered(tokens),
            keys,
            key=key,
            n_samples=n_samples,
            **options,
        )
        return self._discrete.rounded(drawn)

    @moves_arrays
    def log_prob(
        self,
        tokens: AnyTokens | Tree,
        target_keys: Iterable[str] | None = None,
        conditioning_keys: Iterable[str] | None = None,
        *,
        values: Values | None = None,
        functional_inputs: Tree = None,
        groups: Tree = None,
        **options: Any,
    ) -> Float[Array, "*draws"]:
        """Return the log density of target values given the conditioning.

        Parameters
        ----------
        tokens, target_keys, conditioning_keys, functional_inputs, groups
            See :meth:`sample`. Tokens must have the target values, too.
        values
            Target values instead of those in ``tokens``, such as draws; needed
            for a dictionary of observed values.
        **options
            Other arguments of :meth:`ContinuousFlow.log_prob`, such as
            ``progress``.

        Returns
        -------
        Array, shape (*sample,), or (n, *sample) with ``values``
            In nats, for values in original units; -inf outside the support of a
            bijector.

        Raises
        ------
        UnknownKeyError, ValueError, TypeError
            See :meth:`ContinuousFlow.log_prob` and :meth:`sample`.
        """
        check_has_values(tokens, values)
        tokens, keys = self._memory.read_call(
            tokens, target_keys, conditioning_keys, functional_inputs, groups
        )
        self._memory.warn_of_other_keys(keys)
        names = keys.conditioning if values is not None else sum(keys, ())
        self._discrete.check_integers(tokens, names)
        own = values
        if isinstance(own, (Tokens, TokenView)):
            own = own.select_tokens(keys.target).data
        if own is not None:
            view = tokens.select_tokens(keys.target)
            check_draws(own, view)
            own = self._discrete.centered_values(view.layout, own)
        return log_density(
            self._solved(self._field()),
            self.standardizer,
            self._discrete.centered(tokens),
            keys,
            own,
            **options,
        )

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the estimator, without its model, to a safetensors file.

        An existing file is replaced completely or not at all.

        Raises
        ------
        StorageError, ImportError
            If a parameter has a dtype that the file format does not have, or
            safetensors is not installed (extra ``data``).
        FileNotFoundError
            If the folder does not exist.
        """
        settings = {
            "estimator": self._kind,
            "sigma_min": self._sigma_min,
            "standardise": self._standardize,
            "bijectors": [] if self.standardizer else [*self._bijectors],
            "network": describe_network(self.vector_field),
            "discrete": list(self._discrete.names),
        }
        save_estimator(
            path,
            self._untrained_field(),
            self.standardizer,
            self._memory,
            settings,
        )

    @classmethod
    def load(
        cls: type[Own],
        path: str | os.PathLike[str],
        vector_field: Network | None = None,
        *,
        bijectors: Mapping[str, BijectorLike] | None = None,
        model: Model | None = None,
    ) -> Own:
        """Read a file that :meth:`save` wrote.

        Parameters
        ----------
        path
            The file.
        vector_field
            A network of the same architecture, which is not changed; not needed
            for networks of ``tfmpe.nn``.
        bijectors
            The bijectors of the stored estimator: functions are not stored. A
            few of their values are, and are compared.
        model
            The model of the stored estimator, if it had one; its bijectors are
            the default.

        Raises
        ------
        FileNotFoundError, StorageError
            If the file does not exist, is damaged or of another estimator, or
            has another architecture or other bijectors; if keys used in
            training are missing from the model.
        TypeError
            If ``vector_field`` is not a network.
        """
        if vector_field is not None:
            check_network(vector_field)
        if bijectors is None and model is not None:
            bijectors = model.bijectors
        found, standardizer, memory, settings = load_estimator(
            path, vector_field, bijectors, model, kind=cls._kind
        )
        estimator = cls(
            found, bijectors=bijectors, standardize=settings["standardise"]
        )
        estimator._discrete = DiscreteKeys(tuple(settings["discrete"]))
        estimator._sigma_min = settings["sigma_min"]
        estimator.standardizer = standardizer
        estimator._memory = memory
        return estimator

    @property
    def standardiser(self) -> Standardizer | None:
        """The standardizer, in British spelling."""
        return self.standardizer

    @property
    def discrete(self) -> tuple[str, ...]:
        """Names of the keys with integer values."""
        return self._discrete.names

    def _untrained_field(self) -> Network:
        """Return the network, trained or not; raise if there is none."""
        if self.vector_field is None:
            raise ValueError(
                "The estimator has no network before training. Call fit "
                "first, or build it with a vector field."
            )
        return self.vector_field

    def _field(self) -> Network:
        """Return the network; warn if it was never trained."""
        field = self._untrained_field()
        trained = self.standardizer is not None or not self._standardize
        # A field without parameters, such as a function, needs no training.
        if not trained and has_parameters(field):
            warn_at_caller(
                UntrainedWarning(
                    "This estimator was never trained: its results are those "
                    "of an untrained network, in standardized units. Call fit "
                    "first, or build it with standardize=False."
                )
            )
        return field

    def _standardizer_for(
        self, model: Model | None, tokens: Tokens
    ) -> Standardizer | None:
        """Return the standardizer, fitted if there is none yet."""
        if self.standardizer is not None or not self._standardize:
            return self.standardizer
        bijectors = self._bijectors or (model.bijectors if model else {})
        return Standardizer.fit(tokens, bijectors=bijectors)

    def _start(
        self,
        model: Model | None,
        key: PRNGKey,
        tokens: Tokens,
        conditionals: tuple[Conditional, ...],
    ) -> Start:
        """Return the field, standardizer and memory to train with."""
        field = self.vector_field
        targets = dict.fromkeys(n for each in conditionals for n in each.target)
        self._discrete.warn_others(tokens, targets)
        model_sets = model.exchangeable if model else ()
        if field is None:
            field = self._default_network(
                tokens,
                targets,
                dict.fromkeys(self._exchangeable + model_sets),
                jax.random.fold_in(key, _NETWORK),
            )
        standardizer = self._standardizer_for(model, tokens)
        memory = Memory(conditionals, template_of(tokens), model)
        return Start(field, standardizer, memory)
