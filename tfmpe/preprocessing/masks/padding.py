"""Padding masks: True where a token is not padding."""

from collections.abc import Iterable, Mapping, Sequence
from functools import partial

import jax.numpy as jnp
import numpy as np
from jax.core import Tracer
from jaxtyping import Bool, Num, Shaped

from tfmpe._base.arrays import (
    AnyArray,
    as_array,
    moves_arrays,
    on_host,
    to_rank,
)
from tfmpe._base.trees import Tree, lookup_per_key
from tfmpe.preprocessing.layout.dimensions import token_coordinates
from tfmpe.preprocessing.layout.labelled import check_axes
from tfmpe.preprocessing.layout.layout import KeyLayout, Slices
from tfmpe.preprocessing.layout.slices import layout_from_slices


def key_padding_mask(
    key: KeyLayout, sizes: Num[AnyArray, "*sample axes"]
) -> Bool[AnyArray, "*sample tokens"]:
    """Return which tokens of a key are not padding, given its true sizes."""
    xp = np if on_host([sizes]) else jnp
    sizes = xp.asarray(sizes)
    real = xp.ones((*sizes.shape[:-1], key.n_tokens), bool)
    for dim in range(len(key.event_shape)):
        coordinates = to_rank(token_coordinates(key, dim), sizes.ndim)
        real = real & (coordinates < sizes[..., dim, None])
    return real


def padding_mask(
    keys: Sequence[KeyLayout], sizes: Mapping[str, AnyArray]
) -> Bool[AnyArray, "*sample tokens"]:
    """Return which tokens are not padding: all in keys without sizes."""
    blocks = [
        key_padding_mask(key, sizes[key.name])
        if key.name in sizes
        else np.ones((key.n_tokens,), bool)
        for key in keys
    ] or [np.ones((0,), bool)]
    xp = np if on_host(blocks) else jnp
    shape = np.broadcast_shapes(*(block.shape[:-1] for block in blocks))
    return xp.concatenate(
        [xp.broadcast_to(b, (*shape, b.shape[-1])) for b in blocks], -1
    )


def filled_columns(
    keys: Sequence[KeyLayout], width: int
) -> Bool[np.ndarray, "tokens width"]:
    """Return which columns of every token hold values of its key."""
    widths = np.repeat(
        [key.width for key in keys], [key.n_tokens for key in keys]
    )
    return np.arange(width) < widths.reshape((-1, 1))


def read_event_sizes(
    event_shapes: Tree,
    keys: Sequence[KeyLayout],
    samples: Sequence[str | None] = (),
) -> dict[str, Num[AnyArray, "*_ _"]]:
    """Read a tree of true event shapes; ``samples`` names the sample axes."""
    read = partial(_read_sizes, samples)
    by_name = {key.name: key for key in keys}
    given = lookup_per_key(event_shapes, by_name, "event_shapes", None, read)
    sizes = {name: each for name, each in given.items() if each is not None}
    for name, value in sizes.items():
        shape = by_name[name].event_shape
        if value.ndim == 0 or value.shape[-1] != len(shape):
            raise ValueError(
                f"event_shapes of {name!r} has shape {value.shape}, but its "
                f"last axis must hold the {len(shape)} true sizes of the event "
                f"shape {shape}."
            )
        if not isinstance(value, Tracer):
            _check_sizes(value, by_name[name])
    return sizes


def _read_sizes(
    samples: Sequence[str | None], value: object, what: str
) -> AnyArray:
    check_axes(value, (*samples, None), what)
    return as_array(value, what)


@moves_arrays
def _check_sizes(given: Shaped[AnyArray, "*_ axes"], key: KeyLayout) -> None:
    """Raise unless sizes are whole numbers that fit into the event shape."""
    sizes = np.asarray(given)
    kinds = (jnp.integer, jnp.floating)
    right = np.zeros(sizes.shape, bool)
    if any(jnp.issubdtype(sizes.dtype, kind) for kind in kinds):
        right = np.rint(sizes) == sizes
        right &= (sizes >= 0) & (sizes <= np.array(key.event_shape))
    if not right.all():
        place = tuple(np.argwhere(~right)[0])
        axis = place[-1]
        raise ValueError(
            f"event_shapes of {key.name!r} holds {sizes[place]} for axis "
            f"{axis} of the event shape {key.event_shape}; expected whole "
            f"numbers from 0 to {key.event_shape[axis]}: how many tokens along "
            "the axis are not padding."
        )


def build_padding_mask(
    slices: Slices,
    event_shapes: Tree,
    selected_keys: Iterable[str] | None = None,
) -> Bool[AnyArray, "*sample tokens"]:
    """Return which tokens are not padding if event shapes vary by sample.

    Parameters
    ----------
    slices, selected_keys
        See :func:`build_self_attention_mask`.
    event_shapes : tree of arrays
        True sizes of some or all keys, each of shape ``(*sample,
        n_event_dims)``; other keys have no padding.

    Returns
    -------
    array of bool
        False for padding. NumPy for input on the host, else JAX.

    Raises
    ------
    UnknownKeyError
        If ``event_shapes`` or ``selected_keys`` names a missing key.
    ValueError
        If an array does not hold one size per event axis, or a concrete size
        is not a whole number up to the size in the event shape.
    DynamicShapeError
        If ``slices`` was traced. True sizes may be traced.

    Notes
    -----
    Works under ``jit`` and ``vmap``. Legacy: ``build_padding_mask``, which
    returns float32.

    Examples
    --------
    >>> import numpy as np
    >>> slices = {"obs": {"event_shape": (2, 2)}}
    >>> build_padding_mask(slices, {"obs": np.array([[2, 1]])}).astype(int)
    array([[1, 0, 1, 0]])
    """
    layout = layout_from_slices(slices)
    sizes = read_event_sizes(event_shapes, layout.keys)
    if selected_keys is not None:
        layout = layout.select(selected_keys)
    return padding_mask(layout.keys, sizes)
