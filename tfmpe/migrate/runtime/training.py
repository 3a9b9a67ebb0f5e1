"""A legacy training made again by the bridge, from where it began.

The estimator is copied before the legacy package trains it: weights, random
numbers and all that its vector field holds. The bridge trains the copy, and
losses and trained weights are compared.

Which random number a training uses for what was never recorded, so two
trainings that are both right may differ by chance. Where they differ by more
than rounding, the bridge trains further copies with other random numbers, and
how far those are apart says how much chance does. Needs the extra `flow`.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import jax
import numpy as np
from flax import nnx

from tfmpe.compat._flow.estimator import SFMPE
from tfmpe.compat.bottom_up import train_bottom_up
from tfmpe.compat.nn.transformer import read_parameters
from tfmpe.compat.structured_cnf import StructuredCNF
from tfmpe.migrate.legacy_names import LegacyName
from tfmpe.migrate.replay.calls import call
from tfmpe.migrate.replay.compare import compare
from tfmpe.migrate.replay.comparison import Comparison, Tolerance
from tfmpe.migrate.replay.replay import compare_exceptions
from tfmpe.migrate.replay.silence import silenced
from tfmpe.migrate.replay.trees import arrays_of, copied, leaf_paths, n_bytes

from .errors import NoTwinError
from .observing import Ended, raised_of
from .twins import Copied, check_reach, parts_of
from .undisturbed import undisturbed

__all__ = ["Compared", "Trained", "Training", "compare_trained"]

_N_OTHERS = 2
_FACTOR = 5.0

# Rounding of one step is carried through all further ones.
_SAME_NUMBERS = Tolerance(1e-4, 1e-3, "rounding, carried through all steps")


class _Parts(nnx.Module):
    """What is copied together, so that shared random numbers stay shared."""

    def __init__(self, field: Any, flow_rngs: Any, rngs: Any):
        self.field = field
        self.flow_rngs = flow_rngs
        self.rngs = rngs


@dataclass(frozen=True)
class Trained:
    """What a training came to.

    Parameters
    ----------
    output
        What it returned.
    parameters
        The weights of the vector field afterwards, by path.
    """

    output: Any
    parameters: dict[str, Any]


@dataclass(frozen=True)
class Compared:
    """A training on both sides.

    Parameters
    ----------
    comparison
        What differs.
    noise
        How far trainings with other random numbers are apart; None where
        that was not asked.
    seconds
        Of the bridge's training.
    bytes_old, bytes_new
        Of losses and weights.
    """

    comparison: Comparison
    noise: Comparison | None
    seconds: float
    bytes_old: int
    bytes_new: int


class Training:
    """A call that is about to train an estimator.

    Parameters
    ----------
    entry
        ``SFMPE.fit`` or ``train_bottom_up``.
    args, kwargs
        Its arguments, ``self`` included.
    package
        What the legacy package is called.

    Raises
    ------
    NoTwinError
        If the estimator cannot be copied, or a function of the script could
        change what a second call finds.
    """

    def __init__(
        self,
        entry: LegacyName,
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
        package: str,
    ):
        names = list(entry.parameters)
        self._is_fit = entry.kind == "method"
        if self._is_fit:
            names.insert(0, "estim")
        given = dict(zip(names, args, strict=False)) | kwargs
        if "estim" not in given:
            raise NoTwinError("it was called without an estimator")
        estimator = given.pop("estim")
        for name, value in given.items():
            if callable(value):
                check_reach(value, f"its argument {name}")
        self._given = copied(given)
        parts = parts_of(estimator, package)
        self._field = parts.field
        for rngs in (parts.flow_rngs, parts.rngs):
            if not isinstance(rngs, nnx.Rngs):
                raise NoTwinError(
                    "it draws random numbers from an object that is no "
                    "nnx.Rngs, which cannot be copied"
                )
        is_module = isinstance(parts.field, nnx.Module)
        if not is_module:
            check_reach(parts.field, "its vector field")
        self._state = Copied(
            _Parts(
                parts.field if is_module else None, parts.flow_rngs, parts.rngs
            )
        )

    def compare(self, ended: Ended) -> Compared:
        """Train a copy with the bridge, and compare.

        Parameters
        ----------
        ended
            What the legacy package came to.

        Returns
        -------
        Compared
        """
        start = time.perf_counter()
        found = call(self.again, (), {})
        seconds = time.perf_counter() - start
        if found.error is not None or ended.error is not None:
            result = compare_exceptions(raised_of(ended.error), found.error)
            return Compared(result, None, seconds, 0, 0)
        old = Trained(ended.output, _weights(self._field))
        new = found.output
        result, noise = compare_trained(old, new, self.again)
        sizes = (n_bytes(vars(trained)) for trained in (old, new))
        return Compared(result, noise, seconds, *sizes)

    def again(self, number: int = 0) -> Trained:
        """Train a copy with the bridge.

        Parameters
        ----------
        number
            0 for the same random numbers, others for others.

        Returns
        -------
        Trained
        """
        parts = self._state.fresh(number)
        field = self._field if parts.field is None else parts.field
        estimator = SFMPE(StructuredCNF(field, parts.flow_rngs), parts.rngs)
        given = copied(self._given)
        with silenced(), undisturbed(quiet=True):
            if self._is_fit:
                output = estimator.fit(**given)
            else:
                output = train_bottom_up(estim=estimator, **given)
            result = Trained(output, _weights(field))
            jax.block_until_ready(arrays_of(vars(result)))
        return result


def compare_trained(
    old: Trained, new: Trained, again: Callable[[int], Trained]
) -> tuple[Comparison, Comparison | None]:
    """Compare two trainings, if need be with what chance does.

    Parameters
    ----------
    old, new
        The legacy training and that of the bridge.
    again
        Trains once more with other random numbers.

    Returns
    -------
    found : Comparison
        Values are within the tolerance if they are apart by no more than
        rounding, or by no more than five times what the bridge's trainings
        with other random numbers are apart, array by array.
    noise : Comparison or None
        How far those are apart; None where they were not needed.
    """
    found = _compare(old, new, lambda path: _SAME_NUMBERS)
    if found.identical or found.within_tolerance:
        return found, None
    if not any(d.kind == "values" for d in found.differences):
        return found, None
    others = [again(number) for number in range(1, _N_OTHERS + 1)]
    runs = [new, *others]
    noise = Comparison()
    apart: dict[str, float] = {}
    for i, first in enumerate(runs):
        for second in runs[:i]:
            noise += _compare(second, first, lambda path: None, apart)

    def by_chance(path: str) -> Tolerance | None:
        if not apart.get(path):
            return None
        reason = "trainings with other random numbers differ as much"
        return Tolerance(_FACTOR * apart[path], 0.0, reason)

    return _compare(old, new, by_chance), noise


def _compare(
    old: Trained,
    new: Trained,
    tolerance: Callable[[str], Tolerance | None],
    apart: dict[str, float] | None = None,
) -> Comparison:
    """Compare array by array, and note the largest difference of each."""
    result = Comparison()
    for name, first, second in (
        ("output", old.output, new.output),
        ("parameters", old.parameters, new.parameters),
    ):
        found = leaf_paths(second, name)
        whole = compare(_bare(first), _bare(second), name)
        if "structure" in whole.kinds:
            result += compare(first, second, name)
            continue
        result += whole
        for path, leaf in leaf_paths(first, name).items():
            part = compare(leaf, found[path], path, tolerance(path))
            if apart is not None and part.largest_absolute is not None:
                size = part.largest_absolute.value
                apart[path] = max(apart.get(path, 0.0), size)
            result += part
    return result


def _bare(tree: Any) -> Any:
    """Return a tree without its arrays."""
    if isinstance(tree, dict):
        return {name: _bare(leaf) for name, leaf in tree.items()}
    if type(tree) in (list, tuple):
        return type(tree)(_bare(leaf) for leaf in tree)
    return None if isinstance(tree, jax.Array | np.ndarray) else tree


def _weights(field: Any) -> dict[str, Any]:
    return read_parameters(field) if isinstance(field, nnx.Module) else {}
