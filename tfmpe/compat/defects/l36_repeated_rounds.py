"""Defect L36: the same noise in all rounds but the first."""

from collections.abc import Collection
from typing import Any

import jax

from tfmpe.compat.legacy_warnings import LegacyWarning


class RepeatedRoundsWarning(LegacyWarning):
    """Simulations of later rounds are not independent (L36)."""

    code = "L36"


def check_rounds(n_rounds: int, fixes: Collection[str]) -> None:
    """Warn if there are rounds that share their noise."""
    if n_rounds > 2 and "L36" not in fixes:
        RepeatedRoundsWarning.warn(
            f"all of the {n_rounds} rounds but the first reuse the same noise "
            "for their parameters, so the rounds are not independent. Pass "
            "fix=['L36'] to draw new noise in each round."
        )


def round_noise(
    key: Any, shape: tuple[int, ...], fixes: Collection[str]
) -> tuple[Any, Any]:
    """Return the noise of a round, and a key for later use.

    By default the noise is None: the estimator then reuses the same noise.
    """
    if "L36" not in fixes:
        return None, key
    noise_key, key = jax.random.split(key)
    return jax.random.normal(noise_key, shape), key
