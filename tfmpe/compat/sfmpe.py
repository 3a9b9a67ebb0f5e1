"""Mirror of the legacy module ``sfmpe.sfmpe``.

What needs the extra ``flow`` is imported when it is asked for.
"""

from typing import TYPE_CHECKING, Literal, TypeAlias

from tfmpe.compat._attention import _cross_2d_masks as _cross_2d_masks
from tfmpe.compat._attention import (
    _make_attention_masks as _make_attention_masks,
)
from tfmpe.compat._lazy import lazily
from tfmpe.compat.util.dataloader import decode_theta as decode_theta
from tfmpe.compat.util.dataloader import prod as prod

# So that a star import asks for what is not imported yet.
__all__ = [
    "SFMPE",
    "Direction",
    "StructuredCNF",
    "decode_theta",
    "fit_model_no_branch",
    "prod",
    "theta_t_linear",
    "ut_linear",
]

Direction: TypeAlias = Literal["forward", "backward"]
"""From noise to values, or back."""

if TYPE_CHECKING:
    from tfmpe.compat._flow.estimator import SFMPE as SFMPE
    from tfmpe.compat._flow.loss import _cfm_loss as _cfm_loss
    from tfmpe.compat.fmpe import theta_t_linear as theta_t_linear
    from tfmpe.compat.fmpe import ut_linear as ut_linear
    from tfmpe.compat.structured_cnf import StructuredCNF as StructuredCNF
    from tfmpe.compat.train import fit_model_no_branch as fit_model_no_branch

__getattr__, __dir__ = lazily(
    __name__,
    {
        "SFMPE": "tfmpe.compat._flow.estimator",
        "StructuredCNF": "tfmpe.compat.structured_cnf",
        "_cfm_loss": "tfmpe.compat._flow.loss",
        "fit_model_no_branch": "tfmpe.compat.train",
        "theta_t_linear": "tfmpe.compat.fmpe",
        "ut_linear": "tfmpe.compat.fmpe",
    },
)
