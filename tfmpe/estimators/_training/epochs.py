"""Epochs of a training: progress, early stopping, checkpoints."""

import itertools
import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import nullcontext
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Num

from tfmpe._base.arrays import take_rows
from tfmpe._base.extras import import_extra
from tfmpe.estimators._flow.vector_field import SplitField
from tfmpe.estimators._storage.checkpoint import (
    Progress,
    load_checkpoint,
    save_checkpoint,
)
from tfmpe.estimators._training.errors import TrainingDivergedError
from tfmpe.estimators._training.history import TrainingHistory
from tfmpe.estimators._training.options import FitOptions
from tfmpe.estimators._training.steps import (
    Plan,
    TrainingState,
    evaluate,
    train_epoch,
    update_once,
)
from tfmpe.estimators._types import AnyArray, AnyTokens, Arrays, PRNGKey
from tfmpe.preprocessing import Standardizer, Tokens

# Epochs are numbered from 0, so none has the same noise.
_VALIDATION = np.uint32(2**32 - 1)

Epoch = Callable[[TrainingState, PRNGKey], tuple[TrainingState, Array, Array]]
"""From state and key to state, totals and counts of every step."""

Part = tuple[AnyTokens, Float[np.ndarray, " rows"]]
"""Rows of a step, and their weights."""


def begin(
    plan: Plan,
    split: SplitField,
    standardizer: Standardizer | None,
    folder: str | os.PathLike[str] | None,
    settings: dict[str, Any],
) -> tuple[Progress, Standardizer | None]:
    """Return the initial or stored progress, and the standardizer."""
    parameters = split.parameters
    assert plan.optimizer is not None
    state = TrainingState(parameters, plan.optimizer.init(parameters))
    fresh = Progress(state, parameters, TrainingHistory(), 0, split.rest[0])
    if folder is None:
        return fresh, standardizer
    found = load_checkpoint(folder, fresh, standardizer, settings)
    return (fresh, standardizer) if found is None else found


@dataclass
class Loop:
    """One training, from the first epoch or a checkpoint to the end.

    Attributes
    ----------
    rest
        Arrays of the field that are not trained.
    key
        Epoch ``i`` depends on ``fold_in(key, i)`` only.
    validation
        Standardized.
    settings
        Required to be equal in a checkpoint.
    """

    plan: Plan
    rest: tuple[Arrays, Arrays]
    key: PRNGKey
    run_epoch: Epoch
    validation: Tokens | None
    options: FitOptions
    standardizer: Standardizer | None
    settings: dict[str, Any]

    def epochs(self, progress: Progress) -> Iterator[Progress]:
        """Yield the progress after every epoch."""
        options = self.options
        numbers = range(progress.history.n_epochs, options.n_epochs)
        saved = progress.history.n_epochs
        with self._bar(numbers) as bar:
            for number in numbers:
                if self._has_waited(progress.waited):
                    break
                progress = self._after_epoch(progress, number)
                if bar is not None:
                    bar.set_postfix_str(progress.history.summary())
                    bar.update()
                if (number + 1) % options.checkpoint_every == 0:
                    self._save(progress)
                    saved = number + 1
                yield progress
        if saved < progress.history.n_epochs:
            self._save(progress)

    def _save(self, progress: Progress) -> None:
        folder = self.options.checkpoint
        if folder is not None:
            save_checkpoint(folder, progress, self.standardizer, self.settings)

    def _after_epoch(self, progress: Progress, number: int) -> Progress:
        epoch_key = jax.random.fold_in(self.key, number)
        state, totals, counts = self.run_epoch(progress.state, epoch_key)
        loss = _mean_loss(totals, counts, number)
        before = progress.history
        training = [*before.training, loss]
        if self.validation is None:
            return progress._replace(
                state=state,
                best=state.parameters,
                history=TrainingHistory(training),
            )
        # The same noise in every epoch, so that only parameters differ.
        key = jax.random.fold_in(self.key, _VALIDATION)
        found = float(
            evaluate(
                state.parameters,
                self.rest,
                self.validation,
                key,
                # Not compiled again for another optimizer.
                plan=self.plan._replace(optimizer=None),
            )
        )
        if not np.isfinite(found):
            raise TrainingDivergedError(
                f"The validation loss is {found} after epoch {number + 1}. "
                "Look for extreme values in the validation data, or lower "
                "the learning rate."
            )
        better = found < min(before.validation, default=np.inf)
        waited = 0 if better else progress.waited + 1
        history = TrainingHistory(
            training,
            [*before.validation, found],
            number if better else before.best_epoch,
            self._has_waited(waited),
        )
        return progress._replace(
            state=state,
            best=state.parameters if better else progress.best,
            history=history,
            waited=waited,
        )

    def _has_waited(self, epochs: int) -> bool:
        patience = self.options.patience
        return patience is not None and epochs >= patience

    def _bar(self, numbers: range) -> Any:
        if not self.options.progress:
            return nullcontext()
        tqdm = import_extra("tqdm.auto", "data", "progress=True needs tqdm")
        return tqdm.tqdm(
            desc="training",
            unit="epoch",
            initial=numbers.start,
            total=self.options.n_epochs,
        )


