"""Defect L19: the same noise at every call of an estimator."""

from collections.abc import Collection
from typing import Any

from tfmpe.compat.legacy_warnings import LegacyWarning


class RepeatedNoiseWarning(LegacyWarning):
    """Draws that should be independent share their noise (L19)."""

    code = "L19"


def estimator_key(rngs: Any, context: Any, fixes: Collection[str]) -> Any:
    """Return the key of an estimator's base draw or probes.

    By default the next one of ``rngs``, which is left there, so that the
    next call gets it, too, and all rows under ``vmap``. Fixed: a fresh one,
    under ``vmap`` another for every observation.
    """
    # The extra `flow` is not needed to warn of other defects.
    from tfmpe.compat._flow.keys import key_for, peek_key, take_key

    if "L19" not in fixes:
        RepeatedNoiseWarning.warn(
            "The estimator draws the same noise at every call until it is "
            "trained again, and under vmap the same for every observation, "
            "so that draws are not independent of one another. Pass theta_0, "
            "or fix=['L19']."
        )
        return peek_key(rngs)
    return key_for(take_key(rngs, context), context)
