"""Mirror of the legacy module ``sfmpe.sfmpe``.

Names that need the extra ``flow`` are imported when they are asked for.
"""

import importlib
from typing import TYPE_CHECKING, Any

from tfmpe.compat._attention import _cross_2d_masks as _cross_2d_masks
from tfmpe.compat._attention import (
    _make_attention_masks as _make_attention_masks,
)

# So that a star import asks for it, too.
__all__ = ["SFMPE"]

if TYPE_CHECKING:
    from tfmpe.compat._flow.estimator import SFMPE as SFMPE
    from tfmpe.compat._flow.loss import _cfm_loss as _cfm_loss
    from tfmpe.compat.train import fit_model_no_branch as fit_model_no_branch

_WITH_FLOW = {
    "SFMPE": "_flow.estimator",
    "_cfm_loss": "_flow.loss",
    "fit_model_no_branch": "train",
}


def __getattr__(name: str) -> Any:
    if name not in _WITH_FLOW:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    module = importlib.import_module(f"tfmpe.compat.{_WITH_FLOW[name]}")
    return getattr(module, name)
