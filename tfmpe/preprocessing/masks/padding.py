"""Which tokens are real, where event shapes vary between samples."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import jax.numpy as jnp
import numpy as np
from jax.core import Tracer
from jaxtyping import Bool

from tfmpe._base.arrays import as_array, moves_arrays, on_host, to_rank
from tfmpe._base.trees import lookup_per_key
from tfmpe.preprocessing.layout.dimensions import token_coordinates
from tfmpe.preprocessing.layout.labelled import check_axes
from tfmpe.preprocessing.layout.layout import KeyLayout
from tfmpe.preprocessing.layout.slices import layout_from_slices


def key_padding_mask(key: KeyLayout, sizes: Any) -> Any:
    """Return which tokens of one key are real.

    Parameters
    ----------
    key : KeyLayout
        The key with its full event shape.
    sizes : array, shape (*sample, n_event_dims)
        True sizes; a token is real if its coordinate is smaller along every
        event axis.

    Returns
    -------
    array of bool, shape (*sample, n_tokens)
        NumPy if ``sizes`` lies on the host, else jax.
    """
    xp = np if on_host([sizes]) else jnp
    sizes = xp.asarray(sizes)
    real = xp.ones((*sizes.shape[:-1], key.n_tokens), bool)
    for dim in range(len(key.event_shape)):
        coordinates = to_rank(token_coordinates(key, dim), sizes.ndim)
        real = real & (coordinates < sizes[..., dim, None])
    return real


def padding_mask(keys: Sequence[KeyLayout], sizes: Mapping[str, Any]) -> Any:
    """Return which tokens of several keys are real.

    Keys without an entry in ``sizes`` are real throughout. Sample axes of
    the sizes are broadcast against one another.
    """
    if not keys:
        return np.ones((0,), bool)
    blocks = [
        key_padding_mask(key, sizes[key.name])
        if key.name in sizes
        else np.ones((key.n_tokens,), bool)
        for key in keys
    ]
    xp = np if on_host(blocks) else jnp
    shape = np.broadcast_shapes(*(block.shape[:-1] for block in blocks))
    return xp.concatenate(
        [xp.broadcast_to(b, (*shape, b.shape[-1])) for b in blocks], -1
    )


def filled_columns(
    keys: Sequence[KeyLayout], width: int
) -> Bool[np.ndarray, "tokens width"]:
    """Return which values of every token its key has room for."""
    widths = np.repeat(
        [key.width for key in keys], [key.n_tokens for key in keys]
    )
    return np.arange(width) < widths.reshape((-1, 1))


def read_event_sizes(
    event_shapes: Any,
    keys: Sequence[KeyLayout],
    samples: Sequence[str | None] = (),
) -> dict[str, Any]:
    """Read a tree of true event shapes, one array per key.

    Parameters
    ----------
    event_shapes : tree of arrays
    keys : sequence of KeyLayout
    samples : sequence of str or None
        What the data call their sample axes, where they do.

    Raises
    ------
    UnknownKeyError
        If it names a key that does not exist.
    ValueError
        If axes have other names than those of the data, an array's last
        axis is not the number of event axes, or it holds something else
        than whole numbers up to the event shape.
    """

    def read(value: Any, what: str) -> Any:
        check_axes(value, (*samples, None), what)
        return as_array(value, what)

    by_name = {key.name: key for key in keys}
    given = lookup_per_key(event_shapes, by_name, "event_shapes", None, read)
    sizes = {}
    for name, value in given.items():
        if value is None:
            continue
        n_dims = len(by_name[name].event_shape)
        if value.ndim == 0 or value.shape[-1] != n_dims:
            raise ValueError(
                f"event_shapes of {name!r} has shape {value.shape}, but its "
                f"last axis must hold the {n_dims} true sizes of the event "
                f"shape {by_name[name].event_shape}."
            )
        _check_sizes(value, by_name[name])
        sizes[name] = value
    return sizes


@moves_arrays
def _check_sizes(given: Any, key: KeyLayout) -> None:
    """Refuse sizes that an event shape cannot have; traced ones may be any."""
    if isinstance(given, Tracer):
        return
    sizes = np.asarray(given)
    kinds = (jnp.integer, jnp.floating)
    right = any(jnp.issubdtype(sizes.dtype, kind) for kind in kinds)
    if right:
        right = np.rint(sizes) == sizes
        right &= (sizes >= 0) & (sizes <= np.array(key.event_shape))
    right = np.broadcast_to(right, sizes.shape)
    if not right.all():
        place = tuple(np.argwhere(~right)[0])
        axis = place[-1]
        raise ValueError(
            f"event_shapes of {key.name!r} holds {sizes[place]} for axis "
            f"{axis} of the event shape {key.event_shape}; expected whole "
            f"numbers from 0 to {key.event_shape[axis]}, the number of real "
            "tokens along the axis."
        )


def build_padding_mask(
    slices: Mapping[str, Mapping[str, Any]],
    event_shapes: Any,
    selected_keys: Iterable[str] | None = None,
) -> Any:
    """Return which tokens are real where event shapes vary.

    Parameters
    ----------
    slices : mapping
        ``{key: {'offset', 'event_shape', 'batch_shape'}}``. Blocks follow in
        this order, whatever the offsets.
    event_shapes : tree of arrays
        True sizes of some or all keys, each of shape
        ``(*sample, n_event_dims)``; keys left out are real throughout.
    selected_keys : sequence of str, optional
        Keys to keep, in the order wanted.

    Returns
    -------
    array of bool, shape (*sample, n_tokens)
        True for real tokens. NumPy for host input, else jax.

    Raises
    ------
    UnknownKeyError
        If ``event_shapes`` or ``selected_keys`` names a key not in
        ``slices``.
    ValueError
        If an array does not hold one size per event axis, or sizes that are
        not whole numbers up to the event shape. Traced sizes may be any.
    DynamicShapeError
        If ``slices`` was traced. The sizes themselves may be.

    Notes
    -----
    Works under ``jit`` and ``vmap``. Legacy: ``build_padding_mask``, which
    returns float32.

    Examples
    --------
    >>> import numpy as np
    >>> slices = {
    ...     "obs": {"offset": 0, "event_shape": (2, 2), "batch_shape": (1,)}
    ... }
    >>> build_padding_mask(slices, {"obs": np.array([[2, 1]])}).astype(int)
    array([[1, 0, 1, 0]])
    """
    layout = layout_from_slices(slices)
    sizes = read_event_sizes(event_shapes, layout.keys)
    if selected_keys is not None:
        layout = layout.select(selected_keys)
    return padding_mask(layout.keys, sizes)
