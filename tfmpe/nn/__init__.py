"""Networks that read Tokens (extra ``flow``)."""

from tfmpe.nn._config import KnownKey as KnownKey
from tfmpe.nn._config import TransformerConfig as TransformerConfig
from tfmpe.nn._default_config import default_config as default_config
from tfmpe.nn._group_posterior import GroupPosterior as GroupPosterior
from tfmpe.nn._group_posterior import GroupSummary as GroupSummary
from tfmpe.nn._indistinguishable import (
    ExchangeableWarning as ExchangeableWarning,
)
from tfmpe.nn._mixture_density import Mixture as Mixture
from tfmpe.nn._mixture_density import MixtureDensity as MixtureDensity
from tfmpe.nn._structured import structured_attention as structured_attention
from tfmpe.nn._transformer import Transformer as Transformer
