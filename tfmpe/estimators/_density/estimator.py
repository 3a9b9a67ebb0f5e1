"""Estimator of a distribution with a known density."""

from collections.abc import Iterable, Mapping

from tfmpe.estimators._british_names import both_spellings
from tfmpe.estimators._default_network import default_density
from tfmpe.estimators._density.density import KnownDensity, density_loss
from tfmpe.estimators._flow.vector_field import DensityField
from tfmpe.estimators._network_estimator import NetworkEstimator
from tfmpe.estimators._types import BijectorLike


class DensityEstimator(NetworkEstimator):
    """Learns conditional distributions by maximum likelihood.

    For observations with few values, such as those of one unit in
    :func:`train_bottom_up`, its density is more accurate than that of a flow,
    and takes a single evaluation of the network.

    Parameters
    ----------
    density
        The network to train, by default one that ``fit`` builds; see
        :class:`tfmpe.nn.MixtureDensity`.
    bijectors, standardize, discrete
        See :class:`FlowMatchingEstimator`.

    Attributes
    ----------
    vector_field : DensityField or None
        The network; None before training without a ``density``.
    standardizer : Standardizer or None
        None before training, or if ``standardize`` is False.

    Notes
    -----
    Methods are those of :class:`FlowMatchingEstimator`, apart from
    ``straightened``; solver options are ignored. Losses are negative log
    densities of standardized values, in nats. Source: Papamakarios et al., 2019
    (likelihoods learned from simulations).

    Examples
    --------
    >>> import jax
    >>> import jax.numpy as jnp
    >>> from tfmpe import Tokens
    >>> key = jax.random.key(0)
    >>> theta = jax.random.normal(key, (64, 1, 1))
    >>> simulations = Tokens.from_pytree({"theta": theta, "obs": 2 * theta}, {})
    >>> estimator = DensityEstimator()
    >>> history = estimator.fit(simulations, ["obs"], key=key, n_epochs=1)
    >>> estimator.log_prob(simulations).shape
    (64,)
    """

    _kind = "DensityEstimator"
    _loss = staticmethod(density_loss)
    _solved = KnownDensity
    _default_network = staticmethod(default_density)

    @both_spellings
    def __init__(
        self,
        density: DensityField | None = None,
        *,
        bijectors: Mapping[str, BijectorLike] | None = None,
        standardize: bool = True,
        discrete: Iterable[str] = (),
    ) -> None:
        super().__init__(density, bijectors, standardize, discrete=discrete)
