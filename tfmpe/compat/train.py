"""Mirror of the legacy module ``sfmpe.train`` (extra ``flow``)."""

from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array as Array

from tfmpe._base.programs import compiled
from tfmpe.compat._flow.epochs import (
    LossFn,
    State,
    Task,
    finish,
    fit_epochs,
    start,
    train_on_batch,
    validate_on_batch,
)
from tfmpe.compat._needs_flow import nnx, optax
from tfmpe.compat.fixes import read_fixes
from tfmpe.compat.util.early_stopping import EarlyStopping as EarlyStopping

_train_on_batch = compiled()(train_on_batch)
_validate_on_batch = compiled()(validate_on_batch)


def fit_model_no_branch(
    model: Any,
    seed: Any,
    loss_fn: LossFn,
    train: Mapping[str, Any],
    val: Mapping[str, Any],
    optimizer: optax.GradientTransformation,
    n_iter: int,
    batch_size: int,
    *,
    fix: Iterable[str] | None = None,
) -> tuple[Any, Any]:
    """Train a model for a fixed number of epochs, in one compiled program.

    Parameters
    ----------
    model : nnx.Module
        Trained in place; left in training mode.
    seed : key array
        For the order of the rows, and for the loss.
    loss_fn : callable
        ``loss_fn(model, key, batch)`` returns a scalar. Pass the same object
        in every call, so that the program is compiled only once.
    train, val : dict
        Trees of arrays with the same rows along the first axis of every
        leaf; ``train['data']['y']`` must exist.
    optimizer : optax.GradientTransformation
    n_iter : int
        Number of epochs; the rows are shuffled in each.
    batch_size : int
        Rows per step; must divide the number of rows (L24).
    fix : iterable of str, optional
        Defects to turn off: L24, L26, L32 and L33 apply here.

    Returns
    -------
    train_losses, val_losses : Array, shape (n_iter,)
        The first is the sum over the batches of an epoch plus the mean over
        the rows (L26). The second is computed for all rows of ``val`` at once,
        with the key of the first batch (L32) and in training mode (L33).

    Raises
    ------
    KeyError
        If there is no ``train['data']['y']``.
    TypeError
        If ``batch_size`` does not divide the number of rows, unless L24 is
        fixed.
    ZeroDivisionError
        If ``batch_size`` is 0.

    Notes
    -----
    Legacy: ``sfmpe.train.fit_model_no_branch``.
    """
    return fit_epochs(
        model,
        seed,
        loss_fn,
        train,
        val,
        optimizer,
        n_iter,
        batch_size,
        read_fixes(fix),
    )


def fit_model(
    seed: Any,
    model: Any,
    loss_fn: LossFn,
    train_iter: Any,
    val_iter: Any,
    optimizer: optax.GradientTransformation,
    n_iter: int,
    n_early_stopping_patience: int,
    n_early_stopping_delta: float,
) -> Array:
    """Train a model until its validation loss no longer improves.

    Parameters
    ----------
    seed : key array
        First here, but second in :func:`fit_model_no_branch` (L59).
    model : nnx.Module
        Trained in place; left in training mode, with the weights and random
        streams of the epoch with the smallest validation loss.
    loss_fn : callable
        ``loss_fn(model, key, batch)`` returns a scalar.
    train_iter, val_iter : iterable of dict
        Batches, which may differ between epochs, with an attribute
        ``num_samples``, the total number of rows. ``batch['data']['y']``
        must exist.
    optimizer : optax.GradientTransformation
    n_iter : int
        Maximum number of epochs.
    n_early_stopping_patience : int
        Allowed consecutive epochs without improvement; one more stops.
    n_early_stopping_delta : float
        Minimal decrease of the loss that counts as an improvement.

    Returns
    -------
    Array, shape (n_epochs, 2)
        Training and validation loss of every epoch, means over the rows.

    Raises
    ------
    ValueError
        If ``n_iter`` is 0 (L59).

    Notes
    -----
    A progress bar is shown if ``tqdm`` is installed (extra ``data``).
    Legacy: ``sfmpe.train.fit_model``.
    """
    if n_iter < 1:
        raise ValueError(f"n_iter is {n_iter}, expected at least 1 epoch.")
    task, state = start(model, loss_fn, optimizer)
    train_step = partial(_train_on_batch, task=task)
    val_step = partial(_validate_on_batch, task=task, evaluation=True)
    stopping = EarlyStopping(n_early_stopping_delta, n_early_stopping_patience)
    best, best_loss, losses = state, jnp.inf, []
    for number in _show_progress(range(n_iter)):
        key = jax.random.fold_in(seed, number)
        state, train_loss, key = _pass(train_step, state, key, train_iter)
        val_key = jax.random.split(key)[0]
        state, val_loss, _ = _pass(val_step, state, val_key, val_iter)
        losses.append(jnp.array([train_loss, val_loss]))
        if stopping.update(val_loss)[1].should_stop:
            break
        if val_loss < best_loss:
            best, best_loss = state, val_loss
    finish(model, best)
    return jnp.stack(losses)


def _validation_loss(
    rng_key: Any, model: Any, loss_fn: LossFn, val_iter: Any
) -> Any:
    """Return the mean loss of all rows of an iterator."""
    graph, parameters, rest = nnx.split(model, nnx.Param, ...)
    task = Task(graph, loss_fn, None)
    step = partial(_validate_on_batch, task=task, evaluation=False)
    state, loss, _ = _pass(
        step, State(parameters, rest, None), rng_key, val_iter
    )
    finish(model, state)
    return loss


def _pass(
    step: Callable[[State, Any, Any], tuple[State, Any]],
    state: State,
    key: Any,
    batches: Any,
) -> tuple[State, Any, Any]:
    """Iterate over all batches once.

    Returns
    -------
    state : State
    loss : Array, shape (), or 0.0
        Mean over all rows; 0 if there are none.
    key : key array
        Key for later use.
    """
    total = 0.0
    for batch in batches:
        batch_key, key = jax.random.split(key)
        state, loss = step(state, batch_key, batch)
        total += loss * (len(batch["data"]["y"]) / batches.num_samples)
    return state, total, key


def _show_progress(epochs: Iterable[int]) -> Iterable[int]:
    try:
        import tqdm
    except ImportError:
        return epochs
    return tqdm.tqdm(epochs)
