"""Training of a legacy flow: all epochs in one compiled program."""

from collections.abc import Collection, Mapping
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax
from flax import nnx

from tfmpe.compat._attention import _make_attention_masks
from tfmpe.compat.defects.l21_padded_values import without_padding
from tfmpe.estimators._training.loss import (
    SIGMA_MIN,
    path_position,
    path_velocity,
)

# Keys of a step: times, noise, and one that the legacy package takes, too.
KEYS_PER_STEP = 3
# Of an epoch: its order, and the three of the validation.
KEYS_PER_EPOCH = 1 + KEYS_PER_STEP


class Plan(NamedTuple):
    """What stays the same from step to step: static, hashable."""

    graph: Any
    optimiser: optax.GradientTransformation
    batch_size: int
    fixes: frozenset[str]


class State(NamedTuple):
    """What changes from step to step: arrays only."""

    parameters: Any
    rest: Any
    optimiser: Any


def legacy_loss(
    cnf: Any,
    batch: Mapping[str, Any],
    times: Any,
    noise: Any,
    weights: Any = None,
    fixes: Collection[str] = (),
) -> Any:
    """Return the loss of a batch of flat data.

    Parameters
    ----------
    cnf : StructuredCNF
    batch : dict
        Of ``flatten_structured``, the rows first in every leaf.
    times : array, shape (n, 1, 1)
        From 0 (noise) to 1 (values).
    noise : array, of the shape of theta
    weights : array, shape (n,), optional
        0 for rows that do not count.
    fixes : collection of str
        Defects that are turned off.

    Returns
    -------
    Array, shape ()
        Squared error of the velocity: its mean over all values or, with
        padding masks, its sum over real tokens of theta by their number.
    """
    theta, context = (
        without_padding(batch["data"][side], fixes) for side in ("theta", "y")
    )
    masks = batch.get("masks") or {}
    theta_mask, context_mask, cross_mask = _make_attention_masks(masks)
    index = batch.get("index") or {}
    velocity = cnf.vector_field(
        theta=path_position(noise, theta, times, SIGMA_MIN),
        theta_label=batch["labels"]["theta"],
        theta_index=index.get("theta"),
        theta_mask=theta_mask,
        time=times,
        context=context,
        context_label=batch["labels"]["y"],
        context_index=index.get("y"),
        context_mask=context_mask,
        cross_mask=cross_mask,
    )
    squares = (velocity - path_velocity(noise, theta, SIGMA_MIN)) ** 2
    if weights is None:
        weights = jnp.ones(len(theta))
    if "padding" in masks:
        real = masks["padding"]["theta"] * weights[:, None]
        return (squares * real[..., None]).sum() / real.sum()
    n_values = theta.shape[1] * theta.shape[2]
    return (squares.sum((1, 2)) * weights).sum() / (weights.sum() * n_values)


@partial(jax.jit, static_argnums=(0, 1))
def train_epochs(
    plan: Plan,
    n_epochs: int,
    state: State,
    training: Any,
    validation: Any,
    key: Any,
    count: Any,
) -> tuple[State, Any, Any, Any]:
    """Go through the training rows many times.

    Parameters
    ----------
    plan : Plan
    n_epochs : int
    state : State
    training, validation : dict
        Flat data, rows first in every leaf.
    key, count : key array and int
        The ``i``-th draw follows from ``fold_in(key, count + i)``.

    Returns
    -------
    state : State
    count : int
        With the draws of the training.
    losses : Array, shape (n_epochs, n_batches)
    validation_losses : Array, shape (n_epochs,)
    """
    n_rows = jax.tree.leaves(training["data"])[0].shape[0]
    n_steps = -(-n_rows // min(plan.batch_size, n_rows))
    used = KEYS_PER_EPOCH + KEYS_PER_STEP * n_steps

    def epoch(state: State, number: Any) -> Any:
        keys = _Keys(key, count + used * number)
        rows, weights = _batches(n_rows, plan.batch_size, keys[0])

        def step(state: State, given: Any) -> Any:
            number, rows, weights = given
            batch = jax.tree.map(lambda leaf: leaf[rows], training)
            first = 1 + KEYS_PER_STEP * number
            return _step(plan, state, batch, weights, keys.after(first))

        state, losses = jax.lax.scan(
            step, state, (_numbers(n_steps), rows, weights)
        )
        cnf = nnx.merge(plan.graph, state.parameters, state.rest)
        cnf.eval()
        last = keys.after(1 + KEYS_PER_STEP * n_steps)
        return state, (losses, _draw_loss(plan, cnf, validation, None, last))

    state, (losses, validation_losses) = jax.lax.scan(
        epoch, state, _numbers(n_epochs)
    )
    return state, count + used * n_epochs, losses, validation_losses


def _batches(n_rows: int, batch_size: int, key: Any) -> tuple[Any, Any]:
    """Return shuffled rows of every batch, and 0 where one fills it up."""
    size = min(batch_size, n_rows)
    slots = jnp.arange(-(-n_rows // size) * size).reshape((-1, size))
    rows = jax.random.permutation(key, n_rows)[slots % n_rows]
    return rows, (slots < n_rows).astype(jnp.float32)


def _numbers(n: int) -> Any:
    return jnp.arange(n, dtype=jnp.uint32)


class _Keys:
    """Draws by number, from a key and a count."""

    def __init__(self, key: Any, count: Any) -> None:
        self.key = key
        self.count = count

    def __getitem__(self, number: int) -> Any:
        return jax.random.fold_in(self.key, self.count + number)

    def after(self, number: Any) -> "_Keys":
        return _Keys(self.key, self.count + number)


def _step(
    plan: Plan, state: State, batch: Any, weights: Any, keys: _Keys
) -> tuple[State, Any]:
    def loss(parameters: Any) -> Any:
        # Copied, as flax lets a trace change only what was made in it.
        rest = jax.tree.map(lambda leaf: leaf, state.rest)
        cnf = nnx.merge(plan.graph, parameters, rest)
        cnf.train()
        value = _draw_loss(plan, cnf, batch, weights, keys)
        # Dropout counts its draws, batch norms keep their means.
        return value, nnx.split(cnf, nnx.Param, ...)[2]

    (value, rest), gradient = jax.value_and_grad(loss, has_aux=True)(
        state.parameters
    )
    changes, optimiser = plan.optimiser.update(
        gradient, state.optimiser, state.parameters
    )
    parameters = optax.apply_updates(state.parameters, changes)
    return State(parameters, rest, optimiser), value


def _draw_loss(
    plan: Plan, cnf: Any, batch: Any, weights: Any, keys: _Keys
) -> Any:
    theta = batch["data"]["theta"]
    times = jax.random.uniform(keys[0], (theta.shape[0], 1, 1))
    noise = jax.random.normal(keys[1], theta.shape)
    return legacy_loss(cnf, batch, times, noise, weights, plan.fixes)
