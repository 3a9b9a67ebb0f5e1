"""Flow matching estimator."""

import copy
import math
from collections.abc import Iterable, Mapping
from functools import partial
from typing import SupportsFloat, SupportsIndex

from tfmpe._base.arrays import moves_arrays
from tfmpe._base.keys import takes_key
from tfmpe.estimators._arguments import real_number
from tfmpe.estimators._british_names import both_spellings
from tfmpe.estimators._default_network import default_network
from tfmpe.estimators._flow.continuous import ContinuousFlow
from tfmpe.estimators._flow.vector_field import Field, check_field
from tfmpe.estimators._network_estimator import NetworkEstimator
from tfmpe.estimators._training.loss import SIGMA_MIN, flow_matching_loss
from tfmpe.estimators._training.options import LEARNING_RATE, read_options
from tfmpe.estimators._training.straighten import straightening
from tfmpe.estimators._types import AnyTokens, BijectorLike, PRNGKey


class FlowMatchingEstimator(NetworkEstimator):
    """Learns conditional distributions of Tokens by flow matching.

    Parameters
    ----------
    vector_field
        The field to train: a Flax NNX module such as
        ``tfmpe.nn.Transformer``, or any callable pytree of arrays. It is not
        changed; the trained field is an attribute. By default a transformer
        that :meth:`fit` builds for the layout of its data, see
        :func:`tfmpe.nn.default_config`.
    bijectors
        Bijectors of keys with bounded values; see
        :meth:`tfmpe.Standardizer.fit`.
    standardize
        Whether to train on values standardized to mean 0 and standard deviation
        1, as measured on the first data that :meth:`fit` sees.
    sigma_min
        Standard deviation of the flow around a value at time 1, in standardized
        units.
    exchangeable
        Keys whose tokens have no order, for the default network; see
        :meth:`tfmpe.nn.Transformer.for_tokens`.
    discrete
        Keys with integer values, such as counts, among the target keys. They
        are trained with uniform noise from 0 to 1; draws are rounded down, and
        densities approximate probabilities (Uria et al., 2013).

    Attributes
    ----------
    vector_field : VectorField or None
        None before training without a ``vector_field``.
    standardizer : Standardizer or None
        None before training, or if ``standardize`` is False.

    Notes
    -----
    Target and conditioning keys are remembered from :meth:`fit`, and can be
    passed to every call. A network is accurate only for the keys that it was
    trained for. Sources: Lipman et al., 2023; Wildberger et al., 2023 (for
    inference).

    Examples
    --------
    >>> import jax
    >>> from tfmpe.models import Model
    >>> def prior(key, n):
    ...     return {"mu": jax.random.normal(key, (n, 1, 1))}
    >>> def simulator(key, parameters):
    ...     mu = parameters["mu"]
    ...     return {"obs": mu + jax.random.normal(key, (len(mu), 3, 1))}
    >>> model = Model(prior, simulator, exchangeable=["obs"])
    >>> estimator = FlowMatchingEstimator()
    >>> key = jax.random.key(0)
    >>> history = estimator.fit(model, n_simulations=64, key=key, n_epochs=2)
    >>> observed = {"obs": jax.numpy.array([[0.5], [1.0], [1.5]])}
    >>> draws = estimator.sample(observed, key=key, n_samples=10)
    >>> draws.decode()["mu"].shape
    (10, 1, 1)
    """

    _kind = "FlowMatchingEstimator"
    _loss = staticmethod(flow_matching_loss)
    _solved = ContinuousFlow
    _default_network = staticmethod(default_network)

    @both_spellings
    def __init__(
        self,
        vector_field: Field | None = None,
        *,
        bijectors: Mapping[str, BijectorLike] | None = None,
        standardize: bool = True,
        sigma_min: SupportsFloat = SIGMA_MIN,
        exchangeable: Iterable[str] = (),
        discrete: Iterable[str] = (),
    ) -> None:
        if vector_field is not None:
            vector_field = check_field(vector_field)
        super().__init__(
            vector_field, bijectors, standardize, exchangeable, discrete
        )
        self._sigma_min = real_number(sigma_min, "sigma_min")
        if not 0 <= self._sigma_min < math.inf:
            raise ValueError(f"sigma_min is {sigma_min}, expected 0 or more.")

    @moves_arrays
    @takes_key
    def straightened(
        self,
        tokens: AnyTokens,
        target_keys: Iterable[str] | None = None,
        conditioning_keys: Iterable[str] | None = None,
        *,
        key: PRNGKey,
        learning_rate: SupportsFloat = LEARNING_RATE,
        n_epochs: SupportsIndex = 20,
        batch_size: SupportsIndex = 128,
        progress: bool = False,
    ) -> "FlowMatchingEstimator":
        """Return an estimator whose draws need only two evaluations.

        Trains a copy of the field on straight paths from noise to the draws
        that the field makes of this noise. Draw from the result with
        ``solver="euler"`` and ``n_steps=2``; the same ``theta_0`` in both
        estimators shows what straightening changes.

        Parameters
        ----------
        tokens : Tokens or TokenView
            Simulations like the training data; target values are ignored.
        target_keys, conditioning_keys, key, learning_rate, n_epochs, \
batch_size, progress
            See :meth:`fit`. Every epoch draws once for every simulation.

        Raises
        ------
        TrainingDivergedError, UnknownKeyError, ValueError, TypeError
            See :meth:`fit`.

        Notes
        -----
        Not for use inside ``jit``. Source: Liu et al., 2023 (rectified flow).
        """
        options = read_options(
            learning_rate=learning_rate,
            n_epochs=n_epochs,
            batch_size=batch_size,
            progress=progress,
        )
        keys = self._memory.read_keys(tokens, target_keys, conditioning_keys)
        field = check_field(self._field())
        loop, reached = straightening(
            field, self.standardizer, tokens, keys, key, options
        )
        result = copy.copy(self)
        loop.train(reached, field, partial(setattr, result, "vector_field"))
        return result
