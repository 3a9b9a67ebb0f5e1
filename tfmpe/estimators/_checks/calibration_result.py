"""Ranks of true values among draws: tests, a table and plots."""

import math
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Int

from tfmpe._base.trees import flatten_tree, unflatten_tree
from tfmpe.estimators._checks.plots import plot_ecdf, plot_ranks
from tfmpe.estimators._checks.table import summary_table
from tfmpe.estimators._checks.uniformity import (
    JOINT,
    MIN_SIMULATIONS,
    KeyTest,
    RankColumns,
    Uniformity,
    assess,
    bonferroni,
)
from tfmpe.estimators._types import ArrayTree, Axes, SomeAxes


@dataclass(frozen=True, eq=False, repr=False)
class CalibrationRanks:
    """Ranks of true values among draws, for many simulations.

    Attributes
    ----------
    ranks : nested dict of ndarrays, (n_simulations, *event, *batch)
        Number of draws below the true value, from 0 to ``n_samples``.
    real : nested dict of ndarrays of bool, same shapes
        False for padding, whose ranks have no meaning.
    means, distances
        For every key, and under ``"(joint)"`` for all keys: the number of draws
        whose values have a lower mean, and the number of draws closer to the
        mean of the draws, in standard deviations of the draws.
    n_samples
        Draws for every simulation.
    """

    ranks: ArrayTree
    real: ArrayTree
    means: dict[str, Int[np.ndarray, " simulations"]]
    distances: dict[str, Int[np.ndarray, " simulations"]]
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
            self._columns(ranks.name, ranks.path, ranks.value, real.value)
            for ranks, real in pairs
            if ranks.value.size
        ]

    def joint_columns(self) -> RankColumns:
        """Return the ranks of all keys together, without single values."""
        none = np.zeros((self.n_simulations, 0), np.int32)
        some = np.stack([columns.some for columns in self.columns()]).any(0)
        joint = self._columns(JOINT, (), none, none.astype(bool))
        return joint._replace(some=some)

    def _all_columns(self) -> list[RankColumns]:
        return [*self.columns(), self.joint_columns()]

    def _tests(self) -> list[tuple[RankColumns, KeyTest]]:
        return [
            (each, assess(each, self.n_samples)) for each in self._all_columns()
        ]

    def _columns(
        self,
        name: str,
        path: tuple[str, ...],
        ranks: Int[np.ndarray, " simulations *values"],
        real: Bool[np.ndarray, " simulations *values"],
    ) -> RankColumns:
        shape = ranks.shape[1:]
        ranks, real = (
            array.reshape((self.n_simulations, math.prod(shape)))
            for array in (ranks, real)
        )
        together = np.stack([self.means[name], self.distances[name]], 1)
        return RankColumns(
            name, path, ranks, real, shape, together, np.asarray(real.any(1))
        )

    def uniformity(self) -> Uniformity:
        """Test whether the ranks are uniform, as they are for correct draws.

        Returns
        -------
        Uniformity
            p-values of every value; and p-values of every key and of all keys,
            corrected for the number of tests.

        Notes
        -----
        Values of one simulation may depend on one another in any way. With
        correct draws a corrected p-value is below 0.01 in at most about one
        of a hundred checks. Source: Neyman, 1937 (smooth tests).
        """
        *tests, (_, joint) = self._tests()
        keys = {each.name: test.p_value for each, test in tests}
        return Uniformity(
            unflatten_tree(
                [each for each, _ in tests],
                [test.values.reshape(each.shape) for each, test in tests],
            ),
            keys,
            joint.p_value,
            bonferroni([*keys.values(), joint.p_value]),
            {
                each.name: int(np.isfinite(test.values).sum())
                for each, test in tests
            },
        )

    def summary(self) -> str:
        """Return a table with a row per key, as text.

        It shows the mean of the ranks (from 0 to 1), their spread (1 if
        uniform, more if draws are too narrow), the corrected p-value of
        :meth:`uniformity`, and a finding if the p-value is below 0.01.
        """
        tests = self._tests()
        rows = [
            (
                each.name,
                str(each.ranks.shape[1] or ""),
                *map(_moment_in_words, moments(each, self.n_samples)),
                p_in_words(test.p_value),
                test.finding,
            )
            for each, test in tests
        ]
        overall = bonferroni(test.p_value for _, test in tests)
        return summary_table(
            self,
            ("key", "values", "mean", "spread", "p", "finding"),
            rows,
            "correct draws have mean 0.50 and spread 1.00",
            f"p-values need at least {MIN_SIMULATIONS} simulations"
            if math.isnan(overall)
            else "p of a key is corrected for its number of values; p of "
            f"all {len(rows)} rows is {p_in_words(overall)}",
        )

    def plot(self, ax: SomeAxes | None = None) -> np.ndarray:
        """Plot a histogram of the ranks of every key.

        Parameters
        ----------
        ax : matplotlib Axes, or sequence of them, optional
            One for each key and one for the joint ranks, or a single Axes for
            the first key. New ones by default (extra ``plot``).

        Returns
        -------
        ndarray of matplotlib Axes
            The Axes that were drawn on; the figure is not shown. Heights are
            relative to uniform ranks. With correct draws, each height lies in
            the gray band in 99 of 100 checks; bars of a key with several values
            are averages, which vary less.
        """
        return plot_ranks(self._all_columns(), self.n_samples, ax)

    def plot_ecdf(self, ax: Axes | None = None) -> Axes:
        """Plot the difference between rank distributions and the uniform one.

        Parameters
        ----------
        ax : matplotlib Axes, optional
            See :meth:`plot`.

        Returns
        -------
        matplotlib Axes
            One line per key: the fraction of ranks below each place, minus the
            same fraction of uniform ranks. With correct draws, a whole line
            lies in the gray band in 99 of 100 checks; lines of keys with
            several values vary less. Source: Säilynoja et al., 2022.
        """
        return plot_ecdf(self._all_columns(), self.n_samples, ax)

    def __repr__(self) -> str:
        return (
            f"CalibrationRanks({self.n_simulations} simulations, "
            f"{self.n_samples} draws each)"
        )


def p_in_words(p_value: float) -> str:
    """Return a p-value as it is printed in a table."""
    if math.isnan(p_value):
        return "-"
    return "<0.001" if p_value < 0.001 else f"{p_value:.3f}"


def _moment_in_words(moment: float) -> str:
    return "" if math.isnan(moment) else f"{moment:.2f}"


def moments(columns: RankColumns, n_samples: int) -> tuple[float, float]:
    """Return the mean of ranks, from 0 to 1, and their relative spread.

    Both are NaN if there are no ranks of single values.
    """
    ranks = columns.ranks[columns.real]
    if not ranks.size:
        return math.nan, math.nan
    variance = n_samples * (n_samples + 2) / 12
    spread = math.sqrt(((ranks - n_samples / 2) ** 2).mean() / variance)
    return float(ranks.mean() / n_samples), spread
