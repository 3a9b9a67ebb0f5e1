"""The estimator: train on Tokens, then draw and evaluate densities."""

import math
import os
from collections.abc import Iterable, Mapping
from typing import Any, SupportsFloat, SupportsIndex

import jax
import jax.numpy as jnp
import numpy as np

from tfmpe._base.arrays import moves_arrays, on_host
from tfmpe._base.callers import warn_at_caller
from tfmpe._base.spelling import both_spellings
from tfmpe.estimators._arguments import real_number
from tfmpe.estimators._conditionals import read_conditional
from tfmpe.estimators._flow.continuous import ContinuousFlow
from tfmpe.estimators._flow.vector_field import (
    check_field,
    split_field,
    with_arrays,
)
from tfmpe.estimators._storage.estimator_file import (
    load_estimator,
    save_estimator,
)
from tfmpe.estimators._support import in_own_units, inside
from tfmpe.estimators._training.data import standardized
from tfmpe.estimators._training.errors import UntrainedWarning
from tfmpe.estimators._training.fit import prepare, read_questions
from tfmpe.estimators._training.history import TrainingHistory
from tfmpe.estimators._training.loss import SIGMA_MIN
from tfmpe.estimators._training.options import read_options
from tfmpe.preprocessing import Standardizer, Tokens, TokenView
from tfmpe.preprocessing.tokens.known import check_known


