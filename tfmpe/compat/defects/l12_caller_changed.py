"""Defect L12: entries added to the caller's ``data_batch_ndims``."""

from collections.abc import Mapping, MutableMapping
from typing import Any

import jax

from tfmpe.compat.legacy_warnings import LegacyWarning


class CallerChangedWarning(LegacyWarning):
    """An argument of the caller was changed (L12)."""

    code = "L12"


def add_index_entries(
    data: Mapping[str, Any], batch_ndims: MutableMapping[str, Any]
) -> None:
    """Add one trailing axis for each index entry to the caller's tree."""
    added = [name for name in ("theta_index", "y_index") if name in data]
    for name in added:
        batch_ndims[name] = jax.tree.map(lambda _: 1, data[name])
    if added:
        CallerChangedWarning.warn(
            f"data has the entries {added}, so the same entries were added to "
            "your data_batch_ndims in place. Pass a copy to keep it unchanged."
        )
