"""From rules to the mask among all tokens, nothing remembered."""

from math import prod

import reference
from benchmarks.agreement import assert_equal
from benchmarks.cases import Call, case
from benchmarks.models import RULES, Size, shapes
from tfmpe import build_self_attention_mask, compat

SITES = {"403": 50, "4,003": 500, "10,003": 1_250}


def _slices(size):
    slices, offset = {}, 0
    for key, shape in shapes(size).items():
        event_shape = shape[1:-1]
        slices[key] = {
            "offset": offset,
            "event_shape": event_shape,
            "batch_shape": (1,),
        }
        offset += prod(event_shape)
    return slices


BUILDERS = {
    "old": reference.build_self_attention_mask,
    "new": build_self_attention_mask,
    "bridge": compat.build_self_attention_mask,
}


def _mask_among(size):
    def prepare(side, small):
        slices = _slices(size.shrunk() if small else size)
        return Call(lambda: BUILDERS[side](slices, RULES))

    return prepare


for _name, _n_sites in SITES.items():
    _size = Size(_n_sites, 1)
    case(
        f"mask, {_name} tokens",
        # The bridge makes a second dense mask: too slow to repeat there.
        ("old", "new", "bridge") if _n_sites <= 500 else ("old", "new"),
        lambda old, new: assert_equal(old, new, "the mask"),
        needs=5 * 4 * _size.n_tokens**2,
    )(_mask_among(_size))
