"""How to train: what the arguments of ``fit`` come to."""

import os
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from tfmpe.estimators._arguments import positive, real_number


class FitOptions(NamedTuple):
    """Checked arguments; see :meth:`FlowMatchingEstimator.fit`."""

    validation: Any
    optimizer: Any
    learning_rate: float
    n_epochs: int
    batch_size: int
    n_noise: int
    patience: int | None
    progress: bool
    checkpoint: str | os.PathLike[str] | None
    checkpoint_every: int
    steps_per_epoch: int | None


def read_options(**given: Any) -> FitOptions:
    """Check the arguments of a training.

    Raises
    ------
    ValueError
        If a number is not positive and finite, or nothing is there to be
        patient for.
    TypeError
        If a number is none or not whole, or the optimizer is none.
    """
    options = FitOptions(**given)
    rate = options.learning_rate
    if callable(rate):
        raise TypeError(
            f"learning_rate is {rate!r}, expected a number. Give a schedule "
            "as optimizer=optax.adamw(schedule)."
        )
    rate = real_number(rate, "learning_rate")
    with np.errstate(all="ignore"):
        held = np.asarray(rate, jnp.result_type(float))
    if not 0 < held < np.inf:
        raise ValueError(
            f"learning_rate is {rate}, expected more than 0 and finite, as "
            f"{held.dtype}."
        )
    if options.optimizer is not None:
        _check_optimizer(options.optimizer)
    patience = options.patience
    if patience is not None:
        patience = positive(patience, "patience")
        if options.validation is None:
            raise ValueError(
                f"patience={patience} watches the validation loss: pass "
                "validation=0.1 to set a tenth of the data aside."
            )
    whole = ("n_epochs", "batch_size", "n_noise", "checkpoint_every")
    return options._replace(
        learning_rate=rate,
        validation=_share_or_tokens(options.validation),
        steps_per_epoch=None
        if options.steps_per_epoch is None
        else positive(options.steps_per_epoch, "steps_per_epoch"),
        patience=patience,
        **{name: positive(getattr(options, name), name) for name in whole},
    )


def check_for_tokens(options: FitOptions) -> None:
    """Check what has another meaning where data are Tokens, not batches.

    Raises
    ------
    ValueError
        If the steps of an epoch are given, or a share of the data to
        validate with that is not one.
    """
    if options.steps_per_epoch is not None:
        raise ValueError(
            f"steps_per_epoch={options.steps_per_epoch} is for batches that "
            "have no end; an epoch of Tokens goes through all of them."
        )
    share = options.validation
    if isinstance(share, float) and not 0 < share < 1:
        raise ValueError(
            f"validation is {share}, expected a share between 0 and 1, or "
            "Tokens."
        )


def _share_or_tokens(validation: Any) -> Any:
    """Return a share as a float, Tokens as they are."""
    number = isinstance(validation, (int, float, np.number)) or (
        isinstance(validation, (np.ndarray, jax.Array)) and validation.ndim == 0
    )
    return float(validation) if number else validation


def _check_optimizer(optimizer: Any) -> None:
    if not (hasattr(optimizer, "init") and hasattr(optimizer, "update")):
        raise TypeError(
            f"optimizer is {optimizer!r}, expected a transformation of optax "
            "such as optax.adam(1e-3). A number is given as learning_rate."
        )
