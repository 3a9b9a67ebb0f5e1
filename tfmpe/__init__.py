"""Tokens for simulation-based inference on hierarchical models."""

from tfmpe.models import Model as Model
from tfmpe.models import NoDensityError as NoDensityError
from tfmpe.models import from_numpyro as from_numpyro
from tfmpe.preprocessing import PAD_VALUE as PAD_VALUE
from tfmpe.preprocessing import AttentionPlan as AttentionPlan
from tfmpe.preprocessing import DatasetWriter as DatasetWriter
from tfmpe.preprocessing import DynamicShapeError as DynamicShapeError
from tfmpe.preprocessing import Independence as Independence
from tfmpe.preprocessing import IndependenceError as IndependenceError
from tfmpe.preprocessing import IrreproducibleWarning as IrreproducibleWarning
from tfmpe.preprocessing import KeyLayout as KeyLayout
from tfmpe.preprocessing import PaddingWarning as PaddingWarning
from tfmpe.preprocessing import Shard as Shard
from tfmpe.preprocessing import Standardiser as Standardiser
from tfmpe.preprocessing import Standardizer as Standardizer
from tfmpe.preprocessing import StorageError as StorageError
from tfmpe.preprocessing import StoredDataset as StoredDataset
from tfmpe.preprocessing import TokenGenerator as TokenGenerator
from tfmpe.preprocessing import TokenLayout as TokenLayout
from tfmpe.preprocessing import Tokens as Tokens
from tfmpe.preprocessing import TokenView as TokenView
from tfmpe.preprocessing import UnknownKeyError as UnknownKeyError
from tfmpe.preprocessing import (
    build_cross_attention_mask as build_cross_attention_mask,
)
from tfmpe.preprocessing import build_padding_mask as build_padding_mask
from tfmpe.preprocessing import (
    build_self_attention_mask as build_self_attention_mask,
)
from tfmpe.preprocessing import concatenate_tokens as concatenate_tokens
from tfmpe.preprocessing import decode_pytree as decode_pytree
from tfmpe.preprocessing import draw_mask as draw_mask
from tfmpe.preprocessing import (
    flatten_functional_inputs as flatten_functional_inputs,
)
from tfmpe.preprocessing import flatten_pytree as flatten_pytree
from tfmpe.preprocessing import (
    generate_static_dataset as generate_static_dataset,
)
from tfmpe.preprocessing import minibatches as minibatches
from tfmpe.preprocessing import open_dataset as open_dataset
from tfmpe.preprocessing import plot_cross_mask as plot_cross_mask
from tfmpe.preprocessing import plot_layout as plot_layout
from tfmpe.preprocessing import plot_mask as plot_mask
from tfmpe.preprocessing import shard_tokens as shard_tokens
from tfmpe.preprocessing import to_xarray as to_xarray
from tfmpe.preprocessing import train_validation_split as train_validation_split
from tfmpe.preprocessing import update_flat_array as update_flat_array

__version__ = "0.1.0"
