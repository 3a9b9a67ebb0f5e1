"""Expected coverage of credible regions."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int

from tfmpe._base.trees import flatten_tree, unflatten_tree
from tfmpe.estimators._checks.bands import Band, binomial_band
from tfmpe.estimators._checks.calibration_result import CalibrationRanks
from tfmpe.estimators._checks.plots import plot_coverage
from tfmpe.estimators._checks.table import summary_table
from tfmpe.estimators._checks.uniformity import JOINT
from tfmpe.estimators._types import ArrayTree, Axes

_REPORTED = (0.5, 0.8, 0.9)


@dataclass(frozen=True, eq=False, repr=False)
class ExpectedCoverage:
    """Nominal and empirical coverage of credible regions.

    Attributes
    ----------
    levels
        Nominal coverage, in increasing order up to 1.
    central : nested dict of ndarrays, (n_levels, *event, *batch)
        Fraction of simulations whose true value is in the central interval; NaN
        for values that are padding in all simulations.
    joint
        Fraction of simulations whose true values together are in the ball; see
        :func:`expected_coverage`.
    n_simulations
        Number of simulations.
    """

    levels: Float[np.ndarray, " levels"]
    central: ArrayTree
    joint: Float[np.ndarray, " levels"]
    n_simulations: int

    def curves(self) -> dict[str, Float[np.ndarray, "levels _"]]:
        """Return coverage by key, one column per value, and joint coverage."""
        each = {
            leaf.name: leaf.value.reshape((len(self.levels), -1))
            for leaf in flatten_tree(self.central, "central")
        }
        return {
            name: values[:, np.isfinite(values).all(0)]
            for name, values in each.items()
        } | {JOINT: self.joint[:, None]}

    def band(self) -> Band:
        """Return the 99% binomial band of the coverage of correct draws."""
        return binomial_band(self.n_simulations, self.levels)

    def summary(self) -> str:
        """Return a table of coverage at a few levels, as text.

        A row shows one key: the mean, minimum and maximum over its values.
        """
        chosen = [
            int(np.argmin(np.abs(self.levels - level))) for level in _REPORTED
        ]
        titles = [f"{self.levels[i]:.0%}" for i in chosen]
        rows = [
            (
                name,
                "" if name == JOINT else str(values.shape[1]),
                *(_cell(values[i]) for i in chosen),
            )
            for name, values in self.curves().items()
        ]
        lower, upper = self.band()
        band = (f"{lower[i]:.2f} to {upper[i]:.2f}" for i in chosen)
        rows.append(("99% band", "", *band))
        return summary_table(self, ("key", "values", *titles), rows)

    def plot(self, ax: Axes | None = None) -> Axes:
        """Plot empirical against nominal coverage.

        Parameters
        ----------
        ax : matplotlib Axes, optional
            Where to plot; a new figure by default (extra ``plot``).

        Returns
        -------
        matplotlib Axes
            One line per key, the mean over its values, and one for all keys
            together. Above the diagonal, draws are too wide; below it, too
            narrow or in the wrong place. If draws are correct, 99 of 100 values
            lie in the gray band at each level; means vary less. The figure is
            not shown.
        """
        return plot_coverage(self.levels, self.curves(), self.band(), ax)

    def __repr__(self) -> str:
        return f"ExpectedCoverage({self.n_simulations} simulations)"


def expected_coverage(ranks: CalibrationRanks) -> ExpectedCoverage:
    """Return how often credible regions of each level contain the truth.

    Parameters
    ----------
    ranks
        The result of :func:`calibration_ranks`; nothing is drawn again.

    Returns
    -------
    ExpectedCoverage
        Coverage of the central interval of each value, and of a ball around
        the mean of the draws for all values together, in standard deviations
        of the draws.

    Notes
    -----
    At the chosen levels, intervals end at draws, so nothing is interpolated
    and correct draws have exactly the nominal coverage. The balls are the
    regions of Lemos et al., 2023 (TARP), but centered at the mean of the
    draws instead of a random point.

    Source: Hermans et al., 2022 (expected coverage).

    Examples
    --------
    Ranks of draws that are too narrow are often low or high:

    >>> ranks = np.array([[0], [1], [4], [8], [9]])
    >>> real, joint = np.ones((5, 1), bool), {"mu": ranks[:, 0]}
    >>> joint["(joint)"] = joint["mu"]
    >>> coverage = expected_coverage(
    ...     CalibrationRanks({"mu": ranks}, {"mu": real}, joint, joint, 9)
    ... )
    >>> print(f"{coverage.levels[3]}: {coverage.central['mu'][3, 0]}")
    0.6: 0.2
    """
    n_samples = ranks.n_samples
    # The number of ranks that a region leaves out at either end.
    left_out = np.arange((n_samples + 1) // 2, -1, -1)
    columns, central = ranks.columns(), []
    for each in columns:
        depth = np.minimum(each.ranks, n_samples - each.ranks)
        share = _shares(depth, each.real, left_out)
        central.append(share.reshape((len(left_out), *each.shape)))
    joint = ranks.joint_columns()
    depth = (n_samples - joint.together[:, 1:]) // 2
    return ExpectedCoverage(
        1 - 2 * left_out / (n_samples + 1),
        unflatten_tree(columns, central),
        _shares(depth, joint.some[:, None], left_out)[:, 0],
        int(joint.some.sum()),
    )


def _shares(
    depth: Int[np.ndarray, "n values"],
    real: Bool[np.ndarray, " n #values"],
    left_out: Int[np.ndarray, " levels"],
) -> Float[np.ndarray, "levels values"]:
    """Return the fraction of each column that is covered at each level."""
    n = real.sum(0)
    counts = [(real & (depth >= ranks)).sum(0) for ranks in left_out]
    return np.where(n > 0, np.array(counts) / np.maximum(n, 1), np.nan)


def _cell(values: Float[np.ndarray, " values"]) -> str:
    if not values.size:
        return ""
    text = f"{values.mean():.2f}"
    if values.size > 1:
        text += f" ({values.min():.2f} to {values.max():.2f})"
    return text
