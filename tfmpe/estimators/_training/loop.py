"""Epochs of a training run: progress, early stopping, checkpoints."""

import os
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import jax
import numpy as np
from jaxtyping import Float

from tfmpe._base.keys import key_words
from tfmpe._base.programs import compiled
from tfmpe._base.progress import advance, progress_bar
from tfmpe.estimators._flow.vector_field import Network, SplitField, with_arrays
from tfmpe.estimators._storage.checkpoint import (
    Progress,
    load_checkpoint,
    save_checkpoint,
)
from tfmpe.estimators._training.errors import TrainingDivergedError
from tfmpe.estimators._training.history import TrainingHistory
from tfmpe.estimators._training.optimizer import Optimizer
from tfmpe.estimators._training.options import FitOptions
from tfmpe.estimators._training.steps import (
    Batch,
    Loss,
    Plan,
    TrainingState,
    batch_gradient,
    batch_loss,
    update,
)
from tfmpe.estimators._types import Arrays, PRNGKey
from tfmpe.preprocessing import Standardizer

# No epoch has this number, so none has the noise of validation.
_VALIDATION = np.uint32(2**32 - 1)

Batches = Callable[[np.random.Generator], Iterator[Batch]]
"""A function from a random generator to the batches of an epoch."""


def begin(
    optimizer: Optimizer,
    split: SplitField,
    standardizer: Standardizer | None,
    folder: str | os.PathLike[str] | None,
    settings: dict[str, Any],
) -> tuple[Progress, Standardizer | None]:
    """Return the initial or stored progress, and the standardizer."""
    parameters = split.parameters
    moments = _initial(parameters, transformation=optimizer.transformation)
    state = TrainingState(parameters, moments)
    fresh = Progress(state, parameters, TrainingHistory(), 0, split.rest[0])
    if folder is None:
        return fresh, standardizer
    found = load_checkpoint(folder, fresh, standardizer, settings)
    return (fresh, standardizer) if found is None else found


@compiled()
def _initial(parameters: Arrays, *, transformation: Any) -> Arrays:
    return transformation.init(parameters)


