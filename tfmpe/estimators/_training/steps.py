"""Training steps: the loss of a batch, its gradient, and an update.

Each is a program of its own. A new optimizer compiles the update anew and
leaves the gradient; a new layout or batch size compiles the gradient anew and
leaves the update. Learning rates, numbers of epochs and of rows are values.
"""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax
from jax.flatten_util import ravel_pytree

from tfmpe._base.programs import compiled
from tfmpe.estimators._conditionals import Conditional
from tfmpe.estimators._flow.vector_field import merge_field
from tfmpe.estimators._training.loss import flow_matching_loss
from tfmpe.preprocessing.tokens.detached import detach


class Plan(NamedTuple):
    """What the loss is compiled for: static, hashable."""

    static: Any
    keys: Conditional
    sigma_min: float
    n_noise: int


class TrainingState(NamedTuple):
    """What changes from step to step: arrays only."""

    parameters: Any
    optimizer: Any


def _loss(
    plan: Plan, parameters: Any, rest: Any, batch: Any, weights: Any, key: Any
) -> tuple[Any, Any]:
    return flow_matching_loss(
        merge_field(plan.static, parameters, rest),
        detach(batch, plan.keys.target),
        detach(batch, plan.keys.conditioning),
        weights,
        key,
        sigma_min=plan.sigma_min,
        n_noise=plan.n_noise,
    )


@compiled()
def batch_loss(
    parameters: Any,
    rest: Any,
    batch: Any,
    weights: Any,
    key: Any,
    *,
    plan: Plan,
) -> tuple[Any, Any]:
    """Return the total loss of a batch, and its number of values."""
    return _loss(plan, parameters, rest, batch, weights, key)


@compiled(quick=True)
def batch_gradient(
    parameters: Any,
    rest: Any,
    batch: Any,
    weights: Any,
    key: Any,
    *,
    plan: Plan,
) -> tuple[Any, tuple[Any, Any]]:
    """Return the gradient of the mean loss, and what the mean is made of."""

    def mean(parameters: Any) -> Any:
        total, n = _loss(plan, parameters, rest, batch, weights, key)
        return total / jnp.maximum(n, 1), (total, n)

    return jax.grad(mean, has_aux=True)(parameters)


@compiled(8)
def update(
    state: TrainingState,
    gradient: Any,
    total: Any,
    rate: Any,
    *,
    optimizer: optax.GradientTransformation,
) -> tuple[TrainingState, Any]:
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
        finite = jnp.isfinite(ravel_pytree(parameters)[0]).all()
    return TrainingState(parameters, moments), jnp.where(finite, total, jnp.nan)
