"""Defect L19: the same noise at every call of an estimator."""

from collections.abc import Collection
from typing import Any

from tfmpe.compat.legacy_warnings import LegacyWarning


class RepeatedNoiseWarning(LegacyWarning):
    """Draws that should be independent share their noise (L19)."""

    code = "L19"


def estimator_key(rngs: Any, context: Any, fixes: Collection[str]) -> Any:
    """Return the key of an estimator's base draw or probes.

    By default this is the next key of ``rngs``, which is not taken, so that the
    next call and all rows under ``vmap`` get the same key. If fixed, it is a
    new key, which under ``vmap`` differs between observations.
    """
    # Imported here: other warnings do not need the extra `flow`.
    from tfmpe.compat._flow.keys import key_for, peek_key, take_key

    if "L19" not in fixes:
        RepeatedNoiseWarning.warn(
            "the estimator draws the same noise at every call until it is "
            "trained again, and under vmap for every observation, so draws "
            "are not independent. Pass theta_0, or fix=['L19']."
        )
        return peek_key(rngs)
    return key_for(take_key(rngs, context), context)
