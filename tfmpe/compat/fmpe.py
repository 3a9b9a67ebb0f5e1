"""Mirror of ``sfmpe.fmpe``: flow matching for unstructured parameters."""

from collections.abc import Iterable, Mapping
from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from tfmpe.compat._flow.draws import evaluated
from tfmpe.compat._flow.epochs import DEFAULT_OPTIMIZER
from tfmpe.compat._needs_flow import nnx, optax
from tfmpe.compat.cnf import CNF as CNF
from tfmpe.compat.defects.l19_repeated_noise import estimator_key
from tfmpe.compat.defects.l20_shared_rngs import or_shared
from tfmpe.compat.defects.l30_dropped_axis import first_draw
from tfmpe.compat.fixes import read_fixes
from tfmpe.compat.train import fit_model_no_branch as fit_model_no_branch

# Training times have a density proportional to t^(-1/4) (L60).
_TIME_POWER, _FIRST_TIME = 0.25, 1e-9


def sample_power_law(
    key: Any, shape: tuple[int, ...], alpha: float, x_min: float, x_max: float
) -> Float[Array, "*shape"]:
    """Draw from a density proportional to ``x ** -alpha``.

    Parameters
    ----------
    key : key array
    shape : tuple of int
    alpha : float
        Not 1.
    x_min, x_max : float
        Support of the density, dimensionless.

    Raises
    ------
    ZeroDivisionError
        If ``alpha`` is 1.

    Notes
    -----
    Inverts the cumulative distribution function. Works under ``jit``. Legacy:
    ``sfmpe.fmpe.sample_power_law``.
    """
    power = 1 - alpha
    low, high = x_min**power, x_max**power
    uniform = jax.random.uniform(key, shape)
    return (uniform * (high - low) + low) ** (1 / power)


def theta_t_linear(
    theta_0: Any, times: Any, theta: Any, sigma_min: float
) -> Any:
    """Return positions on the straight path from noise to values.

    Parameters
    ----------
    theta_0 : array
        The noise.
    times : array
        From 0 (noise) to 1 (values); must broadcast with the others.
    theta : array
        The values.
    sigma_min : float
        Standard deviation of the path at time 1, dimensionless.

    Returns
    -------
    array
        ``(1 - (1 - sigma_min) times) theta_0 + times theta``; NumPy for
        NumPy arguments.

    Notes
    -----
    Works under ``jit``, ``vmap`` and ``grad``. Legacy:
    ``sfmpe.fmpe.theta_t_linear``. Source: Lipman et al., 2023.
    """
    return (1 - (1 - sigma_min) * times) * theta_0 + times * theta


def ut_linear(theta_t: Any, theta: Any, times: Any, sigma_min: float) -> Any:
    """Return the velocity of the path at a position.

    Parameters
    ----------
    theta_t : array
        As returned by :func:`theta_t_linear` at the same times.
    theta, times, sigma_min
        See :func:`theta_t_linear`.

    Returns
    -------
    array
        ``(theta - (1 - sigma_min) theta_t) / (1 - (1 - sigma_min) times)``.

    Notes
    -----
    Works under ``jit``, ``vmap`` and ``grad``. Legacy:
    ``sfmpe.fmpe.ut_linear``. Source: Lipman et al., 2023.
    """
    shrunk = 1 - sigma_min
    return (theta - shrunk * theta_t) / (1 - shrunk * times)


def _cfm_loss(
    model: CNF, rng_key: Any, batch: Mapping[str, Any], sigma_min: float = 1e-5
) -> Float[Array, ""]:
    """Return the mean squared error of the velocities of a batch."""
    theta, context = batch["data"]["theta"], batch["data"]["y"]
    time_key, rng_key = jax.random.split(rng_key)
    times = sample_power_law(
        time_key, (theta.shape[0], 1), _TIME_POWER, _FIRST_TIME, 1.0
    )
    noise_key, _ = jax.random.split(rng_key)
    theta_0 = jax.random.normal(noise_key, theta.shape)
    theta_t = theta_t_linear(theta_0, times, theta, sigma_min)
    velocity = model.vector_field(theta=theta_t, time=times, context=context)
    target = ut_linear(theta_t, theta, times, sigma_min)
    return jnp.mean((velocity - target) ** 2)