def _mean_loss(
    totals: Float[AnyArray, " steps"],
    counts: Num[AnyArray, " steps"],
    epoch: int,
) -> float:
    """Return the mean loss of an epoch; the error names the step."""
    totals, counts = np.asarray(totals), np.asarray(counts)
    losses = totals / np.maximum(counts, 1)
    bad = np.flatnonzero(~np.isfinite(losses))
    if bad.size:
        step = int(bad[0])
        raise TrainingDivergedError(
            "The loss, or a parameter that it changed, is not finite at step "
            f"{step + 1} of {len(losses)} in epoch {epoch + 1}. The "
            "parameters of the last finished epoch were kept. Look for NaN "
            "or extreme values in the data, lower the learning rate, or clip "
            "gradients."
        )
    return float(totals.sum(dtype=float) / max(counts.sum(dtype=float), 1))


def static_epoch(
    plan: Plan, rest: tuple[Arrays, Arrays], tokens: Tokens
) -> Epoch:
    """Return an epoch over Tokens: one compiled loop."""
    return lambda state, key: train_epoch(state, rest, tokens, key, plan=plan)


def streaming_epoch(
    plan: Plan,
    rest: tuple[Arrays, Arrays],
    batches: Iterable[AnyTokens],
    prepare: Callable[[AnyTokens], AnyTokens],
    n_steps: int | None,
    n_before: int,
) -> Epoch:
    """Return an epoch over batches: one compiled step for each.

    ``prepare`` turns a batch into standardized Tokens. With ``n_steps`` an
    epoch continues where the last one stopped, after ``n_before`` epochs of
    a training that is continued; otherwise every epoch starts again.
    """

    def parts() -> Iterator[Part]:
        for batch in batches:
            yield from _parts(prepare(batch), plan.batch_size)

    going_on = itertools.islice(
        _repeated(parts), n_before * (n_steps or 0), None
    )

    def run(
        state: TrainingState, key: PRNGKey
    ) -> tuple[TrainingState, Array, Array]:
        losses = []
        taken = itertools.islice(going_on, n_steps) if n_steps else parts()
        for part, weights in taken:
            step_key = jax.random.fold_in(key, len(losses))
            state, loss = update_once(
                state, rest, part, weights, step_key, plan=plan
            )
            losses.append(loss)
        if n_steps and len(losses) < n_steps:
            raise ValueError(
                f"The batches ended after {len(losses)} of "
                f"steps_per_epoch={n_steps} steps, and cannot start again."
            )
        if not losses:
            raise ValueError(
                "There are no more batches. An iterable that can be iterated "
                "only once is empty after an epoch: pass a TokenGenerator, a "
                "list, or another iterable that starts again."
            )
        totals, counts = map(jnp.stack, zip(*losses, strict=True))
        return state, totals, counts

    return run


def _repeated(
    parts: Callable[[], Iterator[Part]],
) -> Iterator[Part]:
    """Start again at the end, unless there are no parts."""
    found = True
    while found:
        found = False
        for part in parts():
            found = True
            yield part


def _parts(batch: AnyTokens, size: int) -> Iterator[Part]:
    """Cut a batch to the size of a step, and fill up the last part."""
    n_rows = batch.sample_shape[0]
    for start in range(0, n_rows, size):
        rows = np.arange(start, start + size)
        weights = (rows < n_rows).astype(np.float32)
        rows = np.minimum(rows, n_rows - 1)
        yield take_rows(batch, rows), weights
