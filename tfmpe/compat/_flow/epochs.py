"""Training loop of all legacy models: epochs and batches, compiled once."""

from collections.abc import Callable, Collection, Mapping
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax
from flax import nnx

from tfmpe._base.programs import compiled
from tfmpe.compat.defects.l24_whole_batches import check_rows
from tfmpe.compat.defects.l26_rounds import epoch_loss
from tfmpe.compat.defects.l32_validation_key import validation_key

DEFAULT_OPTIMIZER = optax.adam(3e-4)
"""One object for all trainings, so that they are compiled once."""

LossFn = Callable[[Any, Any, Any], Any]
"""``loss_fn(model, key, batch)`` returns a scalar."""


class Task(NamedTuple):
    """Static, hashable part of a training: the model's structure and loss."""

    graph: Any
    loss_fn: LossFn
    optimizer: optax.GradientTransformation | None


class State(NamedTuple):
    """Arrays that training changes.

    Attributes
    ----------
    parameters : nnx.State
        The weights.
    rest : nnx.State
        The other variables: counts of random streams, running means.
    optimizer : tree of arrays
    """

    parameters: Any
    rest: Any
    optimizer: Any


def start(
    model: Any, loss_fn: LossFn, optimizer: optax.GradientTransformation
) -> tuple[Task, State]:
    """Set a model to training mode and split it into its task and state.

    Parameters
    ----------
    model : nnx.Module
    loss_fn : callable
    optimizer : optax.GradientTransformation
    """
    model.train()
    graph, parameters, rest = nnx.split(model, nnx.Param, ...)
    state = State(parameters, rest, optimizer.init(parameters))
    return Task(graph, loss_fn, optimizer), state


def finish(model: Any, state: State) -> None:
    """Write weights and the other variables back into the model."""
    nnx.update(model, state.parameters, state.rest)


def train_on_batch(
    state: State, key: Any, batch: Any, *, task: Task
) -> tuple[State, Any]:
    """Take one gradient step; return the new state and the loss before it."""
    assert task.optimizer is not None
    gradient_of = jax.value_and_grad(partial(_loss, task), has_aux=True)
    (loss, rest), gradient = gradient_of(
        state.parameters, state.rest, key, batch
    )
    changes, optimizer = task.optimizer.update(
        gradient, state.optimizer, state.parameters
    )
    parameters = optax.apply_updates(state.parameters, changes)
    return State(parameters, rest, optimizer), loss


def validate_on_batch(
    state: State, key: Any, batch: Any, *, task: Task, evaluation: bool
) -> tuple[State, Any]:
    """Return the state with advanced random streams, and a batch's loss.

    Parameters
    ----------
    evaluation : bool
        Whether to set the model to evaluation mode or to keep its mode.
    """
    loss, rest = _loss(
        task, state.parameters, state.rest, key, batch, evaluation
    )
    return state._replace(rest=rest), loss


def fit_epochs(
    model: Any,
    seed: Any,
    loss_fn: LossFn,
    train: Mapping[str, Any],
    val: Mapping[str, Any],
    optimizer: optax.GradientTransformation,
    n_iter: int,
    batch_size: int,
    fixes: Collection[str] = (),
) -> tuple[Any, Any]:
    """Train a model in place; see ``train.fit_model_no_branch``.

    Parameters
    ----------
    fixes : collection of str
        Defects to turn off: any of L24, L26, L32 and L33.

    Notes
    -----
    Compiled once for each model structure, loss function, optimizer, number
    of epochs, batch size and shape of the data.
    """
    n_rows = train["data"]["y"].shape[0]
    check_rows(n_rows, batch_size, fixes)
    task, state = start(model, loss_fn, optimizer)
    state, losses, val_losses = _run_epochs(
        state,
        seed,
        train,
        val,
        task=task,
        n_epochs=n_iter,
        batch_size=min(batch_size, n_rows),
        fixes=frozenset(fixes),
    )
    finish(model, state)
    if "L33" in fixes:
        model.eval()
    return losses, val_losses


@compiled(8)
def _run_epochs(
    state: State,
    seed: Any,
    train: Any,
    val: Any,
    *,
    task: Task,
    n_epochs: int,
    batch_size: int,
    fixes: frozenset[str],
) -> tuple[State, Any, Any]:
    n_rows = train["data"]["y"].shape[0]
    n_whole, n_left = divmod(n_rows, batch_size)

    def epoch(state: State, key: Any) -> tuple[State, tuple[Any, Any]]:
        order_key, key = jax.random.split(key)
        rows = jax.random.permutation(order_key, n_rows)
        n_batches = n_whole + bool(n_left)
        keys = jax.random.split(key, n_batches)

        def step(state: State, given: tuple[Any, Any]) -> tuple[State, Any]:
            key, rows = given
            batch = jax.tree.map(lambda leaf: leaf[rows], train)
            return train_on_batch(state, key, batch, task=task)

        whole = rows[: n_whole * batch_size].reshape((n_whole, batch_size))
        state, losses = jax.lax.scan(step, state, (keys[:n_whole], whole))
        n_in_batch = jnp.full(n_whole, batch_size)
        if n_left:
            state, loss = step(state, (keys[-1], rows[-n_left:]))
            losses = jnp.append(losses, loss)
            n_in_batch = jnp.append(n_in_batch, n_left)
        val_key = validation_key(key, n_batches, fixes)
        state, val_loss = validate_on_batch(
            state, val_key, val, task=task, evaluation="L33" in fixes
        )
        return state, (epoch_loss(losses, n_in_batch, fixes), val_loss)

    state, (losses, val_losses) = jax.lax.scan(
        epoch, state, jax.random.split(seed, n_epochs)
    )
    return state, losses, val_losses


def _loss(
    task: Task,
    parameters: Any,
    rest: Any,
    key: Any,
    batch: Any,
    evaluation: bool = False,
) -> tuple[Any, Any]:
    # Copied, because a trace can only change objects created in it.
    rest = jax.tree.map(lambda leaf: leaf, rest)
    model = nnx.merge(task.graph, parameters, rest)
    if evaluation:
        model.eval()
    loss = task.loss_fn(model, key, batch)
    return loss, nnx.split(model, nnx.Param, ...)[2]
