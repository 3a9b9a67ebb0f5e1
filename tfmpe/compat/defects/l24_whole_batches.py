"""Defect L24: need for full batches, and for rules in bottom-up training."""

from collections.abc import Collection, Mapping
from typing import Any


def check_rows(n_rows: int, batch_size: int, fixes: Collection[str]) -> None:
    """Raise an error if the rows do not fill all batches.

    Raises
    ------
    TypeError
        If the last batch would not be full, unless L24 is fixed.
    """
    if "L24" in fixes or n_rows % batch_size == 0:
        return
    raise TypeError(
        f"Cannot reshape {n_rows} training rows into batches of "
        f"{batch_size}: choose a batch_size that divides {n_rows}, or pass "
        "fix=['L24']."
    )


def masks_of(flat: Mapping[str, Any], fixes: Collection[str]) -> Any:
    """Return the masks of flat data; without rules there are none.

    Raises
    ------
    KeyError
        If there are none, unless L24 is fixed.
    """
    if "L24" in fixes:
        return flat.get("masks")
    if "masks" not in flat:
        # The legacy text, because scripts may compare it.
        raise KeyError("masks")
    return flat["masks"]