class FMPE(nnx.Module):
    """Posterior estimator for plain arrays, by flow matching.

    Parameters
    ----------
    model : CNF
        The flow. Its ``rngs`` are used for base draws and probes.
    rngs : nnx.Rngs, optional
        For training: order of the rows, times, noise. By default all
        instances share ``nnx.Rngs(0)`` (L20).
    fix : iterable of str, optional
        Codes of the defects to turn off, such as ``['L19']``, in addition
        to those in the environment variable ``TFMPE_COMPAT_FIX``.

    Raises
    ------
    ValueError
        If ``fix`` has a code that cannot be turned off.

    Notes
    -----
    Legacy: ``sfmpe.fmpe.FMPE``. On Tokens: ``FlowMatchingEstimator``.
    """

    def __init__(
        self,
        model: CNF,
        rngs: nnx.Rngs | None = None,
        *,
        fix: Iterable[str] | None = None,
    ) -> None:
        self.fix = read_fixes(fix)
        self.model = model
        self.rngs = or_shared(rngs, "fmpe.FMPE", self.fix)

    def fit(
        self,
        train: Mapping[str, Any],
        val: Mapping[str, Any],
        optimizer: optax.GradientTransformation = DEFAULT_OPTIMIZER,
        n_iter: int = 1000,
        batch_size: int = 100,
    ) -> tuple[Float[Array, " n_iter"], Float[Array, " n_iter"]]:
        """Train the flow; its weights are changed in place.

        Parameters
        ----------
        train, val : dict
            ``{'data': {'theta': (n, theta_dim), 'y': (n, context_dim)}}``.
        optimizer : optax.GradientTransformation
        n_iter : int
            Number of epochs; the rows are shuffled in each.
        batch_size : int
            Rows per step; must divide the number of rows (L24).

        Returns
        -------
        train_losses, val_losses : Array
            Mean squared error of the velocities, in squared units of theta.

        Raises
        ------
        TypeError
            If ``batch_size`` does not divide the number of rows, unless L24
            is fixed.
        ValueError
            If theta has more than two axes (L31).

        Notes
        -----
        The path is straight, ``sigma_min`` is 1e-5, and times have a density
        proportional to ``t ** -0.25`` (L60). The model is left in training
        mode (L33).
        """
        return fit_model_no_branch(
            self.model,
            self.rngs.permutations(),
            _cfm_loss,
            train,
            val,
            optimizer,
            n_iter,
            batch_size,
            fix=self.fix,
        )

    def sample_posterior(
        self,
        context: Any,
        theta_shape: tuple[int, ...],
        n_samples: int = 1000,
        theta_0: Any = None,
        direction: str = "forward",
    ) -> Float[Array, " n_samples *theta_shape"]:
        """Draw posterior samples, given one observation.

        Parameters
        ----------
        context : Array, shape (1, context_dim)
        theta_shape : tuple of int
        n_samples : int
            Number of draws.
        theta_0 : Array, shape (n_samples, *theta_shape), optional
            Initial values; by default noise, the same at every call (L19).
        direction : {'forward', 'backward'}

        Raises
        ------
        AssertionError, ValueError, TypeError
            See :meth:`~tfmpe.compat.cnf.CNF.sample`.

        Notes
        -----
        Leaves the model in evaluation mode. Works under ``jit``, and under
        ``vmap`` over context and ``theta_0``.
        """
        model = evaluated(self.model)
        if theta_0 is None:
            key = estimator_key(model.rngs, context, self.fix)
            theta_0 = jax.random.normal(key, (n_samples, *theta_shape))
        return model.sample(context, theta_shape, n_samples, theta_0, direction)

    def sample_base_dist(
        self,
        theta: Any,
        context: Any,
        theta_shape: tuple[int, ...],
    ) -> Any:
        """Map each theta back to the noise, given the context of its row.

        Parameters
        ----------
        theta : Array, shape (n, *theta_shape)
        context : Array, shape (n, context_dim)
        theta_shape : tuple of int

        Returns
        -------
        Array, shape (n, *theta_shape)
            If ``theta_shape`` has two axes, only the first row of each theta is
            returned, with shape (n, 1, columns) (L30).
        """

        def of_row(theta: Any, context: Any) -> Any:
            return self.sample_posterior(
                context[None], theta_shape, 1, theta[None], "backward"
            )

        ends = jax.vmap(of_row)(jnp.asarray(theta), jnp.asarray(context))
        return first_draw(ends, self.fix)

    def log_prob_posterior_samples(
        self,
        posterior_samples: Any,
        context: Any,
    ) -> Float[Array, " n"]:
        """Estimate log densities of posterior samples.

        Parameters
        ----------
        posterior_samples : Array, shape (n, *theta_shape)
        context : Array, shape (1, context_dim)
            One observation (L29).

        Returns
        -------
        Array
            In nats, estimated with ten probes, new at every call. Wrong by
            default, unless the field is even in time (L28).

        Notes
        -----
        Leaves the model in evaluation mode. Works under ``jit`` and ``vmap``
        like :meth:`sample_posterior`.
        """
        model = evaluated(self.model)
        return model.log_prob(theta=posterior_samples, context=context)
