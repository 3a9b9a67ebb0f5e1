"""From trees of arrays to tokens, masks and labels, and back.

Each folder imports only those before it: ``layout`` (plain Python), ``masks``,
``tokens``; then ``data``, ``standardize``, ``storage`` and ``show``, which do
not import one another.
"""

from tfmpe._base.arrays import PAD_VALUE as PAD_VALUE
from tfmpe._base.errors import DynamicShapeError as DynamicShapeError
from tfmpe._base.errors import IndependenceError as IndependenceError
from tfmpe._base.errors import (
    IrreproducibleWarning as IrreproducibleWarning,
)
from tfmpe._base.errors import PaddingWarning as PaddingWarning
from tfmpe._base.errors import StorageError as StorageError
from tfmpe._base.errors import UnknownKeyError as UnknownKeyError
from tfmpe.preprocessing.data.generator import TokenGenerator as TokenGenerator
from tfmpe.preprocessing.data.minibatches import minibatches as minibatches
from tfmpe.preprocessing.data.minibatches import (
    train_validation_split as train_validation_split,
)
from tfmpe.preprocessing.data.sharding import shard_tokens as shard_tokens
from tfmpe.preprocessing.data.static_dataset import (
    generate_static_dataset as generate_static_dataset,
)
from tfmpe.preprocessing.layout.independence import Independence as Independence
from tfmpe.preprocessing.layout.layout import KeyLayout as KeyLayout
from tfmpe.preprocessing.layout.layout import TokenLayout as TokenLayout
from tfmpe.preprocessing.masks.from_slices import (
    build_cross_attention_mask as build_cross_attention_mask,
)
from tfmpe.preprocessing.masks.from_slices import (
    build_self_attention_mask as build_self_attention_mask,
)
from tfmpe.preprocessing.masks.padding import (
    build_padding_mask as build_padding_mask,
)
from tfmpe.preprocessing.masks.plan import AttentionPlan as AttentionPlan
from tfmpe.preprocessing.show.plot import plot_cross_mask as plot_cross_mask
from tfmpe.preprocessing.show.plot import plot_mask as plot_mask
from tfmpe.preprocessing.show.plot_layout import plot_layout as plot_layout
from tfmpe.preprocessing.show.text import draw_mask as draw_mask
from tfmpe.preprocessing.show.xarray import to_xarray as to_xarray
from tfmpe.preprocessing.standardise.standardizer import (
    Standardizer as Standardizer,
)
from tfmpe.preprocessing.storage.dataset_writer import (
    DatasetWriter as DatasetWriter,
)
from tfmpe.preprocessing.storage.shards import StoredDataset as StoredDataset
from tfmpe.preprocessing.storage.shards import open_dataset as open_dataset
from tfmpe.preprocessing.tokens.decode import decode_pytree as decode_pytree
from tfmpe.preprocessing.tokens.decode import (
    update_flat_array as update_flat_array,
)
from tfmpe.preprocessing.tokens.flatten import flatten_pytree as flatten_pytree
from tfmpe.preprocessing.tokens.functional_inputs import (
    flatten_functional_inputs as flatten_functional_inputs,
)
from tfmpe.preprocessing.tokens.joining import (
    concatenate_tokens as concatenate_tokens,
)
from tfmpe.preprocessing.tokens.tokens import Tokens as Tokens
from tfmpe.preprocessing.tokens.views import TokenView as TokenView

Standardiser = Standardizer  # the same, in another spelling
