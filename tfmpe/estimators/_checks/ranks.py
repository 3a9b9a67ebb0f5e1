"""Ranks of true values among draws, and what they say."""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from tfmpe._base.trees import flatten_tree, unflatten_tree
from tfmpe.estimators._checks.uniformity import (
    MIN_SIMULATIONS,
    RankColumns,
    Uniformity,
    assess,
    bonferroni,
)
from tfmpe.preprocessing.show.text import aligned, printable, shorten

JOINT = "(joint)"


@dataclass(frozen=True, eq=False, repr=False)
class CalibrationRanks:
    """Ranks of true values among draws, for many simulations.

    Attributes
    ----------
    ranks : nested dict of ndarrays, (n_simulations, *event, *batch)
        Number of draws below the true value, from 0 to ``n_samples``.
    real : nested dict of ndarrays of bool, same shapes
        False for padding, whose ranks mean nothing.
    means, distances : dict of ndarrays of int, (n_simulations,)
        For every key, and for all under ``"(joint)"``: number of draws with
        a lower mean of all values, and number of draws nearer to the middle
        of the draws, in standard deviations of these.
    n_samples : int
        Draws for every simulation.
    """

    ranks: dict[str, Any]
    real: dict[str, Any]
    means: dict[str, np.ndarray]
    distances: dict[str, np.ndarray]
    n_samples: int

    @property
    def n_simulations(self) -> int:
        """Number of simulations."""
        return len(self.means[JOINT])

    def columns(self) -> list[RankColumns]:
        """Return the ranks of every key, with one column per value."""
        pairs = zip(
            flatten_tree(self.ranks, "ranks"),
            flatten_tree(self.real, "real"),
            strict=True,
        )
        return [
            self._columns(ranks.name, ranks.value, real.value)
            for ranks, real in pairs
            if ranks.value.size
        ]

    def joint_columns(self) -> RankColumns:
        """Return the ranks of what all keys are together; no single values."""
        none = np.zeros((self.n_simulations, 0), np.int32)
        some = [columns.some for columns in self.columns()]
        joint = self._columns(JOINT, none, none.astype(bool))
        return joint._replace(some=np.any(some, axis=0))

    def _columns(self, name: str, ranks: Any, real: Any) -> RankColumns:
        shape = ranks.shape[1:]
        ranks, real = (
            array.reshape((self.n_simulations, math.prod(shape)))
            for array in (ranks, real)
        )
        together = np.stack([self.means[name], self.distances[name]], 1)
        return RankColumns(name, ranks, real, shape, together, real.any(1))

    def uniformity(self) -> Uniformity:
        """Test whether the ranks are uniform, as they are of right draws.

        Returns
        -------
        Uniformity
            p values: of every value, and corrected for the number of tests
            of every key and of all.

        Notes
        -----
        Values of one simulation may depend on one another in any way. Of
        right draws a corrected p value below 0.01 comes up in about one of
        a hundred checks, or fewer. Source: Neyman, 1937 (smooth tests).
        """
        tests = {c.name: assess(c, self.n_samples) for c in self.columns()}
        leaves = flatten_tree(self.ranks, "ranks")
        joint = assess(self.joint_columns(), self.n_samples).p_value
        keys = {name: test.p_value for name, test in tests.items()}
        values = [
            tests[leaf.name].values.reshape(leaf.value.shape[1:])
            for leaf in leaves
            if leaf.name in tests
        ]
        return Uniformity(
            unflatten_tree(
                [leaf.path for leaf in leaves if leaf.name in tests], values
            ),
            keys,
            joint,
            bonferroni([*keys.values(), joint]),
            {
                name: int(np.isfinite(test.values).sum())
                for name, test in tests.items()
            },
        )

    def summary(self) -> str:
        """Return a table to print: a row per key, and what is wrong.

        Returns
        -------
        str
            For every key the mean of its ranks (from 0 to 1), their spread
            (1 if uniform; more if draws are too narrow), the corrected p
            value of :meth:`uniformity`, and a finding if that is below 0.01.
        """
        rows = [("key", "values", "mean", "spread", "p", "finding")]
        p_values = []
        for columns in [*self.columns(), self.joint_columns()]:
            test = assess(columns, self.n_samples)
            p_values.append(test.p_value)
            rows.append(
                (
                    shorten(printable(columns.name), 24),
                    str(columns.ranks.shape[1] or ""),
                    *_moments(columns, self.n_samples),
                    p_in_words(test.p_value),
                    test.finding,
                )
            )
        lines = [repr(self), ""]
        lines += ["  " + line for line in aligned(rows)]
        lines.append("right draws have mean 0.50 and spread 1.00")
        overall = bonferroni(p_values)
        if math.isnan(overall):
            lines.append(
                f"p values need at least {MIN_SIMULATIONS} simulations"
            )
        else:
            lines.append(
                "p of a key is corrected for its values; for all "
                f"{len(p_values)} rows it is {p_in_words(overall)}"
            )
        return "\n".join(lines)

    def plot(self, ax: Any = None) -> Any:
        """Plot a histogram of the ranks of every key.

        Parameters
        ----------
        ax : sequence of matplotlib Axes, optional
            Where to plot: one for each key and one for the joint ranks, or
            one Axes alone for the first key. New ones by default.

        Returns
        -------
        ndarray of matplotlib Axes
            Those that were drawn on; never shown.

        Raises
        ------
        ImportError
            If matplotlib is not installed.

        Notes
        -----
        Heights are relative to those of uniform ranks. Each of them lies in
        the grey band in 99 of 100 checks of right draws; bars of a key with
        several values are averages, which vary less.
        """
        from tfmpe.estimators._checks.plots import plot_ranks

        return plot_ranks(self, ax)

    def plot_ecdf(self, ax: Any = None) -> Any:
        """Plot how far the distributions of ranks are from uniform.

        Parameters
        ----------
        ax : matplotlib Axes, optional
            Where to plot; a new figure by default.

        Returns
        -------
        matplotlib Axes
            One line per key, the share of ranks below a place less that of
            uniform ones. Never shown.

        Raises
        ------
        ImportError
            If matplotlib is not installed.

        Notes
        -----
        A whole line lies in the grey band in 99 of 100 checks of right
        draws; lines of a key with several values are averages, which vary
        less.

        Source: Säilynoja et al., 2022.
        """
        from tfmpe.estimators._checks.plots import plot_ecdf

        return plot_ecdf(self, ax)

    def __repr__(self) -> str:
        return (
            f"CalibrationRanks({self.n_simulations} simulations, "
            f"{self.n_samples} draws each)"
        )


def p_in_words(p_value: float) -> str:
    """Return a p value as it stands in a table."""
    if math.isnan(p_value):
        return "-"
    return "<0.001" if p_value < 0.001 else f"{p_value:.3f}"


def _moments(columns: RankColumns, n_samples: int) -> tuple[str, str]:
    """Return the mean of ranks, from 0 to 1, and their relative spread."""
    ranks = columns.ranks[columns.real]
    if not ranks.size:
        return "", ""
    variance = n_samples * (n_samples + 2) / 12
    spread = math.sqrt(((ranks - n_samples / 2) ** 2).mean() / variance)
    return f"{ranks.mean() / n_samples:.2f}", f"{spread:.2f}"
