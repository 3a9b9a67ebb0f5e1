"""Defect L2: fewer index rows than tokens if a key has no index."""

from collections.abc import Collection

from tfmpe.compat.legacy_warnings import LegacyWarning


class IndexRowsMissingWarning(LegacyWarning):
    """The index has fewer rows than there are tokens (L2)."""

    code = "L2"


def check_index_keys(
    side: str, names: Collection[str], indexed: Collection[str]
) -> None:
    """Warn if some keys of a side have no index."""
    missing = [name for name in names if name not in indexed]
    if missing and len(missing) < len(names):
        IndexRowsMissingWarning.warn(
            f"index has no entry for {missing} of {side!r}, so it has fewer "
            "rows than there are tokens, and they do not match. Give every key "
            "an index, or use Tokens, which pads them."
        )
