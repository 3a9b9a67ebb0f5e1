"""From rules to the mask among all tokens, nothing remembered."""

from typing import Any

from tfmpe import compat
from tfmpe.preprocessing import build_self_attention_mask

from .agreement import check_equal
from .cases import Call, case
from .legacy import Legacy
from .models import RULES, Size, slices


def _check(side: str, result: Any, old: Any, size: Size) -> None:
    check_equal(old, result, "the mask")


@case(
    "masks",
    "the mask among all tokens from the rules",
    sides=("old", "new", "bridge"),
    check=_check,
    n_samples=1,
    sites=(1, 10, 50, 100, 200, 500, 1_250),
    middle=500,
    recorded=("flatten_structured",),
    old_needs=lambda size: 5 * 4 * size.n_tokens**2,
    moves=lambda size: size.n_tokens**2,
)
def _mask(side: str, size: Size, legacy: Legacy) -> Call:
    build = {
        "old": legacy.build_self_attention_mask,
        "new": build_self_attention_mask,
        "bridge": compat.build_self_attention_mask,
    }[side]
    described = slices(size)
    return Call(lambda: build(described, RULES))
