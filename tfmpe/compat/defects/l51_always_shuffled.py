"""Defect L51: batches shuffled in spite of ``shuffle=False``."""

from collections.abc import Collection

from tfmpe.compat.legacy_warnings import LegacyWarning


class AlwaysShuffledWarning(LegacyWarning):
    """Rows are shuffled with ``shuffle=False`` (L51)."""

    code = "L51"


def check_shuffle(shuffle: bool, fixes: Collection[str]) -> bool:
    """Return whether rows are shuffled; warn if they should not be."""
    if shuffle or "L51" in fixes:
        return shuffle
    AlwaysShuffledWarning.warn(
        "shuffle=False still shuffles the rows: once, the same way in every "
        "pass. Pass fix=['L51'] for rows in order."
    )
    return True
