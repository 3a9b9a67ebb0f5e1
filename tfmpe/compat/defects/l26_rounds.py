"""Defect L26: later bottom-up rounds that lose data and independence."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

import jax

from tfmpe.compat.legacy_warnings import LegacyWarning


class RoundsWarning(LegacyWarning):
    """Rounds after the first do not do what they should (L26)."""

    code = "L26"


def check_rounds(n_rounds: int, fixes: Collection[str]) -> None:
    """Warn if there are rounds after the first."""
    if n_rounds > 1 and "L26" not in fixes:
        RoundsWarning.warn(
            f"of {n_rounds} rounds, all but the first drop their simulations "
            "of one local unit from the second stage of training, and take "
            "the same local unit in every simulation. Pass fix=['L26']."
        )


def one_unit(
    key: Any,
    draws: Mapping[str, Any],
    local_names: Sequence[str],
    fixes: Collection[str],
) -> dict[str, Any]:
    """Choose one unit of every local parameter.

    By default each name has one unit, the same in all simulations. If fixed,
    each simulation has one unit, the same for all names. The
    arrays in the result have the shape ``(n_simulations, 1, ...)``.
    """
    if "L26" in fixes:
        first = draws[local_names[0]]
        units = jax.random.randint(key, (len(first),), 0, first.shape[1])
        rows = jax.numpy.arange(len(first))
        return {name: draws[name][rows, units][:, None] for name in local_names}
    chosen = {}
    for name in local_names:
        unit_key, key = jax.random.split(key)
        unit = int(jax.random.choice(unit_key, draws[name].shape[1]))
        chosen[name] = draws[name][:, unit : unit + 1]
    return chosen


def epoch_loss(losses: Any, n_rows: Any, fixes: Collection[str]) -> Any:
    """Return the loss that is reported for an epoch.

    By default this is the sum over the batches plus the mean over the rows;
    if fixed, it is only the mean over the rows.

    Parameters
    ----------
    losses : Array, shape (n_batches,)
    n_rows : Array of int, shape (n_batches,)
        Rows in each batch.
    fixes : collection of str
    """
    shares = losses * (n_rows / n_rows.sum())
    return shares.sum() if "L26" in fixes else (shares + losses).sum()
