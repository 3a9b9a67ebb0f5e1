"""Independent, simple implementation of the legacy behavior.

The "old" side of tests and benchmarks, with eager operations, dense float32
masks, and one adaptive solve per sample. It imports nothing else from this
package. `product_masks` implements the core's rules instead of the legacy ones.
"""

from .attention import _make_attention_masks as _make_attention_masks
from .combine import combine_data as combine_data
from .decode import decode_theta as decode_theta
from .decode import encode_unknown_theta as encode_unknown_theta
from .estimator import log_prob_posterior_samples as log_prob_posterior_samples
from .estimator import sample_base_dist as sample_base_dist
from .estimator import sample_posterior as sample_posterior
from .estimator import sample_posterior_encoded as sample_posterior_encoded
from .fields import FIELDS as FIELDS
from .flatten import _flatten_index as _flatten_index
from .flatten import flatten_blocks as flatten_blocks
from .flatten import flatten_structured as flatten_structured
from .flow import log_prob as log_prob
from .flow import sample as sample
from .loss import loss as loss
from .masks import build_cross_attention_mask as build_cross_attention_mask
from .masks import build_padding_mask as build_padding_mask
from .masks import build_self_attention_mask as build_self_attention_mask
from .padding import PAD_VALUE as PAD_VALUE
from .padding import pad_1d as pad_1d
from .padding import pad_2d as pad_2d
from .padding import pad_2d_cross as pad_2d_cross
from .padding import pad_multidim_event as pad_multidim_event
from .split import split_data as split_data
from .transformer import transformer as transformer
