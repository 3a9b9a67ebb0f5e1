"""Tokens, masks and labels from trees of arrays, and back.

Each folder imports only those before it: ``layout`` (plain Python), ``masks``,
``tokens``; then ``data``, ``standardise``, ``storage`` and ``show``, which do
not import one another.
"""

from tfmpe._base.arrays import PAD_VALUE as PAD_VALUE
from tfmpe._base.errors import DynamicShapeError as DynamicShapeError
from tfmpe._base.errors import IndependenceError as IndependenceError
from tfmpe._base.errors import IrreproducibleWarning as IrreproducibleWarning
from tfmpe._base.errors import PaddingWarning as PaddingWarning
from tfmpe._base.errors import StorageError as StorageError
from tfmpe._base.errors import UnknownKeyError as UnknownKeyError

from .data.devices import shard_tokens as shard_tokens
from .data.generator import TokenGenerator as TokenGenerator
from .data.minibatches import minibatches as minibatches
from .data.minibatches import train_validation_split as train_validation_split
from .data.static_dataset import (
    generate_static_dataset as generate_static_dataset,
)
from .layout.independence import Independence as Independence
from .layout.layout import KeyLayout as KeyLayout
from .layout.layout import TokenLayout as TokenLayout
from .masks.from_slices import (
    build_cross_attention_mask as build_cross_attention_mask,
)
from .masks.from_slices import (
    build_self_attention_mask as build_self_attention_mask,
)
from .masks.padding import build_padding_mask as build_padding_mask
from .masks.plan import AttentionPlan as AttentionPlan
from .show.plot import plot_cross_mask as plot_cross_mask
from .show.plot import plot_mask as plot_mask
from .show.plot_layout import plot_layout as plot_layout
from .show.text import draw_mask as draw_mask
from .show.xarray import to_xarray as to_xarray
from .standardise.standardizer import Standardizer as Standardizer
from .storage.dataset_reader import StoredDataset as StoredDataset
from .storage.dataset_reader import open_dataset as open_dataset
from .storage.dataset_writer import DatasetWriter as DatasetWriter
from .storage.manifest import Shard as Shard
from .tokens.decode import decode_pytree as decode_pytree
from .tokens.decode import update_flat_array as update_flat_array
from .tokens.flatten import flatten_pytree as flatten_pytree
from .tokens.functional_inputs import (
    flatten_functional_inputs as flatten_functional_inputs,
)
from .tokens.joining import concatenate_tokens as concatenate_tokens
from .tokens.tokens import Tokens as Tokens
from .tokens.views import TokenView as TokenView

Standardiser = Standardizer  # British spelling
