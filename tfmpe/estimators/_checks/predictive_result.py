"""Observed data among data that were simulated from posterior draws."""

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from tfmpe._base.trees import flatten_tree, unflatten_tree
from tfmpe.preprocessing import KeyLayout, Tokens
from tfmpe.preprocessing.show.text import aligned, printable, shorten

_REPORTED = (0.5, 0.9)


class KeyPredictive(NamedTuple):
    """One key, sample axes flattened to one and tokens to one.

    Attributes
    ----------
    entry : KeyLayout
    simulated : ndarray, shape (n_samples, n_sets, n_tokens, n_values)
    observed : ndarray, shape (n_sets, n_tokens, n_values)
    real : ndarray of bool, same shape
    inputs : ndarray, shape (n_sets, n_tokens, n_inputs), or None
    """

    entry: KeyLayout
    simulated: np.ndarray
    observed: np.ndarray
    real: np.ndarray
    inputs: np.ndarray | None


@dataclass(frozen=True, eq=False, repr=False)
class PosteriorPredictive:
    """Posterior draws, data simulated from them, and the observed data.

    Attributes
    ----------
    draws : Tokens, sample axes (n_samples, *sample)
        The parameters.
    simulated : nested dict of ndarrays, (n_samples, *sample, *event, *batch)
        All that the simulator returned.
    observed : Tokens, sample axes (*sample,)
        Those of its keys that were observed.
    """

    draws: Tokens
    simulated: dict[str, Any]
    observed: Tokens

    @property
    def n_samples(self) -> int:
        """Number of draws for each set of data."""
        return self.draws.sample_shape[0]

    def key(self, name: str) -> KeyPredictive:
        """Return what is known of one key that was observed.

        Raises
        ------
        UnknownKeyError
            If the key was not simulated or not observed.
        """
        entry = self.observed.layout[name]
        values = next(
            leaf.value
            for leaf in flatten_tree(self.simulated, "simulated")
            if leaf.name == name
        )
        observed = self.observed
        n_sets = int(np.prod(observed.sample_shape, dtype=int))
        block = (n_sets, observed.n_tokens)
        data, real = (
            np.asarray(array).reshape((*block, -1))[
                :, entry.block, : entry.width
            ]
            for array in (observed.data, observed.value_mask)
        )
        inputs = observed.functional_inputs
        if entry.n_inputs is None:
            inputs = None
        if inputs is not None:
            inputs = np.asarray(inputs).reshape((*block, -1))
            inputs = inputs[:, entry.block, : entry.n_inputs]
        return KeyPredictive(
            entry,
            values.reshape((self.n_samples, *data.shape)),
            data,
            real,
            inputs,
        )

    def interval(self, level: float) -> tuple[dict[str, Any], dict[str, Any]]:
        """Return central intervals of the simulated data.

        Parameters
        ----------
        level : float
            Share of the draws in it, between 0 and 1.

        Returns
        -------
        lower, upper : nested dict of ndarrays, (*sample, *event, *batch)
            Of the keys that were observed; NaN where these are padding.

        Raises
        ------
        ValueError
            If ``level`` is no such share.
        """
        layout = self.observed.layout
        ends = [
            [np.where(key.real, end, np.nan) for end in self._ends(key, level)]
            for key in map(self.key, layout.names)
        ]
        shapes = [
            (*self.observed.sample_shape, *key.event_shape, *key.batch_shape)
            for key in layout.keys
        ]
        lower, upper = (
            unflatten_tree(
                [key.path for key in layout.keys],
                [
                    pair[side].reshape(shape)
                    for pair, shape in zip(ends, shapes, strict=True)
                ],
            )
            for side in (0, 1)
        )
        return lower, upper

    def share_inside(self, level: float) -> dict[str, float]:
        """Return which share of the observed values lies in the intervals.

        Parameters
        ----------
        level : float
            Share of the draws in an interval, between 0 and 1.

        Returns
        -------
        dict of str to float
            By key, over all sets of data; NaN if there is no value.
            Padding does not count. Of right draws of discrete data it is
            more than ``level``, as values at an end are inside.

        Raises
        ------
        ValueError
            If ``level`` is no such share.
        """
        shares = {}
        for name in self.observed.layout.names:
            key = self.key(name)
            lower, upper = self._ends(key, level)
            inside = (lower <= key.observed) & (key.observed <= upper)
            n = int(key.real.sum())
            shares[name] = float(inside[key.real].mean()) if n else float("nan")
        return shares

    def summary(self) -> str:
        """Return a table to print: the share of observed values inside.

        Returns
        -------
        str
            For every key the shares of :meth:`share_inside` at 50% and 90%.

        Notes
        -----
        Data that the draws are conditioned on lie inside a little more
        often than the level says.
        """
        shares = [self.share_inside(level) for level in _REPORTED]
        titles = [f"inside {level:.0%}" for level in _REPORTED]
        rows = [("key", "values", *titles)]
        for name in self.observed.layout.names:
            rows.append(
                (
                    shorten(printable(name), 24),
                    str(int(self.key(name).real.sum())),
                    *(f"{share[name]:.0%}" for share in shares),
                )
            )
        lines = [repr(self), "", *("  " + line for line in aligned(rows))]
        return "\n".join(lines)

    def plot(
        self,
        key: str | None = None,
        *,
        ax: Any = None,
        sample: int = 0,
        groups: Any = None,
    ) -> Any:
        """Plot observed values and the intervals of the simulated ones.

        Parameters
        ----------
        key : str, optional
            What to plot; the first key by default.
        ax : matplotlib Axes, or sequence of them, optional
            Where to plot; a new figure by default. Into one Axes go all
            groups side by side, if none are chosen.
        sample : int
            Which set of data, counted along all sample axes.
        groups : sequence of int, optional
            For keys with functional inputs: which groups, such as sites, to
            plot, one Axes each; by default all, or at even distances so
            many that there are 12 Axes. A group is an index of all event
            axes but the last.

        Returns
        -------
        ndarray of matplotlib Axes
            Those that were drawn on: one for each group, or one for all
            tokens if there are no inputs; and for each value in a token.
            Thick bars hold 50% of the draws, thin ones 90%. The first
            functional input is on the x axis, or the token's number where
            there is none or groups are side by side. Never shown.

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        UnknownKeyError
            If the key was not simulated or not observed.
        IndexError
            If there is no such set of data or group.
        """
        from tfmpe.estimators._checks.predictive_plot import plot_predictive

        name = self.observed.layout.names[0] if key is None else key
        return plot_predictive(self.key(name), ax, sample, groups)

    def check_finite(self) -> None:
        """Refuse simulated data that are not finite.

        Raises
        ------
        ValueError
            If any is not, padding aside; says how many.
        """
        for name in self.observed.layout.names:
            key = self.key(name)
            wrong = key.real & ~np.isfinite(key.simulated)
            if n := int(wrong.any((-2, -1)).sum()):
                raise ValueError(
                    f"simulator_fn returned {name!r} with values that are not "
                    f"finite for {n} of {wrong.shape[0] * wrong.shape[1]} "
                    "draws. Intervals need numbers."
                )

    def __repr__(self) -> str:
        n_sets = int(np.prod(self.observed.sample_shape, dtype=int))
        sets = "1 set" if n_sets == 1 else f"{n_sets} sets"
        return f"PosteriorPredictive({self.n_samples} draws for {sets} of data)"

    def _ends(
        self, key: KeyPredictive, level: float
    ) -> tuple[np.ndarray, np.ndarray]:
        if not 0 < level < 1:
            raise ValueError(
                f"level is {level}, expected a share between 0 and 1."
            )
        return central_interval(key.simulated, level)


def central_interval(
    draws: np.ndarray, level: float
) -> tuple[np.ndarray, np.ndarray]:
    """Return the ends of the interval that holds the middle draws."""
    tail = (1 - level) / 2
    lower, upper = np.quantile(draws, (tail, 1 - tail), axis=0)
    return lower, upper
