"""Losses of a training."""

from dataclasses import dataclass, field

from tfmpe.estimators._figures import new_axes
from tfmpe.estimators._types import Axes


@dataclass
class TrainingHistory:
    """Losses of every epoch, in squared standardized units per value.

    Attributes
    ----------
    training
        Mean over the epoch, while parameters changed.
    validation
        At the end of the epoch, with the same noise in every epoch; empty
        without validation data.
    best_epoch
        The epoch, counted from 0, whose parameters were kept; None for the
        last one.
    stopped_early
        Whether the validation loss stopped improving.

    Notes
    -----
    The loss does not go to 0: it keeps the variance of the noise given one
    point of the path.
    """

    training: list[float] = field(default_factory=list)
    validation: list[float] = field(default_factory=list)
    best_epoch: int | None = None
    stopped_early: bool = False

    @property
    def n_epochs(self) -> int:
        """Number of finished epochs."""
        return len(self.training)

    def __repr__(self) -> str:
        n_epochs = f"{self.n_epochs} epoch{'s' * (self.n_epochs != 1)}"
        parts = [n_epochs, self.summary()] if self.training else ["no epoch"]
        return f"TrainingHistory({', '.join(parts)})"

    def summary(self) -> str:
        """Return the losses on one line, to print."""
        parts = [f"loss {loss:.4f}" for loss in self.training[-1:]]
        if self.validation:
            parts.append(f"validation {min(self.validation):.4f}")
        if self.stopped_early:
            parts.append("stopped early")
        return ", ".join(parts)

    def plot(self, ax: Axes | None = None) -> Axes:
        """Plot the losses.

        Parameters
        ----------
        ax : matplotlib Axes, optional
            Where to plot; a new figure by default.

        Returns
        -------
        matplotlib Axes
            Never shown.
        """
        ax = new_axes(ax, "TrainingHistory.plot")
        epochs = range(1, self.n_epochs + 1)
        ax.plot(epochs, self.training, label="training")
        if self.validation:
            ax.plot(epochs, self.validation, label="validation")
        if self.best_epoch is not None:
            ax.axvline(self.best_epoch + 1, color="0.6", lw=1, label="kept")
        ax.set_xlabel("epoch")
        ax.set_ylabel("loss per value")
        ax.legend(frameon=False)
        return ax
