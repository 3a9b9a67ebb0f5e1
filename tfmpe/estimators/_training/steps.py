"""Training steps: the loss of a batch, its gradient, and an update.

Each is a program of its own. A new optimizer compiles the update anew and
leaves the gradient; a new layout or batch size compiles the gradient anew and
leaves the update. Learning rates, numbers of epochs and of rows are values.
"""

from collections.abc import Hashable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jax.flatten_util import ravel_pytree
from jaxtyping import Array, Float, Num

from tfmpe._base.programs import compiled
from tfmpe.estimators._conditionals import Conditional
from tfmpe.estimators._flow.vector_field import merge_field
from tfmpe.estimators._training.loss import flow_matching_loss
from tfmpe.estimators._types import AnyArray, AnyTokens, Arrays, PRNGKey
from tfmpe.preprocessing.tokens.views import detach

Loss = tuple[Float[Array, ""], Num[Array, ""]]
"""Total and number of values."""


class Plan(NamedTuple):
    """What the loss is compiled for: static, hashable."""

    static: Hashable
    keys: Conditional
    sigma_min: float
    n_noise: int


class TrainingState(NamedTuple):
    """What changes from step to step: arrays only."""

    parameters: Arrays
    optimizer: Arrays


def _loss(
    parameters: Arrays,
    rest: tuple[Arrays, Arrays],
    batch: AnyTokens,
    weights: Float[AnyArray, " rows"],
    key: PRNGKey,
    *,
    plan: Plan,
) -> Loss:
    """Return the total loss of a batch, and its number of values."""
    return flow_matching_loss(
        merge_field(plan.static, parameters, rest),
        detach(batch, plan.keys.target),
        detach(batch, plan.keys.conditioning),
        weights,
        key,
        sigma_min=plan.sigma_min,
        n_noise=plan.n_noise,
    )


batch_loss = compiled()(_loss)


@compiled(quick=True)
def batch_gradient(
    parameters: Arrays, *given: Any, plan: Plan
) -> tuple[Arrays, Loss]:
    """Return the gradient of the mean loss, and what the mean is made of.

    Arguments are those of ``batch_loss``.
    """

    def mean(parameters: Arrays) -> tuple[Float[Array, ""], Loss]:
        total, n = _loss(parameters, *given, plan=plan)
        return total / jnp.maximum(n, 1), (total, n)

    return jax.grad(mean, has_aux=True)(parameters)


@compiled(8)
def update(
    state: TrainingState,
    gradient: Arrays,
    total: Float[AnyArray, ""],
    rate: Float[AnyArray, ""] | np.floating,
    *,
    optimizer: optax.GradientTransformation,
) -> tuple[TrainingState, Float[Array, ""]]:
    """Return the next state, and the total loss that led to it.

    The total is NaN where a parameter is not finite any more. ``rate``
    multiplies what the optimizer returns.
    """
    # The schedules of optax divide a number of steps by a float.
    with jax.numpy_dtype_promotion("standard"):
        changes, moments = optimizer.update(
            gradient, state.optimizer, state.parameters
        )
        changes = jax.tree.map(lambda change: rate * change, changes)
        parameters = optax.apply_updates(state.parameters, changes)
        # One vector: a check by leaf takes longer to compile.
        finite = jnp.isfinite(ravel_pytree(parameters)[0]).all()
    return TrainingState(parameters, moments), jnp.where(finite, total, jnp.nan)
