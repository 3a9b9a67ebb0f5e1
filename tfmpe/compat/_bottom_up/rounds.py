"""Simulations of all rounds of bottom-up training so far."""

from collections.abc import Callable, Collection
from typing import Any

import jax

from tfmpe.compat._combine import combine_data
from tfmpe.compat.defects.l25_clamped_split import take_rows


class Simulations:
    """Flat data of all rounds, and the training data of each stage.

    Parameters
    ----------
    n : int
        Number of simulations in a stage.
    fixes : collection of str
        By default the simulations of both stages form one set (L26): the
        first stage is trained on the whole set, the second on its new
        simulations and the first ``n`` rows of the set, which are always from
        the first round. If fixed, the first stage is trained on the
        first-stage simulations of all rounds, the second on the simulations
        of both stages, with the sides in their original order.
    """

    def __init__(self, n: int, fixes: Collection[str]) -> None:
        self._n = n
        self._separate = "L26" in fixes
        self._swapped: Any = None
        self._upright: Any = None

    def first_stage(self, swapped: Any) -> Any:
        """Add simulations with one local unit; return the training data."""
        self._swapped = _joined(self._swapped, swapped)
        return self._swapped

    def second_stage(
        self, flat: Any, one_unit: Callable[[], tuple[Any, Any]]
    ) -> Any:
        """Add simulations with all local units; return the training data.

        Parameters
        ----------
        flat : dict
            The simulations.
        one_unit : callable
            Returns the simulations of the first stage, with the sides in their
            original order, and their slices.
        """
        if self._separate:
            self._upright = _joined(self._upright, one_unit()[0])
            self._upright = combine_data(self._upright, flat)
            return self._upright
        self._swapped = combine_data(self._swapped, flat)
        rows = slice(self._n)
        first = jax.tree.map(lambda leaf: take_rows(leaf, rows), self._swapped)
        return combine_data(first, flat)


def _joined(before: Any, more: Any) -> Any:
    return more if before is None else combine_data(before, more)
