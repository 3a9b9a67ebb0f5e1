"""From trees of arrays to tokens, masks and labels, and back.

From the ground up: errors; layout and independence rules (plain Python);
masks, flattening, functional inputs; Tokens and TokenView; joining; text and
pictures.
"""

from tfmpe.preprocessing._arrays import PAD_VALUE as PAD_VALUE
from tfmpe.preprocessing._dataset_writer import DatasetWriter as DatasetWriter
from tfmpe.preprocessing._decode import decode_pytree as decode_pytree
from tfmpe.preprocessing._decode import update_flat_array as update_flat_array
from tfmpe.preprocessing._errors import DynamicShapeError as DynamicShapeError
from tfmpe.preprocessing._errors import IndependenceError as IndependenceError
from tfmpe.preprocessing._errors import (
    IrreproducibleWarning as IrreproducibleWarning,
)
from tfmpe.preprocessing._errors import PaddingWarning as PaddingWarning
from tfmpe.preprocessing._errors import StorageError as StorageError
from tfmpe.preprocessing._errors import UnknownKeyError as UnknownKeyError
from tfmpe.preprocessing._flatten import flatten_pytree as flatten_pytree
from tfmpe.preprocessing._functional_inputs import (
    flatten_functional_inputs as flatten_functional_inputs,
)
from tfmpe.preprocessing._generator import TokenGenerator as TokenGenerator
from tfmpe.preprocessing._independence import Independence as Independence
from tfmpe.preprocessing._joining import (
    concatenate_tokens as concatenate_tokens,
)
from tfmpe.preprocessing._layout import KeyLayout as KeyLayout
from tfmpe.preprocessing._layout import TokenLayout as TokenLayout
from tfmpe.preprocessing._masks import (
    build_cross_attention_mask as build_cross_attention_mask,
)
from tfmpe.preprocessing._masks import (
    build_self_attention_mask as build_self_attention_mask,
)
from tfmpe.preprocessing._minibatches import minibatches as minibatches
from tfmpe.preprocessing._minibatches import (
    train_validation_split as train_validation_split,
)
from tfmpe.preprocessing._padding import (
    build_padding_mask as build_padding_mask,
)
from tfmpe.preprocessing._plan import AttentionPlan as AttentionPlan
from tfmpe.preprocessing._plot import plot_cross_mask as plot_cross_mask
from tfmpe.preprocessing._plot import plot_mask as plot_mask
from tfmpe.preprocessing._plot_layout import plot_layout as plot_layout
from tfmpe.preprocessing._sharding import shard_tokens as shard_tokens
from tfmpe.preprocessing._shards import StoredDataset as StoredDataset
from tfmpe.preprocessing._shards import open_dataset as open_dataset
from tfmpe.preprocessing._standardiser import Standardiser as Standardiser
from tfmpe.preprocessing._static_dataset import (
    generate_static_dataset as generate_static_dataset,
)
from tfmpe.preprocessing._text import draw_mask as draw_mask
from tfmpe.preprocessing._tokens import Tokens as Tokens
from tfmpe.preprocessing._views import TokenView as TokenView
from tfmpe.preprocessing._xarray import to_xarray as to_xarray
