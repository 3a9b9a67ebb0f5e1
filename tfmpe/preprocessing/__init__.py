"""From trees of arrays to tokens, masks and labels, and back.

From the ground up: errors; layout and independence rules (plain Python);
masks, flattening, functional inputs; Tokens and TokenView; joining; text and
pictures.
"""

from tfmpe.preprocessing._arrays import PAD_VALUE as PAD_VALUE
from tfmpe.preprocessing._decode import decode_pytree as decode_pytree
from tfmpe.preprocessing._decode import update_flat_array as update_flat_array
from tfmpe.preprocessing._errors import DynamicShapeError as DynamicShapeError
from tfmpe.preprocessing._errors import IndependenceError as IndependenceError
from tfmpe.preprocessing._errors import PaddingWarning as PaddingWarning
from tfmpe.preprocessing._errors import UnknownKeyError as UnknownKeyError
from tfmpe.preprocessing._flatten import flatten_pytree as flatten_pytree
from tfmpe.preprocessing._functional_inputs import (
    flatten_functional_inputs as flatten_functional_inputs,
)
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
from tfmpe.preprocessing._padding import (
    build_padding_mask as build_padding_mask,
)
from tfmpe.preprocessing._plot import plot_mask as plot_mask
from tfmpe.preprocessing._text import draw_mask as draw_mask
from tfmpe.preprocessing._tokens import Tokens as Tokens
from tfmpe.preprocessing._views import TokenView as TokenView