@dataclass
class Loop:
    """A training run, from the first epoch or a checkpoint to the end.

    There is a plan for every conditional; each step trains one of them at
    random. ``rest`` has the arrays of the field that are not trained. Epoch
    ``i`` depends only on ``fold_in(key, i)``, and the learning rate and the
    progress bar on its number of steps. The settings must equal those of a
    checkpoint.
    """

    plans: tuple[Plan, ...]
    rest: tuple[Arrays, Arrays]
    key: PRNGKey
    batches: Batches
    n_steps: int
    validation: Iterable[Batch] | None
    optimizer: Optimizer
    options: FitOptions
    standardizer: Standardizer | None
    settings: dict[str, Any]

    def train(
        self, reached: Progress, field: Network, keep: Callable[[Network], None]
    ) -> TrainingHistory:
        """Train to the end; ``keep`` the best field, even after an error.

        ``field`` provides the architecture; see :meth:`epochs` for errors.
        """
        try:
            for progressed in self.epochs(reached):
                reached = progressed
        finally:
            keep(with_arrays(field, reached.best, reached.others))
        return reached.history

    def epochs(self, progress: Progress) -> Iterator[Progress]:
        """Yield the progress after every epoch.

        Raises a TrainingDivergedError if a loss is not finite; the progress
        yielded last is valid.
        """
        options = self.options
        numbers = range(progress.history.n_epochs, options.n_epochs)
        saved = progress.history.n_epochs
        with progress_bar(
            options.progress,
            options.n_epochs * self.n_steps,
            "step",
            initial=numbers.start * self.n_steps,
        ) as bar:
            for number in numbers:
                if self._has_waited(progress.waited):
                    break
                progress = self._after_epoch(progress, number, bar)
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

    def _after_epoch(
        self, progress: Progress, number: int, bar: Any
    ) -> Progress:
        state, loss = self._train_epoch(progress.state, number, bar)
        before = progress.history
        training = [*before.training, loss]
        if self.validation is None:
            history = TrainingHistory(training)
            progress = progress._replace(
                state=state, best=state.parameters, history=history
            )
        else:
            found = self._validate(state.parameters, self.validation, number)
            better = found < min(before.validation, default=np.inf)
            waited = 0 if better else progress.waited + 1
            history = TrainingHistory(
                training,
                [*before.validation, found],
                number if better else before.best_epoch,
                self._has_waited(waited),
            )
            progress = progress._replace(
                state=state,
                best=state.parameters if better else progress.best,
                history=history,
                waited=waited,
            )
        if bar is not None:
            bar.set_postfix_str(history.summary())
        return progress

    def _train_epoch(
        self, state: TrainingState, number: int, bar: Any
    ) -> tuple[TrainingState, float]:
        """Return the state after an epoch, and its mean loss."""
        epoch_key = jax.random.fold_in(self.key, number)
        random = np.random.default_rng(key_words(epoch_key))
        losses = []
        for batch in self.batches(random):
            step = len(losses)
            plan = self.plans[int(random.integers(len(self.plans)))]
            gradient, (total, n) = batch_gradient(
                state.parameters,
                self.rest,
                batch,
                jax.random.fold_in(epoch_key, step),
                plan=plan,
            )
            done = number * self.n_steps + min(step, self.n_steps - 1)
            state, total = update(
                state,
                gradient,
                total,
                np.float32(self.optimizer.rate(done)),
                optimizer=self.optimizer.transformation,
            )
            losses.append((total, n))
            # A loss is only read when it is shown.
            if advance(bar, "training", losses):
                total, n = jax.device_get(losses[-1])
                bar.set_postfix_str(f"loss {total / max(n, 1):.4f}")
        if bar is not None:
            bar.total = len(losses) * self.options.n_epochs
        return state, _mean_loss(_on_host(losses), number)

    def _validate(
        self, parameters: Arrays, batches: Iterable[Batch], number: int
    ) -> float:
        """Return the mean loss of the validation data over all conditionals.

        The noise is the same in every epoch, so that losses of two epochs
        differ only because of the parameters.
        """
        key = jax.random.fold_in(self.key, _VALIDATION)
        means = []
        for plan in self.plans:
            losses = [
                batch_loss(
                    parameters,
                    self.rest,
                    batch,
                    jax.random.fold_in(key, step),
                    plan=plan,
                )
                for step, batch in enumerate(batches)
            ]
            totals, counts = _on_host(losses).T
            means.append(totals.sum() / max(counts.sum(), 1))
        found = float(np.mean(means))
        if not np.isfinite(found):
            raise TrainingDivergedError(
                f"The validation loss is {found} after epoch {number + 1}. "
                "Look for extreme values in the validation data, or lower "
                "the learning rate."
            )
        return found

    def _has_waited(self, epochs: int) -> bool:
        patience = self.options.patience
        return patience is not None and epochs >= patience


def _on_host(losses: list[Loss]) -> Float[np.ndarray, "steps 2"]:
    return np.asarray(jax.device_get(losses), float)


def _mean_loss(losses: Float[np.ndarray, "steps 2"], epoch: int) -> float:
    """Return the mean loss of an epoch, or raise at the first invalid step."""
    totals, counts = losses.T
    bad = np.flatnonzero(~np.isfinite(totals / np.maximum(counts, 1)))
    if bad.size:
        raise TrainingDivergedError(
            "The loss, or a parameter that it changed, is not finite at step "
            f"{int(bad[0]) + 1} of {len(losses)} in epoch {epoch + 1}. The "
            "parameters of the last finished epoch were kept. Look for NaN "
            "or extreme values in the data, lower the learning rate, or clip "
            "gradients."
        )
    return float(totals.sum() / max(counts.sum(), 1))
