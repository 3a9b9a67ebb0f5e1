"""Defect L40: useless z-scaling of vectors and values outside the domain."""

from collections.abc import Collection, Sequence
from typing import Any

import jax
import jax.numpy as jnp
from jax.core import Tracer

from tfmpe.compat.legacy_warnings import LegacyWarning


class ScaledByItselfWarning(LegacyWarning):
    """The mean and standard deviation of a z-scaling are useless (L40)."""

    code = "L40"


def moment_axes(
    path: Any, image: Any, fixes: Collection[str]
) -> tuple[int, ...]:
    """Return the axes over which moments are taken: all but the last.

    If fixed, the moments of a vector are taken over its only axis.
    """
    axes = tuple(range(jnp.ndim(image) - 1))
    if jnp.ndim(image) != 1:
        return axes
    if "L40" in fixes:
        return (0,)
    ScaledByItselfWarning.warn(
        f"the leaf {jax.tree_util.keystr(path)} has one axis, so each of its "
        f"{jnp.size(image)} values is its own mean and is scaled by 1e8. Add "
        "an axis for components, leaf[:, None], or pass fix=['L40']."
    )
    return axes


def check_moments(
    path: Any, moments: Sequence[Any], fixes: Collection[str]
) -> None:
    """Warn about moments that are not finite.

    Raises
    ------
    ValueError
        If L40 is fixed.
    """
    if any(isinstance(m, Tracer) for m in moments) or all(
        jnp.isfinite(m).all() for m in moments
    ):
        return
    text = (
        "The mean or standard deviation of the leaf "
        f"{jax.tree_util.keystr(path)} is not finite: the data lie outside the "
        "domain of its bijector. Correct the data, or use another bijector."
    )
    if "L40" in fixes:
        raise ValueError(text)
    ScaledByItselfWarning.warn(text[0].lower() + text[1:])
