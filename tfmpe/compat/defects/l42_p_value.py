"""Defect L42: p-values of 0 in the kernel test, even for a NaN statistic."""

from collections.abc import Collection
from typing import Any

import jax.numpy as jnp
from jax.core import Tracer

from tfmpe.compat.legacy_warnings import LegacyWarning


class NanStatisticWarning(LegacyWarning):
    """A statistic is NaN, but its p-value is 0 (L42)."""

    code = "L42"


def p_value(statistic: Any, null: Any, fixes: Collection[str]) -> Any:
    """Return the p-value of a statistic.

    By default this is the fraction of null statistics at least as large,
    0 for NaN. If fixed, the statistic itself counts too, and NaN gives NaN.
    """
    if "L42" in fixes:
        # Imported here: other warnings do not need the extra `flow`.
        from tfmpe.estimators._checks.two_sample import permutation_p_value

        return permutation_p_value(statistic, null)
    if not isinstance(statistic, Tracer) and jnp.isnan(statistic):
        NanStatisticWarning.warn(
            "the statistic is NaN (one row of samples, a bandwidth of 0, or "
            "NaN in the samples), but its p-value is 0 and reject_null is "
            "False. Pass fix=['L42'] for a p-value of NaN."
        )
    return (null >= statistic).mean()
