"""Defect L22: two of three masks without effect in the legacy network."""

from typing import Any

import numpy as np
from jax.core import Tracer

from tfmpe.compat.legacy_warnings import LegacyWarning


class MasksWithoutEffectWarning(LegacyWarning):
    """The network ignores theta_mask or context_mask (L22)."""

    code = "L22"


def ignore_masks(**masks: Any) -> None:
    """Warn if a mask forbids attention; traced masks are assumed to.

    Parameters
    ----------
    **masks : Array or None
        Masks by argument name; nonzero where attention is allowed.
    """
    names = [name for name, mask in masks.items() if _may_forbid(mask)]
    if names:
        MasksWithoutEffectWarning.warn(
            f"the legacy network ignores {' and '.join(names)}: its encoder "
            "discards the result of its attention, so only cross_mask has an "
            "effect, and theta tokens do not attend to one another. "
            "tfmpe.nn.Transformer applies all masks."
        )


def _may_forbid(mask: Any) -> bool:
    if mask is None:
        return False
    # Under a trace, JAX would also trace `all` of a concrete array.
    return isinstance(mask, Tracer) or not np.asarray(mask).all()
