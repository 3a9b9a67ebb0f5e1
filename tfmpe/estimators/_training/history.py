"""Losses of a training run."""

from dataclasses import dataclass, field

from tfmpe.estimators._figures import new_axes
from tfmpe.estimators._types import Axes


@dataclass
class TrainingHistory:
    """Losses of every epoch, in standardized units.

    They are squared errors per value; for a :class:`DensityEstimator`, negative
    log densities in nats.

    Attributes
    ----------
    training
        Mean over each epoch, while parameters change.
    validation
        Loss at the end of each epoch, with the same noise every time; empty
        without validation data.
    best_epoch
        Index of the epoch with the lowest validation loss, whose parameters
        were kept; None without validation data.
    stopped_early
        Whether the validation loss stopped improving.

    Notes
    -----
    The loss does not converge to 0, because a point on a path does not
    determine the noise at its start.
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
        """Return the losses as one line of text."""
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
            The figure is not shown.
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
