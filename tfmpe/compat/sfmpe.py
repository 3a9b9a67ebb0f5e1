"""Mirror of the legacy module ``sfmpe.sfmpe``.

``SFMPE`` needs the extra ``flow`` and is imported when it is asked for.
"""

from typing import TYPE_CHECKING, Any

from tfmpe.compat._attention import (
    _make_attention_masks as _make_attention_masks,
)

# So that a star import asks for it, too.
__all__ = ["SFMPE"]

if TYPE_CHECKING:
    from tfmpe.compat._flow.estimator import SFMPE as SFMPE


def __getattr__(name: str) -> Any:
    if name != "SFMPE":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from tfmpe.compat._flow.estimator import SFMPE

    return SFMPE
