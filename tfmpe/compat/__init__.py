"""Names of the legacy package, implemented on the new core.

Change ``from sfmpe.util.dataloader import X`` to ``from
tfmpe.compat.util.dataloader import X`` and a script gets the same numbers.
Modules keep their legacy names and are loaded when first used, so that
``import tfmpe.compat as sfmpe`` replaces ``import sfmpe``. ``bridge``
converts to Tokens and back, ``defects`` contains the reproduced defects, and
``fixes`` turns them off. Sampling and training need the extra ``flow`` and
are imported at first use.
"""

from typing import TYPE_CHECKING

from tfmpe.compat._attention import (
    _make_attention_masks as _make_attention_masks,
)
from tfmpe.compat._lazy import lazily
from tfmpe.compat.bridge import as_legacy as as_legacy
from tfmpe.compat.bridge import as_tokens as as_tokens
from tfmpe.compat.bridge import nine_arguments as nine_arguments
from tfmpe.compat.legacy_warnings import LegacyWarning as LegacyWarning
from tfmpe.compat.util.dataloader import PAD_VALUE as PAD_VALUE
from tfmpe.compat.util.dataloader import _flatten_index as _flatten_index
from tfmpe.compat.util.dataloader import as_batch_iterator as as_batch_iterator
from tfmpe.compat.util.dataloader import (
    as_batch_iterators as as_batch_iterators,
)
from tfmpe.compat.util.dataloader import (
    build_cross_attention_mask as build_cross_attention_mask,
)
from tfmpe.compat.util.dataloader import (
    build_padding_mask as build_padding_mask,
)
from tfmpe.compat.util.dataloader import (
    build_self_attention_mask as build_self_attention_mask,
)
from tfmpe.compat.util.dataloader import combine_data as combine_data
from tfmpe.compat.util.dataloader import decode_theta as decode_theta
from tfmpe.compat.util.dataloader import (
    encode_unknown_theta as encode_unknown_theta,
)
from tfmpe.compat.util.dataloader import event_indices as event_indices
from tfmpe.compat.util.dataloader import flatten_blocks as flatten_blocks
from tfmpe.compat.util.dataloader import (
    flatten_index_tuple as flatten_index_tuple,
)
from tfmpe.compat.util.dataloader import (
    flatten_structured as flatten_structured,
)
from tfmpe.compat.util.dataloader import pad_1d as pad_1d
from tfmpe.compat.util.dataloader import pad_2d as pad_2d
from tfmpe.compat.util.dataloader import pad_2d_cross as pad_2d_cross
from tfmpe.compat.util.dataloader import (
    pad_multidim_event as pad_multidim_event,
)
from tfmpe.compat.utils import split_data as split_data

if TYPE_CHECKING:
    from tfmpe.compat.bottom_up import train_bottom_up as train_bottom_up
    from tfmpe.compat.fmpe import theta_t_linear as theta_t_linear
    from tfmpe.compat.fmpe import ut_linear as ut_linear
    from tfmpe.compat.sfmpe import SFMPE as SFMPE
    from tfmpe.compat.structured_cnf import StructuredCNF as StructuredCNF

__getattr__, __dir__ = lazily(
    __name__,
    {
        "SFMPE": "tfmpe.compat.sfmpe",
        "StructuredCNF": "tfmpe.compat.structured_cnf",
        "theta_t_linear": "tfmpe.compat.fmpe",
        "train_bottom_up": "tfmpe.compat.bottom_up",
        "ut_linear": "tfmpe.compat.fmpe",
    },
)
