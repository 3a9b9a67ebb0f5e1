"""Sizes and functional inputs that training saw, and a warning of others."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

import jax
import numpy as np
from jax.core import Tracer
from jaxtyping import Bool, Float

from tfmpe._base.callers import warn_at_caller
from tfmpe.estimators._training.errors import UnlikeTrainingWarning
from tfmpe.estimators._types import AnyTokens
from tfmpe.preprocessing.masks.token_groups import token_groups

_ROWS, _KEPT = 100, 200
"""Number of simulations of a batch whose inputs are read, and the largest
number of values of an input that are kept."""

_GAP, _BEYOND = 0.05, 0.2
"""Distances from the nearest known value of an input, in parts of the range of
all known values, that are still alike: within the range, and beyond it."""


@dataclass
class Seen:
    """Sizes and functional inputs of all simulations so far.

    Attributes
    ----------
    shared
        Keys without which the others separate into groups. Then sizes are those
        of single groups: their number does not matter.
    sizes
        The smallest and largest number of tokens of every key.
    inputs
        Some sorted values of every functional input of every key.
    """

    shared: tuple[str, ...] = ()
    sizes: dict[str, tuple[int, int]] = field(default_factory=dict)
    inputs: dict[str, list[list[float]]] = field(default_factory=dict)

    def add(self, tokens: AnyTokens) -> None:
        """Add simulations."""
        for name, counts in self._counts(tokens):
            low, high = self.sizes.get(name, (int(counts.min()), 0))
            self.sizes[name] = (
                min(low, int(counts.min())),
                max(high, int(counts.max())),
            )
        for name, columns in _inputs(tokens):
            known = self.inputs.get(name, [[] for _ in columns])
            self.inputs[name] = [
                _thinned(np.append(old, new)).tolist()
                for old, new in zip(known, columns, strict=True)
            ]

    def warn_of_others(self, tokens: AnyTokens, keys: Iterable[str]) -> None:
        """Warn if keys have other sizes or inputs than any simulation."""
        if not self.sizes:
            return
        keys = {*keys}
        faults = []
        for name, counts in self._counts(tokens):
            low, high = self.sizes.get(name, (0, np.inf))
            fewest, most = int(counts.min()), int(counts.max())
            if name in keys and not low <= fewest <= most <= high:
                faults.append(
                    f"{_range(fewest, most)} tokens of {name!r}"
                    f"{' in a group' if self.shared else ''}, "
                    f"{_range(low, high)} in training"
                )
        for name, columns in _inputs(tokens):
            known = self.inputs.get(name, []) if name in keys else []
            for values, old in zip(columns, known, strict=False):
                new = values[_unlike(values, np.array(old))]
                if new.size:
                    faults.append(
                        f"{name!r} has functional inputs such as {new[0]:.4g}, "
                        f"{_range(old[0], old[-1])} in training"
                    )
        if faults:
            warn_at_caller(
                UnlikeTrainingWarning(
                    f"No simulation in training was like these data: "
                    f"{'; '.join(faults)}. Posteriors can be too narrow, too "
                    "wide or in the wrong place. Train on simulations with "
                    "such sizes and functional inputs (concatenate_tokens "
                    "joins several sizes); a HierarchicalEstimator takes any "
                    "number of groups; or correct the draws with the density "
                    "of the model (corrected)."
                )
            )

    def _counts(self, tokens: AnyTokens) -> Iterator[tuple[str, Any]]:
        """Yield the numbers of tokens of every key, without padding.

        They are those of all samples, and of all groups with shared keys.
        """
        layout, real = tokens.layout, _real(tokens)
        groups = np.zeros(layout.n_tokens, int)
        if self.shared:
            groups = token_groups(layout, self.shared) + 1
        for key in layout.keys:
            own = groups[key.block]
            counts = np.zeros((own.max(initial=0) + 1, len(real)), int)
            np.add.at(counts, own, real[:, key.block].T)
            counts = counts[np.unique(own)]
            counts = counts[counts > 0] if self.shared else counts
            if counts.size:
                yield key.name, counts


def _real(tokens: AnyTokens) -> Bool[np.ndarray, "rows tokens"]:
    """Return which tokens are not padding; one row if there is no padding.

    Traced padding, which has no values, counts as tokens.
    """
    n, padding = tokens.layout.n_tokens, tokens.padding
    if padding is None or isinstance(padding, Tracer):
        return np.ones((1, n), bool)
    return np.asarray(padding).reshape((-1, n))


def _inputs(
    tokens: AnyTokens,
) -> Iterator[tuple[str, Float[np.ndarray, "columns values"]]]:
    """Yield the inputs of keys that have some, of the first samples."""
    layout, inputs = tokens.layout, tokens.functional_inputs
    if inputs is None or isinstance(inputs, Tracer):
        return
    inputs = inputs.reshape((-1, *inputs.shape[-2:]))[:_ROWS]
    real = np.broadcast_to(_real(tokens)[:_ROWS], inputs.shape[:2])
    inputs = np.asarray(jax.device_get(inputs))
    for key in layout.keys:
        if key.n_inputs:
            own = inputs[:, key.block, : key.n_inputs]
            own = own[real[:, key.block]]
            # Others are refused elsewhere.
            yield key.name, own[np.isfinite(own).all(-1)].T


def _thinned(values: Float[np.ndarray, " n"]) -> Float[np.ndarray, " kept"]:
    """Return distinct values in order, at most ``_KEPT`` with both ends."""
    values = np.unique(values)
    rows = np.linspace(0, len(values) - 1, min(len(values), _KEPT))
    return values[rows.astype(int)]


def _unlike(
    values: Float[np.ndarray, " n"], known: Float[np.ndarray, " kept"]
) -> Any:
    """Return which values are far from all known ones."""
    if not known.size:
        return np.zeros(values.shape, bool)
    right = np.searchsorted(known, values)
    sides = [known[np.clip(right - i, 0, len(known) - 1)] for i in (0, 1)]
    distance = np.abs(values - np.stack(sides)).min(0)
    beyond = (values < known[0]) | (values > known[-1])
    limit = np.where(beyond, _BEYOND, _GAP) * (known[-1] - known[0])
    return distance > limit + 1e-5 * np.abs(known).max()


def _range(low: float, high: float) -> str:
    return f"{low:,.6g}" if low == high else f"{low:,.6g} to {high:,.6g}"
