"""Arguments of a standardizer's methods, checked and laid out per token."""

from collections.abc import Callable, Iterable
from typing import NamedTuple, TypeAlias, TypeVar

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Shaped

from tfmpe._base.arrays import AnyArray, broadcasts_to, common_dtype, to_rank
from tfmpe._base.errors import raise_faults, unknown_key
from tfmpe._base.narrowing import check_fits
from tfmpe._base.programs import compiled
from tfmpe.preprocessing.layout.layout import KeyLayout
from tfmpe.preprocessing.masks.padding import filled_columns
from tfmpe.preprocessing.tokens.decode import token_array
from tfmpe.preprocessing.tokens.tokens import Tokens
from tfmpe.preprocessing.tokens.views import TokenView

from .bijectors import Bijector

T = TypeVar("T")

Values: TypeAlias = Float[AnyArray, "*sample tokens width"]
Moments: TypeAlias = tuple[
    Float[AnyArray, "*_ columns"],
    Float[AnyArray, "*_ columns"],
    Float[AnyArray, "*_ columns"],
]
"""Mean, shift and scale."""


class StandardizedKey(NamedTuple):
    """Name, batch shape and bijector of a standardized key: hashable."""

    name: str
    batch_shape: tuple[int, ...]
    bijector: Bijector | None


class Laid(NamedTuple):
    """Values and moments of every token, inside a compiled program."""

    flat: Values  # unchanged
    values: Values  # flat, in the dtype of the computation
    real: Bool[AnyArray, "*_ tokens width"]
    moments: Moments  # with one row per token
    keys: "tuple[FittedKey, ...]"

    def map(
        self,
        method: Callable[[Bijector, Values], Values],
        values: Values,
        others: Values | None = None,
    ) -> Array:
        """Apply a method of each bijector; keys without one keep ``others``."""
        result = jnp.asarray(values if others is None else others)
        for key, _, bijector in self.keys:
            if bijector is not None:
                block = (..., key.block, slice(key.width))
                result = result.at[block].set(method(bijector, values[block]))
        return result

    def instead(self, result: Values) -> Array:
        """Return a result in the values' dtype, with unchanged padding."""
        return jnp.where(self.real, result.astype(self.flat.dtype), self.flat)

    def bounded(self) -> Array:
        """Return the values, with the key's center in place of padding."""
        centre = self.map(Bijector.inverse, self.moments[0])
        centre = jax.lax.stop_gradient(centre)
        return jnp.where(self.real, self.values, centre)


class FittedKey(NamedTuple):
    """A key of the values, and its row among the fitted keys."""

    key: KeyLayout
    row: int
    bijector: Bijector | None


@compiled()
def _compute(
    flat: Values,
    padding: Bool[AnyArray, "*_ tokens"] | None,
    moments: Moments,
    *,
    function: Callable[[Laid], Array],
    keys: tuple[FittedKey, ...],
) -> Array:
    n_tokens = [key.n_tokens for key, _, _ in keys]
    width = flat.shape[-1]
    rows = np.array([row for _, row, _ in keys], int)
    tokens = np.repeat(rows, n_tokens)[:, None]
    # Columns beyond the fitted ones hold only padding.
    columns = np.minimum(np.arange(width), moments[0].shape[-1] - 1)
    real = filled_columns([key for key, _, _ in keys], width)
    if padding is not None:
        real = to_rank(real, padding.ndim + 1) & padding[..., None]
    dtype = common_dtype([flat, moments[0]])
    mean, shift, scale = (
        to_rank(moment[tokens, columns].astype(dtype), flat.ndim)
        for moment in moments
    )
    return function(
        Laid(
            flat,
            flat.astype(dtype),
            to_rank(real, flat.ndim),
            (mean, shift, scale),
            keys,
        )
    )


def apply(
    function: Callable[[Laid], Array],
    values: object,
    like: object,
    fitted: tuple[StandardizedKey, ...],
    moments: Moments,
) -> Array:
    """Apply a function to checked values, in one compiled program."""
    source = values if isinstance(values, (Tokens, TokenView)) else None
    owner = like if source is None else source
    if not isinstance(owner, (Tokens, TokenView)) or (
        source is not None and like is not None
    ):
        raise TypeError(
            "Expected Tokens or a TokenView without like=, or an array with "
            "like=, the Tokens or TokenView that it belongs to; got "
            f"{type(values).__name__} with like={type(like).__name__}."
        )
    flat = token_array(values, "values") if source is None else source.data
    check_floats(flat)
    check_fits(flat, jax.dtypes.canonicalize_dtype(flat.dtype), "values")
    layout, padding = owner.layout, owner.padding
    token_array(flat, "values", layout.keys)
    keys = _fitted_keys(layout.keys, fitted)
    samples = flat.shape[:-1]
    if padding is not None and not broadcasts_to(padding.shape, samples):
        raise ValueError(
            f"The padding mask has shape {padding.shape}, which cannot be "
            f"broadcast to the samples and tokens {samples} of the array. "
            "Take the samples that the array belongs to, such as "
            "jax.tree.map(lambda x: x[:1], tokens)."
        )
    return _compute(flat, padding, moments, function=function, keys=keys)


def wrap(result: AnyArray, values: T) -> T:
    """Return a result in the type of the values it was computed from."""
    if isinstance(values, TokenView):
        changed = values.with_data(result)
        return changed.select_tokens(values.selected_keys)  # pyright: ignore
    if isinstance(values, Tokens):
        return values.with_data(result)  # pyright: ignore
    return result  # pyright: ignore


def _fitted_keys(
    keys: Iterable[KeyLayout], fitted: tuple[StandardizedKey, ...]
) -> tuple[FittedKey, ...]:
    """Return every key with its row among the fitted keys."""
    names = [key.name for key in fitted]
    found: list[FittedKey] = []
    faults: list[str] = []
    for key in keys:
        if key.name not in names:
            raise unknown_key(
                key.name,
                names,
                "The standardizer was fitted to these keys; select only them "
                "with tokens.select_tokens.",
            )
        row = names.index(key.name)
        found.append(FittedKey(key, row, fitted[row].bijector))
        if key.batch_shape != fitted[row].batch_shape:
            faults.append(
                f"{key.name!r} has the batch shape {key.batch_shape}, but had "
                f"{fitted[row].batch_shape} when it was fitted"
            )
    raise_faults(ValueError, "These tokens do not match the fit", faults)
    return tuple(found)


def check_floats(data: Shaped[AnyArray, "..."]) -> None:
    """Raise if values are not floats."""
    if not jnp.issubdtype(data.dtype, jnp.floating):
        raise TypeError(
            f"Only floats can be standardized, not {data.dtype}. Convert the "
            "values with astype before building tokens from them."
        )
