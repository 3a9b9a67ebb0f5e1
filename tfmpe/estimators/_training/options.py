"""Options of ``fit``, and checks of them."""

import os
from types import NoneType
from typing import Any, NamedTuple, SupportsFloat

import jax.numpy as jnp
import numpy as np
import optax

from tfmpe._base.static import positive
from tfmpe.estimators._arguments import positive_or_none, real_number
from tfmpe.estimators._types import AnyTokens
from tfmpe.preprocessing import Tokens, TokenView

LEARNING_RATE = 1e-3


class FitOptions(NamedTuple):
    """Checked arguments; see :meth:`FlowMatchingEstimator.fit`."""

    learning_rate: float
    n_epochs: int
    batch_size: int
    progress: bool
    validation: float | AnyTokens | None = None
    optimizer: optax.GradientTransformation | None = None
    n_noise: int = 1
    patience: int | None = None
    checkpoint: str | os.PathLike[str] | None = None
    checkpoint_every: int = 10
    steps_per_epoch: int | None = None


def read_options(**given: Any) -> FitOptions:
    """Check the options of ``fit``."""
    options = FitOptions(**given)
    rate = options.learning_rate
    if callable(rate):
        raise TypeError(
            f"learning_rate is {rate!r}, expected a number. Pass a schedule "
            "as optimizer=optax.adamw(schedule)."
        )
    rate = real_number(rate, "learning_rate")
    with np.errstate(all="ignore"):
        held = np.asarray(rate, jnp.result_type(float))
    if not 0 < held < np.inf:
        raise ValueError(
            f"learning_rate is {rate}, expected a finite number above 0 "
            f"in {held.dtype}."
        )
    if options.optimizer is not None:
        _check_optimizer(options.optimizer)
        if rate != LEARNING_RATE:
            raise ValueError(
                f"learning_rate={rate} has no effect with optimizer=, which "
                "has its own. Pass one of them."
            )
    patience = positive_or_none(options.patience, "patience")
    if patience is not None and options.validation is None:
        raise ValueError(
            f"patience={patience} needs a validation loss: pass "
            "validation=0.1 to use a tenth of the data for validation."
        )
    whole = ("n_epochs", "batch_size", "n_noise", "checkpoint_every")
    return options._replace(
        learning_rate=rate,
        validation=_share_or_tokens(options.validation),
        steps_per_epoch=positive_or_none(
            options.steps_per_epoch, "steps_per_epoch"
        ),
        patience=patience,
        **{name: positive(getattr(options, name), name) for name in whole},
    )


def check_for_tokens(options: FitOptions) -> None:
    """Check the options that have a different meaning for Tokens."""
    if options.steps_per_epoch is not None:
        raise ValueError(
            f"steps_per_epoch={options.steps_per_epoch} is for batches only. "
            "Omit it: an epoch of Tokens uses all rows."
        )
    share = options.validation
    if isinstance(share, float) and not 0 < share < 1:
        raise ValueError(
            f"validation is {share}, expected a number between 0 and 1, or "
            "Tokens."
        )


def _share_or_tokens(
    validation: SupportsFloat | AnyTokens | None,
) -> float | AnyTokens | None:
    """Return a fraction as a float, Tokens unchanged."""
    if isinstance(validation, (Tokens, TokenView, NoneType)):
        return validation
    return float(validation)


def _check_optimizer(optimizer: object) -> None:
    if not (hasattr(optimizer, "init") and hasattr(optimizer, "update")):
        raise TypeError(
            f"optimizer is {optimizer!r}, expected an Optax transformation "
            "such as optax.adam(1e-3). For a learning rate, pass "
            "learning_rate=."
        )
