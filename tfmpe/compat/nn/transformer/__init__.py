"""Mirror of the legacy module ``sfmpe.nn.transformer`` (extra ``flow``)."""

from tfmpe.compat._lazy import lazily
from tfmpe.compat.nn.transformer.parameters import (
    load_parameters as load_parameters,
)
from tfmpe.compat.nn.transformer.parameters import (
    read_parameters as read_parameters,
)
from tfmpe.compat.nn.transformer.transformer import Transformer as Transformer

__getattr__, __dir__ = lazily(__name__)
