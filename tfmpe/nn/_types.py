"""Type aliases shared by several modules."""

from typing import TypeAlias

from jaxtyping import Array, Bool, Float

from tfmpe._base.arrays import AnyArray as AnyArray
from tfmpe.preprocessing import TokenLayout, Tokens, TokenView

AnyView: TypeAlias = Tokens | TokenView
"""Anything with data, layout, padding and functional inputs."""

ViewOrLayout: TypeAlias = AnyView | TokenLayout
Vectors: TypeAlias = Float[Array, "rows n latent"]
Heads: TypeAlias = Float[Array, "rows n heads head_dim"]
Padding: TypeAlias = Bool[AnyArray, "*sample n"] | None
"""False for padding; None if there is no padding."""

Remembered: TypeAlias = tuple[
    Float[Array, "*sample keys heads head_dim"],
    Float[Array, "*sample keys heads head_dim"],
]
"""Keys and values of the tokens that queries attend to."""
