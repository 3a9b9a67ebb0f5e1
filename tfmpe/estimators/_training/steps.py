"""Training steps, compiled once per plan, layout and shape."""

from collections.abc import Hashable
from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import optax
from jaxtyping import Array, Float, Int, Num

from tfmpe._base.programs import compiled
from tfmpe.estimators._conditionals import Conditional
from tfmpe.estimators._flow.vector_field import merge_field
from tfmpe.estimators._training.loss import flow_matching_loss
from tfmpe.estimators._types import AnyArray, AnyTokens, Arrays, PRNGKey
from tfmpe.preprocessing import Tokens
from tfmpe.preprocessing.tokens.detached import detach

Loss = tuple[Float[Array, ""], Num[Array, ""]]
"""Total and number of values."""

Part = tuple[Int[Array, ""], Int[Array, " rows"], Float[Array, " rows"]]
"""Number of a batch, its rows, and their weights."""


class Plan(NamedTuple):
    """What stays the same in all steps: static, hashable."""

    static: Hashable
    conditionals: tuple[Conditional, ...]
    optimizer: optax.GradientTransformation | None
    batch_size: int
    sigma_min: float
    n_noise: int


class TrainingState(NamedTuple):
    """What changes in every step: arrays only."""

    parameters: Arrays
    optimizer: Arrays


def batch_loss(
    plan: Plan,
    parameters: Arrays,
    rest: tuple[Arrays, Arrays],
    batch: AnyTokens,
    weights: Num[AnyArray, " rows"],
    key: PRNGKey,
) -> Loss:
    """Return total and number of values of one conditional, chosen by key."""
    choice_key, loss_key = jax.random.split(key)
    field = merge_field(plan.static, parameters, rest)

    def of(keys: Conditional) -> Loss:
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
    rest: tuple[Arrays, Arrays],
    batch: AnyTokens,
    weights: Num[AnyArray, " rows"],
    key: PRNGKey,
    *,
    plan: Plan,
) -> tuple[TrainingState, Loss]:
    """Make one step down the gradient of the mean loss of a batch.

    The total of the loss is NaN if a parameter is not finite afterwards.
    """

    def mean(parameters: Arrays) -> tuple[Float[Array, ""], Loss]:
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
    state: TrainingState,
    rest: tuple[Arrays, Arrays],
    tokens: Tokens,
    key: PRNGKey,
    *,
    plan: Plan,
) -> tuple[TrainingState, Float[Array, " steps"], Num[Array, " steps"]]:
    """Use all rows once, shuffled; return totals and counts of the batches."""
    shuffle_key, batches_key = jax.random.split(key)
    rows, weights = batch_rows(tokens.sample_shape[0], plan, shuffle_key)

    def step(state: TrainingState, part: Part) -> tuple[TrainingState, Loss]:
        given = _take(tokens, part, batches_key)
        return update(state, rest, *given, plan=plan)

    numbers = jnp.arange(len(rows))
    state, losses = jax.lax.scan(step, state, (numbers, rows, weights))
    return state, *losses


@compiled()
def evaluate(
    parameters: Arrays,
    rest: tuple[Arrays, Arrays],
    tokens: Tokens,
    key: PRNGKey,
    *,
    plan: Plan,
) -> Float[Array, ""]:
    """Return the mean loss over all rows and all conditionals.

    Equal keys have equal times and noises, so that losses of different
    parameters can be compared.
    """
    rows, weights = batch_rows(tokens.sample_shape[0], plan, None)
    parts = (jnp.arange(len(rows)), rows, weights)

    def mean(keys: Conditional) -> Float[Array, ""]:
        one = plan._replace(conditionals=(keys,))

        def step(_: None, part: Part) -> tuple[None, Loss]:
            given = _take(tokens, part, key)
            return None, batch_loss(one, parameters, rest, *given)

        _, (total, n) = jax.lax.scan(step, None, parts)
        return total.sum() / jnp.maximum(n.sum(), 1)

    return jnp.stack([mean(keys) for keys in plan.conditionals]).mean()


def _take(
    tokens: Tokens, part: Part, key: PRNGKey
) -> tuple[Tokens, Float[Array, " rows"], PRNGKey]:
    """Return rows, weights and key of a batch."""
    number, rows, weights = part
    batch = jax.tree.map(lambda leaf: leaf[rows], tokens)
    return batch, weights, jax.random.fold_in(key, number)


def batch_rows(
    n_rows: int, plan: Plan, key: PRNGKey | None
) -> tuple[Int[Array, "batches rows"], Float[Array, "batches rows"]]:
    """Return the rows of every batch, with weight 0 for filling ones."""
    size = min(plan.batch_size, n_rows)
    n_batches = -(-n_rows // size)
    order = jnp.arange(n_rows)
    if key is not None:
        order = jax.random.permutation(key, n_rows)
    slots = jnp.arange(n_batches * size)
    rows = order[slots % n_rows].reshape((n_batches, size))
    weights = (slots < n_rows).astype(jnp.float32)
    return rows, weights.reshape((n_batches, size))
