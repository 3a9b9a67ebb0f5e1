"""What a method of a standardizer is given, checked and laid out by token."""

from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from tfmpe._base.arrays import (
    broadcasts_to,
    common_dtype,
    to_rank,
)
from tfmpe._base.errors import raise_faults, unknown_key
from tfmpe._base.narrowing import check_fits
from tfmpe._base.programs import compiled
from tfmpe.preprocessing.layout.layout import KeyLayout
from tfmpe.preprocessing.masks.padding import filled_columns
from tfmpe.preprocessing.standardise.bijectors import Bijector
from tfmpe.preprocessing.tokens.decode import (
    check_room,
    check_token_count,
    token_array,
)
from tfmpe.preprocessing.tokens.tokens import Tokens
from tfmpe.preprocessing.tokens.views import TokenView


class StandardizedKey(NamedTuple):
    """What a standardizer knows of a key besides numbers: hashable."""

    name: str
    batch_shape: tuple[int, ...]
    bijector: Bijector | None


class Laid(NamedTuple):
    """Values laid out token by token, inside a compiled program."""

    flat: Any  # (*sample, n_tokens, width), untouched
    values: Any  # flat, in the dtype to compute in
    real: Any  # bool, fits values by broadcasting
    moments: tuple[Any, ...]  # mean, shift and scale, (1..., n_tokens, width)
    keys: list[tuple[KeyLayout, Bijector | None]]

    def map(self, method: Any, values: Any, others: Any = None) -> Any:
        """Apply a method of the bijectors; keys without one keep others."""
        result = values if others is None else others
        for key, bijector in self.keys:
            if bijector is not None:
                block = (..., key.block, slice(key.width))
                result = result.at[block].set(method(bijector, values[block]))
        return result

    def instead(self, result: Any) -> Any:
        """Return a result in the form of the values; padding stays."""
        return jnp.where(self.real, result.astype(self.flat.dtype), self.flat)

    def bounded(self) -> Any:
        """Return the values, with the key's centre in place of padding."""
        centre = self.map(Bijector.inverse, self.moments[0])
        centre = jax.lax.stop_gradient(centre)
        return jnp.where(self.real, self.values, centre)


class Given(NamedTuple):
    """What a method was given, checked."""

    source: Tokens | TokenView | None  # None for an array
    flat: Any  # (*sample, n_tokens, width)
    padding: Any
    moments: tuple[Any, ...]  # mean, shift and scale, (n_keys, width)
    keys: tuple[KeyLayout, ...]
    rows: tuple[int, ...]  # of the moments, for every key
    bijectors: tuple[Bijector | None, ...]

    def compute(self, function: Callable[[Laid], Any]) -> Any:
        """Apply a function to what was given, in one compiled program."""
        return _compute(
            self.flat,
            self.padding,
            self.moments,
            function=function,
            keys=self.keys,
            rows=self.rows,
            bijectors=self.bijectors,
        )

    def wrap(self, result: Any) -> Any:
        """Return a result in the form of what was given."""
        source = self.source
        if isinstance(source, TokenView):
            changed = source.with_data(result)
            return changed.select_tokens(source.selected_keys)
        return result if source is None else source.with_data(result)


@compiled()
def _compute(
    flat: Any,
    padding: Any,
    moments: tuple[Any, ...],
    *,
    function: Callable[[Laid], Any],
    keys: tuple[KeyLayout, ...],
    rows: tuple[int, ...],
    bijectors: tuple[Bijector | None, ...],
) -> Any:
    n_tokens = [key.n_tokens for key in keys]
    width = flat.shape[-1]
    tokens = np.repeat(np.array(rows, int), n_tokens)[:, None]
    # Further columns than were fitted hold padding only.
    columns = np.minimum(np.arange(width), moments[0].shape[-1] - 1)
    real = filled_columns(keys, width)
    if padding is not None:
        padding = padding[..., None]
        real = to_rank(real, padding.ndim) & padding
    dtype = common_dtype([flat, moments[0]])
    return function(
        Laid(
            flat,
            flat.astype(dtype),
            to_rank(real, flat.ndim),
            tuple(
                to_rank(moment[tokens, columns].astype(dtype), flat.ndim)
                for moment in moments
            ),
            list(zip(keys, bijectors, strict=True)),
        )
    )


def read_given(
    values: Any,
    like: Any,
    fitted: tuple[StandardizedKey, ...],
    moments: tuple[Any, ...],
) -> Given:
    """Check values against what was fitted.

    Parameters
    ----------
    values, like
        As of :meth:`Standardizer.forward`.
    fitted
        The keys of the standardizer.
    moments
        Its mean, shift and scale, ``(n_keys, width)``.

    Returns
    -------
    Given

    Raises
    ------
    UnknownKeyError, ValueError, TypeError
        As :meth:`Standardizer.forward`.
    """
    source = values if isinstance(values, (Tokens, TokenView)) else None
    owner = like if source is None else source
    if not isinstance(owner, (Tokens, TokenView)) or (
        source is not None and like is not None
    ):
        raise TypeError(
            "Expected Tokens, a TokenView, or an array with the Tokens "
            "or view it belongs to as like=; got "
            f"{type(values).__name__} with like={type(like).__name__}."
        )
    flat = token_array(values, "values") if source is None else source.data
    check_floats(flat)
    check_fits(flat, jax.dtypes.canonicalize_dtype(flat.dtype), "values")
    layout = owner.layout
    check_token_count(flat, layout.n_tokens)
    check_room(flat, layout.keys)
    rows = _rows(layout.keys, fitted)
    if owner.padding is not None:
        _check_padding(owner.padding.shape, flat.shape)
    return Given(
        source,
        flat,
        owner.padding,
        moments,
        layout.keys,
        tuple(rows),
        tuple(fitted[row].bijector for row in rows),
    )


def _rows(
    keys: Iterable[KeyLayout], fitted: tuple[StandardizedKey, ...]
) -> list[int]:
    """Return the number of every key among the fitted ones."""
    names = [key.name for key in fitted]
    rows: list[int] = []
    faults: list[str] = []
    for key in keys:
        if key.name not in names:
            error = unknown_key(key.name, names)
            error.add_note(
                "The standardizer was fitted to these keys; apply it to "
                "tokens.select_tokens of them."
            )
            raise error
        rows.append(names.index(key.name))
        expected = fitted[rows[-1]].batch_shape
        if key.batch_shape != expected:
            faults.append(
                f"{key.name!r} has the batch shape {key.batch_shape}, "
                f"fitted was {expected}"
            )
    raise_faults(ValueError, "These tokens were not fitted", faults)
    return rows


def check_floats(data: Any) -> None:
    """Refuse values that are no floats."""
    if not jnp.issubdtype(data.dtype, jnp.floating):
        raise TypeError(
            f"Only floats can be standardized, not {data.dtype}. Convert the "
            "values with astype before tokens are built of them."
        )


def _check_padding(padding: tuple[int, ...], flat: tuple[int, ...]) -> None:
    if not broadcasts_to(padding, flat[:-1]):
        raise ValueError(
            f"The padding mask has shape {padding}, which does not fit the "
            f"samples and tokens {flat[:-1]} of the array by broadcasting. "
            "Take the samples that the array belongs to, such as "
            "jax.tree.map(lambda x: x[:1], tokens)."
        )
