"""Defect L54: more points in the main statistic than in each null statistic."""

from collections.abc import Collection
from typing import Any

import jax

from tfmpe.compat.legacy_warnings import LegacyWarning


class UnequalPointsWarning(LegacyWarning):
    """p-values of ``evaluate_l_c2st_nf`` are not valid (L54)."""

    code = "L54"


def base_draws(
    key: Any, n: int, n_null: int, width: int, fixes: Collection[str]
) -> tuple[Any, Any]:
    """Draw base points at which to evaluate the classifiers.

    Returns
    -------
    main : Array, shape (n_main, width)
        For the main classifier: by default all points in ``null``; if fixed,
        ``n`` other points.
    null : Array, shape (n, n_null, width)
        For the null classifiers, ``n`` for each.
    """
    if "L54" in fixes:
        draws = jax.random.normal(key, (n, 1 + n_null, width))
        return draws[:, 0], draws[:, 1:]
    if n_null > 1:
        UnequalPointsWarning.warn(
            f"the main statistic is a mean over {n * n_null} points, but each "
            f"of the {n_null} null statistics over {n}, so that they vary "
            "more and the test rejects too rarely. Pass fix=['L54']."
        )
    null = jax.random.normal(key, (n, n_null, width))
    return null.reshape((-1, width)), null
