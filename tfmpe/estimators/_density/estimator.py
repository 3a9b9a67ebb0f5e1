"""Estimator of a distribution with a known density."""

from typing import Any, NoReturn

from tfmpe.estimators._default_network import default_density
from tfmpe.estimators._density.density import KnownDensity, density_loss
from tfmpe.estimators._estimator import FlowMatchingEstimator
from tfmpe.estimators._flow.vector_field import DensityField


class DensityEstimator(FlowMatchingEstimator):
    """Learns conditional distributions by maximum likelihood.

    For observations with few values, such as those of one unit in
    :func:`train_bottom_up`: its density is more accurate than that of a flow,
    and takes a single evaluation.

    Parameters
    ----------
    density
        The network to train, by default one that ``fit`` builds; see
        :class:`tfmpe.nn.MixtureDensity`.
    **options
        ``bijectors`` and ``standardize`` of :class:`FlowMatchingEstimator`.

    Notes
    -----
    Methods are those of :class:`FlowMatchingEstimator`, apart from
    ``straightened``; options of solvers are ignored. Losses are negative log
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

    _loss = staticmethod(density_loss)
    _solved = KnownDensity
    _default_field = staticmethod(default_density)

    def __init__(
        self, density: DensityField | None = None, **options: Any
    ) -> None:
        super().__init__(**options)
        self.vector_field: Any = density

    def straightened(self, *args: Any, **options: Any) -> NoReturn:
        """Raise a TypeError: there is no flow to straighten."""
        raise TypeError(
            "A DensityEstimator has no flow to straighten: its draws take one "
            f"evaluation already. Got {len(args)} arguments and "
            f"{list(options)}."
        )
