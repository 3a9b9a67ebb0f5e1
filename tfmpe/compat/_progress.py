"""Log messages about the progress of training."""

import logging
import time
from typing import Any


def log_training(
    logger: logging.Logger, what: str, begin: float, losses: Any
) -> None:
    """Log duration and last losses at level INFO.

    If this level is disabled, do not wait for the losses to be computed.

    Parameters
    ----------
    logger : logging.Logger
    what : str
        What was trained, and on how much data.
    begin : float
        When the training began, in seconds of ``time.perf_counter``.
    losses : tuple of Array, shape (n_epochs,), or None
        Training and validation losses, as ``fit`` returns them.
    """
    if not logger.isEnabledFor(logging.INFO):
        return
    last = [f"{float(part[-1]):.6g}" for part in losses or () if len(part)]
    logger.info(
        "%s: %.1f s, last losses (training, validation): %s",
        what,
        time.perf_counter() - begin,
        ", ".join(last) or "none",
        stacklevel=2,
    )
