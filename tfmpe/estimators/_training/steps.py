"""Training steps: the loss of a batch, its gradient, and an update.

Each is compiled separately: a new optimizer recompiles only the update, and a
new layout or batch size only the gradient. Learning rates and the numbers of
epochs and rows are not static.
"""

from collections.abc import Callable, Hashable
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
"""Total loss and number of values."""


class Plan(NamedTuple):
    """Static arguments of a step; hashable.

    ``loss`` has the arguments and the results of :func:`flow_matching_loss`.
    """

    static: Hashable
    keys: Conditional
    sigma_min: float
    n_noise: int
    loss: Callable[..., Loss] = flow_matching_loss


class Batch(NamedTuple):
    """Rows of a training step; if given, paths start at ``noise``.

    Weights are 1 for rows that count, 0 for rows that fill up the batch.
    """

    tokens: AnyTokens
    weights: Float[AnyArray, " rows"]
    noise: Float[AnyArray, "1 rows tokens width"] | None = None


class TrainingState(NamedTuple):
    """What changes from step to step: arrays only."""

    parameters: Arrays
    optimizer: Arrays


def _loss(
    parameters: Arrays,
    rest: tuple[Arrays, Arrays],
    batch: Batch,
    key: PRNGKey,
    *,
    plan: Plan,
) -> Loss:
    """Return the total loss of a batch, and its number of values."""
    return plan.loss(
        merge_field(plan.static, parameters, rest),
        detach(batch.tokens, plan.keys.target),
        detach(batch.tokens, plan.keys.conditioning),
        batch.weights,
        key,
        sigma_min=plan.sigma_min,
        n_noise=plan.n_noise,
        noise=batch.noise,
    )


batch_loss = compiled()(_loss)


@compiled(quick=True)
def batch_gradient(
    parameters: Arrays, *given: Any, plan: Plan
) -> tuple[Arrays, Loss]:
    """Return the gradient of the mean loss, and the total loss and count.

    The arguments are those of ``batch_loss``.
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

    The total is NaN if a parameter is no longer finite. ``rate`` multiplies the
    updates of the optimizer.
    """
    # Schedules of Optax divide an integer number of steps by a float.
    with jax.numpy_dtype_promotion("standard"):
        changes, moments = optimizer.update(
            gradient, state.optimizer, state.parameters
        )
        changes = jax.tree.map(lambda change: rate * change, changes)
        parameters = optax.apply_updates(state.parameters, changes)
        # One vector, because checks of each leaf take longer to compile.
        finite = jnp.isfinite(ravel_pytree(parameters)[0]).all()
    return TrainingState(parameters, moments), jnp.where(finite, total, jnp.nan)
