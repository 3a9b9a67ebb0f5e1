"""Defect L3: int8 labels, ranked over the keys of both sides together."""

from collections.abc import Sequence

import numpy as np

from tfmpe.compat.legacy_warnings import LegacyWarning


class SharedLabelsWarning(LegacyWarning):
    """A key on both sides has one label for two meanings (L3)."""

    code = "L3"


def legacy_ranks(
    theta_names: Sequence[str], y_names: Sequence[str]
) -> dict[str, int]:
    """Rank all names by code point; a repeated name has its later rank."""
    shared = [name for name in theta_names if name in set(y_names)]
    if shared:
        SharedLabelsWarning.warn(
            f"the keys {shared} are on both sides and have the same "
            "label on both. Rename them on one side."
        )
    names = sorted([*theta_names, *y_names])
    return {name: rank for rank, name in enumerate(names)}


def label_dtype(labels: Sequence[int]) -> np.dtype:
    """Return int8; raise an error if a label does not fit.

    Raises
    ------
    OverflowError
        If a label is larger than 127.
    """
    if max(labels, default=0) > np.iinfo(np.int8).max:
        raise OverflowError(
            f"The label {max(labels)} does not fit into int8: the legacy "
            "form has room for 128 keys. Use Tokens, whose labels are int32."
        )
    return np.dtype(np.int8)
