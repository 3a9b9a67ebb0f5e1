"""A second, plain implementation of the legacy preprocessing behaviour.

It says in the most obvious way what the legacy functions return: eager
``jax.numpy`` operations, dense float32 masks, Python loops. Tests compare the
package with it, and benchmarks use it as the "old" side. It must stay
independent, so nothing in here imports the package that it judges.

``product_masks`` is different: it states, token pair by token pair, the mask
rules of the package core, which pairs mapped coordinates as a product.
"""

from .attention import _make_attention_masks as _make_attention_masks
from .combine import combine_data as combine_data
from .decode import decode_theta as decode_theta
from .decode import encode_unknown_theta as encode_unknown_theta
from .flatten import _flatten_index as _flatten_index
from .flatten import flatten_blocks as flatten_blocks
from .flatten import flatten_structured as flatten_structured
from .masks import build_cross_attention_mask as build_cross_attention_mask
from .masks import build_padding_mask as build_padding_mask
from .masks import build_self_attention_mask as build_self_attention_mask
from .padding import PAD_VALUE as PAD_VALUE
from .padding import pad_1d as pad_1d
from .padding import pad_2d as pad_2d
from .padding import pad_2d_cross as pad_2d_cross
from .padding import pad_multidim_event as pad_multidim_event
from .split import split_data as split_data
