"""Mirror of the legacy module ``sfmpe.util.dataloader``."""

from tfmpe.compat._batches import DataLoader as DataLoader
from tfmpe.compat._batches import as_batch_iterator as as_batch_iterator
from tfmpe.compat._batches import as_batch_iterators as as_batch_iterators
from tfmpe.compat._batches import (
    as_batched_numpy_iterator_from_tf as as_batched_numpy_iterator_from_tf,
)
from tfmpe.compat._batches import (
    as_numpy_iterator_from_slices as as_numpy_iterator_from_slices,
)
from tfmpe.compat._blocks import _flatten_leaf as _flatten_leaf
from tfmpe.compat._blocks import _get_batch_ndims as _get_batch_ndims
from tfmpe.compat._blocks import _get_max_batch_size as _get_max_batch_size
from tfmpe.compat._blocks import flatten_blocks as flatten_blocks
from tfmpe.compat._combine import combine_data as combine_data
from tfmpe.compat._combine import pad_1d as pad_1d
from tfmpe.compat._combine import pad_2d as pad_2d
from tfmpe.compat._combine import pad_2d_cross as pad_2d_cross
from tfmpe.compat._combine import pad_multidim_event as pad_multidim_event
from tfmpe.compat._flatten import _flatten_index as _flatten_index
from tfmpe.compat._flatten import _get_flat_labels as _get_flat_labels
from tfmpe.compat._flatten import decode_theta as decode_theta
from tfmpe.compat._flatten import encode_unknown_theta as encode_unknown_theta
from tfmpe.compat._flatten import flatten_structured as flatten_structured
from tfmpe.compat._indices import cumsum as cumsum
from tfmpe.compat._indices import event_indices as event_indices
from tfmpe.compat._indices import flatten_index_tuple as flatten_index_tuple
from tfmpe.compat._indices import prod as prod
from tfmpe.compat._masks import (
    build_cross_attention_mask as build_cross_attention_mask,
)
from tfmpe.compat._masks import build_padding_mask as build_padding_mask
from tfmpe.compat._masks import (
    build_self_attention_mask as build_self_attention_mask,
)
from tfmpe.preprocessing import PAD_VALUE as PAD_VALUE
