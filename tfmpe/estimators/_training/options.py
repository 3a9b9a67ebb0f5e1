"""How to train: what the arguments of ``fit`` come to."""

import os
from typing import Any, NamedTuple

from tfmpe.estimators._numbers import positive


class FitOptions(NamedTuple):
    """Checked arguments; see :meth:`FlowMatchingEstimator.fit`."""

    validation: Any
    optimiser: Any
    learning_rate: float
    n_epochs: int
    batch_size: int
    n_noise: int
    patience: int | None
    progress: bool
    checkpoint: str | os.PathLike[str] | None
    checkpoint_every: int


def read_options(**given: Any) -> FitOptions:
    """Check the arguments of a training.

    Raises
    ------
    ValueError
        If a number is not positive, or nothing is there to be patient for.
    TypeError
        If a number is not whole, or the optimiser is none.
    """
    options = FitOptions(**given)
    if options.optimiser is not None:
        _check_optimiser(options.optimiser)
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
        learning_rate=float(options.learning_rate),
        patience=patience,
        **{name: positive(getattr(options, name), name) for name in whole},
    )


def _check_optimiser(optimiser: Any) -> None:
    if not (hasattr(optimiser, "init") and hasattr(optimiser, "update")):
        raise TypeError(
            f"optimiser is {optimiser!r}, expected a transformation of optax "
            "such as optax.adam(1e-3). A number is given as learning_rate."
        )
