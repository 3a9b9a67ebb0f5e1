"""Mirror of the legacy module ``sfmpe.util.early_stopping``."""

import math
from dataclasses import dataclass
from typing import Any

from tfmpe.compat.defects.l48_never_again import improves, stays_stopped
from tfmpe.compat.fixes import read_fixes


@dataclass
class EarlyStopping:
    """Rule that stops training when the loss no longer improves.

    Parameters
    ----------
    min_delta : float
        Minimal decrease of the loss that counts as an improvement.
    patience : int
        Allowed consecutive losses without improvement; one more stops.
    best_metric : float or Array, shape ()
        The smallest loss so far, as it was passed.
    patience_count : int
        Number of losses since the last improvement.
    should_stop : bool
        Whether to stop; stays True once it is set, unless the environment
        variable ``TFMPE_COMPAT_FIX`` contains L48.

    Notes
    -----
    Does not work under ``jit``. Legacy:
    ``sfmpe.util.early_stopping.EarlyStopping``.
    """

    min_delta: float = 0
    patience: int = 0
    best_metric: Any = math.inf
    patience_count: int = 0
    should_stop: bool = False

    def update(self, metric: Any) -> tuple[bool, "EarlyStopping"]:
        """Update the rule with a validation loss.

        Parameters
        ----------
        metric : float or Array, shape ()

        Returns
        -------
        improved : bool
        early_stopping : EarlyStopping
            The same object.
        """
        fixes = read_fixes()
        improved = improves(metric, self.best_metric, self.min_delta, fixes)
        if improved:
            self.best_metric = metric
            self.patience_count = 0
            self.should_stop = stays_stopped(self.should_stop, fixes)
        else:
            self.should_stop = (
                self.patience_count >= self.patience or self.should_stop
            )
            self.patience_count += 1
        return improved, self

    def reset(self) -> "EarlyStopping":
        """Forget all losses; return the same object."""
        self.best_metric = math.inf
        self.patience_count = 0
        self.should_stop = False
        return self
