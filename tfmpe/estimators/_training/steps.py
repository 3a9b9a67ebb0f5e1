"""Training steps: compiled once per plan, layout and shape."""

from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax

from tfmpe._base.programs import compiled
from tfmpe.estimators._conditionals import Conditional
from tfmpe.estimators._flow.vector_field import merge_field
from tfmpe.estimators._training.loss import flow_matching_loss
from tfmpe.preprocessing.tokens.views import detach


class Plan(NamedTuple):
    """What stays the same from step to step: static, hashable."""

    static: Any
    conditionals: tuple[Conditional, ...]
    optimizer: optax.GradientTransformation | None
    batch_size: int
    sigma_min: float
    n_noise: int


class TrainingState(NamedTuple):
    """What changes from step to step: arrays only."""

    parameters: Any
    optimizer: Any


def batch_loss(
    plan: Plan, parameters: Any, rest: Any, batch: Any, weights: Any, key: Any
) -> tuple[Any, Any]:
    """Return total and number of values of one conditional, drawn by key."""
    choice_key, loss_key = jax.random.split(key)
    field = merge_field(plan.static, parameters, rest)

    def of(keys: Conditional) -> Any:
        return flow_matching_loss(
            field,
            detach(batch, keys.target),
            detach(batch, keys.conditioning),
            weights,
            loss_key,
            sigma_min=plan.sigma_min,
            n_noise=plan.n_noise,
        )

    if len(plan.conditionals) == 1:
        return of(plan.conditionals[0])
    choice = jax.random.randint(choice_key, (), 0, len(plan.conditionals))
    return jax.lax.switch(
        choice, [partial(of, keys) for keys in plan.conditionals]
    )


def update(
    state: TrainingState,
    rest: Any,
    batch: Any,
    weights: Any,
    key: Any,
    *,
    plan: Plan,
) -> tuple[TrainingState, tuple[Any, Any]]:
    """Make one step down the gradient of a batch's mean loss.

    Returns
    -------
    state : TrainingState
    total, n_values : Array, shape ()
        Of the loss; NaN as total where a parameter is not finite any more.
    """

    def mean(parameters: Any) -> Any:
        total, n = batch_loss(plan, parameters, rest, batch, weights, key)
        return total / jnp.maximum(n, 1), (total, n)

    gradient, (total, n) = jax.grad(mean, has_aux=True)(state.parameters)
    assert plan.optimizer is not None
    # The schedules of optax divide a number of steps by a float.
    with jax.numpy_dtype_promotion("standard"):
        changes, optimizer = plan.optimizer.update(
            gradient, state.optimizer, state.parameters
        )
    parameters = optax.apply_updates(state.parameters, changes)
    finite = [jnp.isfinite(leaf).all() for leaf in jax.tree.leaves(parameters)]
    total = jnp.where(jnp.stack(finite).all(), total, jnp.nan)
    return TrainingState(parameters, optimizer), (total, n)


update_once = compiled()(update)


@compiled(8)
def train_epoch(
    state: TrainingState, rest: Any, tokens: Any, key: Any, *, plan: Plan
) -> tuple[TrainingState, Any, Any]:
    """Go once through all rows, shuffled.

    Returns
    -------
    state : TrainingState
    totals, counts : Array, shape (n_batches,)
        Of every batch.
    """
    shuffle_key, batches_key = jax.random.split(key)
    rows, weights = batch_rows(tokens.sample_shape[0], plan, shuffle_key)

    def step(state: TrainingState, given: Any) -> Any:
        number, rows, weights = given
        batch = jax.tree.map(lambda leaf: leaf[rows], tokens)
        key = jax.random.fold_in(batches_key, number)
        return update(state, rest, batch, weights, key, plan=plan)

    numbers = jnp.arange(len(rows))
    state, losses = jax.lax.scan(step, state, (numbers, rows, weights))
    return state, *losses


@compiled()
def evaluate(
    parameters: Any, rest: Any, tokens: Any, key: Any, *, plan: Plan
) -> Any:
    """Return the mean loss over all rows and all conditionals.

    The same ``key`` gives the same times and noises, so that losses of
    different parameters can be compared.
    """
    rows, weights = batch_rows(tokens.sample_shape[0], plan, None)
    means = []
    for keys in plan.conditionals:
        one = plan._replace(conditionals=(keys,))

        def step(_: None, given: Any, one: Plan = one) -> Any:
            number, rows, weights = given
            batch = jax.tree.map(lambda leaf: leaf[rows], tokens)
            return None, batch_loss(
                one,
                parameters,
                rest,
                batch,
                weights,
                jax.random.fold_in(key, number),
            )

        numbers = jnp.arange(len(rows))
        _, (total, n) = jax.lax.scan(step, None, (numbers, rows, weights))
        means.append(total.sum() / jnp.maximum(n.sum(), 1))
    return jnp.stack(means).mean()


def batch_rows(n_rows: int, plan: Plan, key: Any) -> tuple[Any, Any]:
    """Return rows of every batch, and 0 as weight where one fills it up.

    Returns
    -------
    rows : Array of int, shape (n_batches, batch_size)
    weights : Array, shape (n_batches, batch_size)
    """
    size = min(plan.batch_size, n_rows)
    n_batches = -(-n_rows // size)
    order = jnp.arange(n_rows)
    if key is not None:
        order = jax.random.permutation(key, n_rows)
    slots = jnp.arange(n_batches * size)
    rows = order[slots % n_rows].reshape((n_batches, size))
    weights = (slots < n_rows).astype(jnp.float32)
    return rows, weights.reshape((n_batches, size))
