"""Truncated priors: draws from the prior inside a box."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

import jax
import numpy as np
from jaxtyping import Bool

from tfmpe._base.arrays import like, take_rows
from tfmpe._base.errors import raise_faults
from tfmpe._base.trees import Leaf, flatten_tree, unflatten_tree
from tfmpe.estimators._types import AnyArray, ArrayTree, PRNGKey
from tfmpe.preprocessing import Tokens


@dataclass(frozen=True, repr=False)
class Box:
    """Bounds of parameters, the same for all units of a plate.

    Attributes
    ----------
    low, high : dict of str to ndarray, each of shape (*event, *batch)
        Inclusive bounds of every value, in original units. Event axes that are
        plates have size 1.
    """

    low: Mapping[str, np.ndarray]
    high: Mapping[str, np.ndarray]

    def contains(
        self, values: Mapping[str, AnyArray]
    ) -> Bool[np.ndarray, " n"]:
        """Return which samples have all of their values in the box."""
        fits = []
        for name, low in self.low.items():
            array = np.asarray(values[name])
            inside = (array >= low) & (array <= self.high[name])
            fits.append(inside.reshape((len(array), -1)).all(1))
        return np.all(fits, 0)

    def intersect(self, other: "Box") -> "Box":
        """Return the intersection of two boxes."""
        low = {k: np.maximum(self.low[k], other.low[k]) for k in self.low}
        high = {k: np.minimum(self.high[k], other.high[k]) for k in self.low}
        raise_faults(
            ValueError,
            "Posterior draws given the observation lie outside the parameters "
            "of the training data, so the posterior is wrong there. Train "
            "longer, or use a larger margin",
            [
                f"{name!r} would be bounded by {low[name].max():.4g} below "
                f"and {high[name].min():.4g} above"
                for name in low
                if (low[name] > high[name]).any()
            ],
        )
        return Box(low, high)

    def __repr__(self) -> str:
        bounds = (
            f"{name}: {low.min():.3g} to {self.high[name].max():.3g}"
            for name, low in self.low.items()
        )
        return f"Box({', '.join(bounds)})"


def box_of_draws(
    draws: Mapping[str, AnyArray],
    plate_axes: Mapping[str, Iterable[int]],
    margin: float,
) -> Box:
    """Return a box around the posterior draws of all units.

    ``plate_axes`` maps each key to the event axes that are plates; the box is
    the same for all units along them. Each bound lies outside the draws by
    ``margin`` times their range.
    """
    low, high, faults = {}, {}, []
    for name, array in draws.items():
        values = np.asarray(array, float)
        n_bad = int((~np.isfinite(values)).sum())
        if n_bad:
            faults.append(f"{name!r} has {n_bad} of {values.size}")
            continue
        # Reduce the sample axis, and plates to size 1.
        axes = tuple(1 + axis for axis in plate_axes[name])
        smallest = values.min(axes, keepdims=True).min(0)
        largest = values.max(axes, keepdims=True).max(0)
        wider = margin * (largest - smallest)
        low[name], high[name] = smallest - wider, largest + wider
    raise_faults(
        ValueError,
        "Posterior draws given the observation are not finite, so no box "
        "holds them. Train longer, or look for extreme values in the "
        "observation",
        faults,
    )
    return Box(low, high)


def arrays_by_name(
    tokens: Tokens, names: Iterable[str]
) -> dict[str, np.ndarray]:
    """Return arrays of some keys, with one sample axis."""
    n_axes = len(tokens.sample_shape)
    tree = tokens.decode_keys(tokens.data, names)
    return {
        leaf.name: np.asarray(leaf.value).reshape(
            (-1, *leaf.value.shape[n_axes:])
        )
        for leaf in flatten_tree(tree, "tokens")
    }


def keep_inside(tokens: Tokens, box: Box | None) -> Tokens:
    """Return the samples whose parameters are in the box."""
    if box is None:
        return tokens
    rows = np.flatnonzero(box.contains(arrays_by_name(tokens, box.low)))
    return take_rows(tokens, rows)


@dataclass
class TruncatedPrior:
    """Draws from a prior inside a box, or all draws if there is no box.

    See :func:`train_bottom_up`. The ``i``-th batch of ``n`` draws uses
    ``fold_in(key, i)``, so a box that contains all draws changes nothing.
    """

    prior_fn: Callable[..., ArrayTree]
    sizes: Mapping[str, int]
    box: Box | None
    min_acceptance: float
    n_drawn: int = field(default=0, init=False)
    n_accepted: int = field(default=0, init=False)

    @property
    def acceptance(self) -> float:
        """Fraction of the draws that were in the box."""
        return self.n_accepted / self.n_drawn

    def __call__(self, key: PRNGKey, n: int) -> ArrayTree:
        """Return ``n`` draws in the box."""
        if self.box is None:
            self.n_drawn += n
            self.n_accepted += n
            key = jax.random.fold_in(key, 0)
            return self.prior_fn(key, n, dict(self.sizes))
        leaves: list[Leaf] = []
        parts: list[list[np.ndarray]] = []
        n_found = 0
        while n_found < n:
            number = len(parts)
            if number * self.min_acceptance >= 1:
                raise RuntimeError(self._too_few(n, n_found, number * n))
            tree = self.prior_fn(
                jax.random.fold_in(key, number), n, dict(self.sizes)
            )
            leaves = flatten_tree(tree, "prior_fn")
            rows = np.flatnonzero(
                self.box.contains({leaf.name: leaf.value for leaf in leaves})
            )
            n_found += len(rows)
            parts.append([np.asarray(leaf.value)[rows] for leaf in leaves])
        self.n_drawn += len(parts) * n
        self.n_accepted += n_found
        values = (
            like(np.concatenate(arrays)[:n], leaf.value)
            for leaf, *arrays in zip(leaves, *parts, strict=True)
        )
        return unflatten_tree(leaves, values)

    def _too_few(self, n: int, n_found: int, n_drawn: int) -> str:
        return (
            f"Only {n_found} of {n_drawn} draws from the prior with the "
            f"sizes {dict(self.sizes)} lie in {self.box}, a share below "
            f"min_acceptance={self.min_acceptance:g}; {n} are needed. "
            "Truncate fewer parameters, such as only the global ones "
            "(truncate=[...]), use a larger margin, or lower min_acceptance."
        )
