"""Defect L22: two of three masks without effect in the legacy network."""

from typing import Any

import numpy as np
from jax.core import Tracer

from tfmpe.compat.legacy_warnings import LegacyWarning


class MasksWithoutEffectWarning(LegacyWarning):
    """The network ignores theta_mask or context_mask (L22)."""

    code = "L22"


def ignore_masks(**masks: Any) -> None:
    """Warn of masks that forbid something, or might: a traced one is unseen.

    Parameters
    ----------
    **masks : Array or None
        By the name of the argument; nonzero may attend.
    """
    names = [name for name, mask in masks.items() if _may_forbid(mask)]
    if names:
        MasksWithoutEffectWarning.warn(
            f"{' and '.join(names)} without effect: the encoder of the "
            "legacy network drops what its attention gives, so that only "
            "cross_mask acts and theta tokens never see one another. "
            "tfmpe.nn.Transformer obeys every mask."
        )


def _may_forbid(mask: Any) -> bool:
    if mask is None:
        return False
    # Of a jax array under a trace, np.all would be traced.
    return isinstance(mask, Tracer) or not np.asarray(mask).all()
