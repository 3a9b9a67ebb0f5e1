"""Defect L16: parts that a join drops because only one operand has them."""

from collections.abc import Mapping
from typing import Any

from tfmpe.compat.legacy_warnings import LegacyWarning


class PartsDroppedWarning(LegacyWarning):
    """``combine_data`` dropped masks, index or labels (L16)."""

    code = "L16"


def has_attention(flat: Mapping[str, Any]) -> bool:
    """Return whether a flat dictionary has attention masks."""
    return "attention" in flat.get("masks", {})


def check_parts(x: Mapping[str, Any], y: Mapping[str, Any]) -> None:
    """Warn about parts that only one operand has."""
    present = {
        "masks.attention": (has_attention(x), has_attention(y)),
        "index": ("index" in x, "index" in y),
        "labels": ("labels" in x, "labels" in y),
    }
    dropped = [part for part, has in present.items() if has[0] != has[1]]
    if dropped:
        PartsDroppedWarning.warn(
            f"combine_data drops {dropped}, which only one of its arguments "
            "has. Build both with the same options, or join Tokens, which "
            "never drops anything."
        )