class FlowMatchingEstimator:
    """Learns conditional distributions of Tokens by flow matching.

    Parameters
    ----------
    vector_field : VectorField
        What is trained: a flax NNX module such as
        ``tfmpe.nn.Transformer``, or any pytree of arrays that can be called.
        It is left as it is; the trained one is an attribute.
    bijectors : mapping of str to bijector, optional
        For keys with bounded values; see :meth:`tfmpe.Standardizer.fit`.
    standardize : bool
        Whether to train on values of mean 0 and standard deviation 1. The
        moments are those of the first data that :meth:`fit` sees.
    sigma_min : float
        Width of the flow around a value, in standardized units.

    Attributes
    ----------
    vector_field : VectorField
    standardizer : Standardizer or None
        None before training, or if ``standardize`` is False.

    Notes
    -----
    Target and conditioning keys are chosen by every call. A network answers
    well those questions that it was trained for; :meth:`fit` takes several.

    Source: Lipman et al., 2023; for inference Wildberger et al., 2023.

    Examples
    --------
    >>> import jax
    >>> from flax import nnx
    >>> from tfmpe import generate_static_dataset
    >>> from tfmpe.nn import Transformer, TransformerConfig
    >>> def prior(key, n):
    ...     return {"mu": jax.random.normal(key, (n, 1, 1))}
    >>> def simulator(key, parameters):
    ...     noise = jax.random.normal(key, (*parameters["mu"].shape[:1], 3, 1))
    ...     return {"obs": parameters["mu"] + noise}
    >>> tokens = generate_static_dataset(
    ...     jax.random.key(0), prior, simulator, None, {}, 64
    ... )
    >>> config = TransformerConfig(
    ...     8, n_heads=2, n_encoder_layers=0, n_decoder_layers=1
    ... )
    >>> network = Transformer.for_tokens(
    ...     tokens, config, rngs=nnx.Rngs(0), exchangeable=["obs"]
    ... )
    >>> estimator = FlowMatchingEstimator(network)
    >>> history = estimator.fit(
    ...     tokens, ["mu"], ["obs"], key=jax.random.key(1), n_epochs=2
    ... )
    >>> draws = estimator.sample(
    ...     tokens, ["mu"], ["obs"], key=jax.random.key(2), n_samples=10
    ... )
    >>> draws.decode()["mu"].shape
    (10, 64, 1, 1)
    """

    @both_spellings
    def __init__(
        self,
        vector_field: Any,
        *,
        bijectors: Mapping[str, Any] | None = None,
        standardize: bool = True,
        sigma_min: float = SIGMA_MIN,
    ) -> None:
        if bijectors and not standardize:
            raise ValueError(
                "bijectors are applied by the standardizer: leave "
                "standardize=True, or map the values before."
            )
        if not isinstance(standardize, (bool, np.bool_)):
            raise TypeError(
                f"standardize is {standardize!r}, expected True or False."
            )
        self.vector_field = check_field(vector_field)
        self.standardizer: Any = None
        self._bijectors = dict(bijectors or {})
        self._standardize = bool(standardize)
        self._sigma_min = real_number(sigma_min, "sigma_min")
        if not 0 <= self._sigma_min < math.inf:
            raise ValueError(
                f"sigma_min is {sigma_min}, expected 0 or more, such as "
                f"{SIGMA_MIN}."
            )

    @both_spellings
    @moves_arrays
    def fit(
        self,
        data: Any,
        target_keys: Iterable[str] | None = None,
        conditioning_keys: Iterable[str] | None = None,
        *,
        key: Any,
        conditionals: Iterable[Any] | None = None,
        validation: Any = None,
        optimizer: Any = None,
        learning_rate: SupportsFloat = 1e-3,
        n_epochs: SupportsIndex = 100,
        batch_size: SupportsIndex = 128,
        n_noise: SupportsIndex = 1,
        patience: SupportsIndex | None = None,
        progress: bool = False,
        checkpoint: str | os.PathLike[str] | None = None,
        checkpoint_every: SupportsIndex = 10,
        steps_per_epoch: SupportsIndex | None = None,
    ) -> TrainingHistory:
        """Train the vector field.

        Parameters
        ----------
        data : Tokens, TokenView, StoredDataset, or iterable of Tokens
            Simulations. Tokens are trained on in one compiled loop per
            epoch; batches, as of a :class:`TokenGenerator`, one by one, and
            anew in every epoch. Of a stored dataset some thousand rows are
            in memory at a time, in the order in which they are stored.
        target_keys : sequence of str, optional
            What is inferred.
        conditioning_keys : sequence of str, optional
            What is given; by default all other keys.
        key : key array
            Everything random follows from it, in epoch ``i`` from it and
            ``i`` alone.
        conditionals : iterable of (target keys, conditioning keys), optional
            Several questions, instead of the two arguments above. Every
            batch is trained on one of them, chosen at random.
        validation : float, Tokens or None
            Simulations to validate with, or the share of ``data`` to set
            aside for it.
        optimizer : optax.GradientTransformation, optional
            By default Adam with weight decay and a cosine schedule over all
            epochs.
        learning_rate : float
            Of the default optimizer.
        n_epochs : int
            Passes through the data, at most.
        batch_size : int
            Rows of a step, at most those of the data or its first batch. Any
            number of rows will do: the last batch is filled up with rows
            that do not count.
        n_noise : int
            Noises and times for every row in a step. The conditioning is
            encoded once for all of them.
        patience : int, optional
            Stop after so many epochs without a lower validation loss.
        progress : bool
            Show a progress bar (tqdm, extra ``data``).
        checkpoint : path, optional
            A folder. What it holds of the same training is continued,
            exactly as if it had not been interrupted.
        checkpoint_every : int
            Epochs between checkpoints; there is one at the end too.
        steps_per_epoch : int, optional
            Steps of an epoch, for batches that have no length or no end:
            every epoch goes on where the last one stopped, and begins anew
            where there are no more.

        Returns
        -------
        TrainingHistory

        Raises
        ------
        TrainingDivergedError
            If a loss is not finite; names the step. The parameters of the
            last finished epoch are kept, as they are if training is
            interrupted in another way.
        UnknownKeyError
            If a key does not exist.
        ValueError
            If an argument does not fit the data, values or functional
            inputs of the keys asked about are NaN, infinite or outside the
            support of a bijector, or the checkpoint comes from a training
            with other settings or data.
        TypeError
            If data are no Tokens, batches can be gone through only once, or an
            argument is not a number; a bool is none.

        Notes
        -----
        With validation data the parameters of the lowest validation loss
        are kept, else the last ones. Not for use inside ``jit``.

        Compiled programs are kept for the next call: those of the last 8
        combinations of optimizer, architecture, layout and shapes, or of 32
        where data come in batches.
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
        asked = read_questions(target_keys, conditioning_keys, conditionals)
        loop, reached = prepare(
            self.vector_field,
            self._fit_standardizer,
            data,
            asked,
            key,
            options,
            self._sigma_min,
        )
        self.standardizer = loop.standardizer
        try:
            for progressed in loop.epochs(reached):
                reached = progressed
        finally:
            self.vector_field = with_arrays(
                self.vector_field, reached.best, reached.others
            )
        return reached.history

    @moves_arrays
    def sample(
        self,
        tokens: Any,
        target_keys: Iterable[str],
        conditioning_keys: Iterable[str] | None = None,
        *,
        key: Any,
        n_samples: SupportsIndex = 1,
        **options: Any,
    ) -> Tokens:
        """Draw target values for every sample of the tokens.

        Parameters
        ----------
        tokens : Tokens or TokenView, sample axes (*sample,)
            Holds the conditioning values; those of the target are not read.
        target_keys, conditioning_keys, key, n_samples
            As of :meth:`ContinuousFlow.sample`.
        **options
            ``theta_0``, ``solver``, ``n_steps``, ``rtol``, ``atol``,
            ``max_steps``, ``batch_size`` of :meth:`ContinuousFlow.sample`;
            noise and tolerances are in standardized units.

        Returns
        -------
        Tokens, sample axes (n_samples, *sample)
            Of the target keys alone, in their own units;
            ``draws.decode()`` gives the tree of arrays.

        Raises
        ------
        UnknownKeyError, ValueError
            As :meth:`ContinuousFlow.sample`, and if a direction is given.

        Warns
        -----
        UntrainedWarning
            If :meth:`fit` was never called, unless ``standardize`` is False.
        """
        if "direction" in options:
            raise ValueError(
                "An estimator draws in one direction, from noise to values. "
                "For the way back give standardized tokens to "
                "ContinuousFlow(estimator.vector_field).sample."
            )
        self._warn_untrained()
        keys = read_conditional(tokens.layout, target_keys, conditioning_keys)
        draws = ContinuousFlow(self.vector_field).sample(
            standardized(tokens, self.standardizer, keys.conditioning),
            *keys,
            key=key,
            n_samples=n_samples,
            **options,
        )
        view = tokens.select_tokens(keys.target)
        if self.standardizer is not None:
            draws = self.standardizer.inverse(draws, like=view)
        sample_shape = draws.shape[:-2]
        return Tokens(
            draws,
            view.layout,
            _repeat(view.functional_inputs, sample_shape, 2),
            _repeat(view.padding, sample_shape, 1),
        )

    @moves_arrays
    def log_prob(
        self,
        tokens: Any,
        target_keys: Iterable[str],
        conditioning_keys: Iterable[str] | None = None,
        *,
        values: Any = None,
        **options: Any,
    ) -> Any:
        """Return the log density of target values given the conditioning.

        Parameters
        ----------
        tokens, target_keys, conditioning_keys
            As of :meth:`ContinuousFlow.log_prob`.
        values : array or Tokens, optional
            Target values instead of those in ``tokens``, such as draws:
            ``(n, *sample, n_target_tokens, width)``.
        **options
            ``exact``, ``n_probes``, ``probes``, ``key``, ``solver``,
            ``n_steps``, ``rtol``, ``atol``, ``max_steps``, ``batch_size``
            of :meth:`ContinuousFlow.log_prob`.

        Returns
        -------
        Array, shape (*sample,), or (n, *sample) with ``values``
            In nats, of values in their own units; -inf outside the support
            of a bijector.

        Raises
        ------
        UnknownKeyError, ValueError
            As :meth:`ContinuousFlow.log_prob`.
        """
        keys = read_conditional(tokens.layout, target_keys, conditioning_keys)
        if isinstance(values, (Tokens, TokenView)):
            values = values.select_tokens(keys.target).data
        self._warn_untrained()
        flow = ContinuousFlow(self.vector_field)
        if self.standardizer is None:
            return flow.log_prob(tokens, *keys, values=values, **options)
        view = tokens.select_tokens(keys.target)
        if values is None:
            check_known(view, "Values whose density is asked for")
        own = view.data if values is None else values
        # NaN marks what lies outside the support of a bijector.
        with jax.debug_nans(False):
            standard = self.standardizer.forward(own, like=view)
            change = self.standardizer.log_det(own, like=view)
        standard, outside = inside(
            own, standard, view.value_mask, one_draw=values is None
        )
        density = flow.log_prob(
            standardized(tokens, self.standardizer, keys.conditioning),
            *keys,
            values=standard,
            **options,
        )
        return in_own_units(density, change, outside, one_draw=values is None)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write parameters and standardizer to a safetensors file.

        Parameters
        ----------
        path : path
            The file; one that exists is replaced, whole or not at all.

        Raises
        ------
        StorageError
            If a parameter has a dtype that the file cannot hold.
        ImportError
            If safetensors is not installed (extra ``data``).
        """
        settings = {
            "sigma_min": self._sigma_min,
            "standardise": self._standardize,
            "bijectors": [] if self.standardizer else [*self._bijectors],
        }
        save_estimator(path, self.vector_field, self.standardizer, settings)

    @classmethod
    def load(
        cls,
        path: str | os.PathLike[str],
        vector_field: Any,
        *,
        bijectors: Mapping[str, Any] | None = None,
    ) -> "FlowMatchingEstimator":
        """Read an estimator that :meth:`save` has written.

        Parameters
        ----------
        path : path
            The file.
        vector_field : VectorField
            Of the same architecture; it is left as it is.
        bijectors : mapping of str to bijector, optional
            Those that the estimator was built with: functions are not
            stored.

        Returns
        -------
        FlowMatchingEstimator

        Raises
        ------
        FileNotFoundError
            If there is no file.
        StorageError
            If it is no such file, is damaged, or holds another architecture
            or other bijectors.
        """
        vector_field, standardizer, settings = load_estimator(
            path, vector_field, bijectors
        )
        estimator = cls(
            vector_field,
            bijectors=bijectors,
            standardize=settings["standardise"],
            sigma_min=settings["sigma_min"],
        )
        estimator.standardizer = standardizer
        return estimator

    @property
    def standardiser(self) -> Any:
        """The standardizer, in another spelling."""
        return self.standardizer

    def _warn_untrained(self) -> None:
        if self.standardizer is not None or not self._standardize:
            return
        # A field without parameters, such as a function, is as it should be.
        if jax.tree.leaves(split_field(self.vector_field).parameters):
            warn_at_caller(
                UntrainedWarning(
                    "This estimator was never trained: it answers in "
                    "standardized units, as its network was made. Call fit "
                    "first, or build it with standardize=False."
                )
            )

    def _fit_standardizer(self, tokens: Any) -> Any:
        """Return the standardizer, fitted to the first tokens ever seen."""
        if self.standardizer is None and self._standardize:
            return Standardizer.fit(tokens, bijectors=self._bijectors)
        return self.standardizer


def _repeat(array: Any, sample_shape: tuple[int, ...], n_axes: int) -> Any:
    """Repeat an array of the tokens for every draw; on the host for free."""
    if array is None:
        return None
    xp = np if on_host([array]) else jnp
    return xp.broadcast_to(array, (*sample_shape, *array.shape[-n_axes:]))
