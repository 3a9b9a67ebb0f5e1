"""Observed data, compared with data simulated from posterior draws."""

import math
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from tfmpe._base.trees import flatten_tree, unflatten_tree
from tfmpe.estimators._checks.key_predictive import (
    KeyPredictive,
    central_interval,
)
from tfmpe.estimators._checks.predictive_plot import plot_predictive
from tfmpe.estimators._checks.table import summary_table
from tfmpe.estimators._types import ArrayTree, SomeAxes
from tfmpe.preprocessing import Tokens

_REPORTED = (0.5, 0.9)
_TIES = (
    "",
    "Values equal to an end of an interval are inside, so that shares of "
    "discrete",
    "values, such as small counts, exceed the level.",
)


@dataclass(frozen=True, eq=False, repr=False)
class PosteriorPredictive:
    """Posterior draws, data simulated from them, and the observed data.

    Attributes
    ----------
    draws : Tokens, sample axes (n_samples, *sample)
        The parameters.
    simulated : nested dict of ndarrays, (n_samples, *sample, *event, *batch)
        All arrays that the simulator returned.
    observed : Tokens, sample axes (*sample,)
        The observed values of the simulated keys.
    """

    draws: Tokens
    simulated: ArrayTree
    observed: Tokens

    @property
    def n_samples(self) -> int:
        """Number of draws for each data set."""
        return self.draws.sample_shape[0]

    def key(self, name: str) -> KeyPredictive:
        """Return observed and simulated values of one observed key.

        Raises
        ------
        UnknownKeyError
            If the key was not simulated or not observed.
        """
        observed = self.observed
        entry = observed.layout[name]
        block = (math.prod(observed.sample_shape), observed.n_tokens, -1)
        data, real = (
            np.asarray(array).reshape(block)[:, entry.block, : entry.width]
            for array in (observed.data, observed.value_mask)
        )
        inputs = None
        if observed.functional_inputs is not None and entry.n_inputs:
            inputs = np.asarray(observed.functional_inputs).reshape(block)
            inputs = inputs[:, entry.block, : entry.n_inputs]
        leaves = flatten_tree(self.simulated, "simulated")
        values = next(leaf.value for leaf in leaves if leaf.name == name)
        return KeyPredictive(
            entry,
            values.reshape((self.n_samples, *data.shape)),
            data,
            real,
            inputs,
        )

    def _keys(self) -> list[KeyPredictive]:
        return [self.key(name) for name in self.observed.layout.names]

    def interval(self, level: float) -> tuple[ArrayTree, ArrayTree]:
        """Return central intervals of the simulated data.

        Parameters
        ----------
        level
            Fraction of the draws in an interval, between 0 and 1; ValueError
            otherwise.

        Returns
        -------
        lower, upper : nested dict of ndarrays, (*sample, *event, *batch)
            Ends for the observed keys; NaN for padding.
        """
        lower, upper = [], []
        for key in self._keys():
            ends = central_interval(key.simulated, level)
            ends = np.where(key.real, ends, np.nan)
            shape = (*key.entry.event_shape, *key.entry.batch_shape)
            low, high = ends.reshape((2, *self.observed.sample_shape, *shape))
            lower.append(low)
            upper.append(high)
        keys = self.observed.layout.keys
        return unflatten_tree(keys, lower), unflatten_tree(keys, upper)

    def share_inside(self, level: float) -> dict[str, float]:
        """Return the fraction of observed values in the intervals of each key.

        Parameters
        ----------
        level
            See :meth:`interval`.

        Returns
        -------
        dict of str to float
            Over all data sets; NaN if there is no value. Padding does not
            count. For correct draws of discrete data the fraction exceeds
            ``level``, because values equal to an endpoint count as inside.
        """
        shares = {}
        for key in self._keys():
            lower, upper = central_interval(key.simulated, level)
            inside = (lower <= key.observed) & (key.observed <= upper)
            found = inside[key.real]
            shares[key.entry.name] = float(
                found.mean() if found.size else "nan"
            )
        return shares

    def summary(self) -> str:
        """Return a table of :meth:`share_inside` at 50% and 90%, as text.

        Data that the draws are conditioned on lie inside slightly more often
        than the level. A note follows if values equal an end of an interval.
        """
        shares = [self.share_inside(level) for level in _REPORTED]
        titles = [f"inside {level:.0%}" for level in _REPORTED]
        rows = [
            (
                key.entry.name,
                str(int(key.real.sum())),
                *(f"{share[key.entry.name]:.0%}" for share in shares),
            )
            for key in self._keys()
        ]
        note = _TIES if any(_has_ties(key) for key in self._keys()) else ()
        return summary_table(self, ("key", "values", *titles), rows, *note)

    def plot(
        self,
        key: str | None = None,
        *,
        ax: SomeAxes | None = None,
        sample: int = 0,
        groups: Iterable[int] | None = None,
    ) -> np.ndarray:
        """Plot observed values and the intervals of the simulated ones.

        Parameters
        ----------
        key
            Name of the key to plot; the first key by default.
        ax : matplotlib Axes, or sequence of them, optional
            Where to plot; a new figure by default (extra ``plot``). A single
            Axes shows all groups side by side, unless ``groups`` are chosen.
        sample
            Index of the data set, counted over all sample axes.
        groups
            For keys with functional inputs: indices of the groups to plot, such
            as sites, one Axes each; by default all, or 12 evenly spaced ones.
            Groups are numbered over all event axes but the last.

        Returns
        -------
        ndarray of matplotlib Axes
            One for each group (without inputs, one for all tokens) and each
            value of a token. Thick bars contain 50% of the draws, thin bars
            90%. The x axis is the first functional input; without inputs or for
            a single Axes, the token number. The figure is not shown.

        Raises
        ------
        UnknownKeyError
            If the key was not simulated or not observed.
        IndexError
            If the data set or a group does not exist.
        """
        name = self.observed.layout.names[0] if key is None else key
        return plot_predictive(self.key(name), ax, sample, groups)

    def check_finite(self) -> None:
        """Check that simulated data are finite, except for padding."""
        for key in self._keys():
            wrong = key.real & ~np.isfinite(key.simulated)
            if n := int(wrong.any((-2, -1)).sum()):
                raise ValueError(
                    f"simulator_fn returned {key.entry.name!r} with values "
                    f"that are not finite for {n} of "
                    f"{wrong.shape[0] * wrong.shape[1]} draws. Intervals need "
                    "finite numbers."
                )

    def __repr__(self) -> str:
        n_sets = math.prod(self.observed.sample_shape)
        sets = "1 set" if n_sets == 1 else f"{n_sets} sets"
        return f"PosteriorPredictive({self.n_samples} draws for {sets} of data)"


def _has_ties(key: KeyPredictive) -> bool:
    """Return whether observed values equal ends of the reported intervals."""
    ends = [central_interval(key.simulated, level) for level in _REPORTED]
    return bool(((key.observed == np.concatenate(ends)) & key.real).any())
