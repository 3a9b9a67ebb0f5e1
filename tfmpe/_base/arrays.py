"""Array helpers that work in host memory where they can.

Arrays in host memory (NumPy, or JAX on the CPU) are moved with NumPy: one
copy and no compilation. Traced values and arrays on other devices go through
``jax.numpy``.
"""

import functools
import math
from collections.abc import Iterable, Sequence
from typing import Any, TypeAlias, TypeVar

import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer
from jaxtyping import Array, Key, UInt32

from .programs import compiled

T = TypeVar("T")

PAD_VALUE = -1e8
"""Value that fills padding, dimensionless; never used in a computation."""

AnyArray: TypeAlias = Array | np.ndarray
"""An array of JAX, traced or not, or of NumPy."""

PRNGKey: TypeAlias = Key[Array, ""] | UInt32[AnyArray, " words"]
"""A typed PRNG key, or a raw ``uint32`` key."""

_ALIGNMENT = 64
_NOT_IN_JAX = {("m", "m"), ("f", "g"), ("c", "G")}

moves_arrays = jax.transfer_guard("allow")
"""Decorator for functions that transfer arguments, masks and counters to the
device on purpose, whatever ``jax_transfer_guard`` says."""


def broadcasts_to(shape: Sequence[int], full: Sequence[int]) -> bool:
    """Return whether an array of one shape can be broadcast to another."""
    try:
        return np.broadcast_shapes(tuple(shape), tuple(full)) == tuple(full)
    except ValueError:
        return False


def to_rank(array: Any, rank: int) -> Any:
    """Return an array with leading axes of size 1 added up to ``rank``."""
    return array[(None,) * (rank - array.ndim)]


def on_host(arrays: Iterable[Any]) -> bool:
    """Return whether NumPy can read all arrays without a transfer."""
    default = None
    for array in arrays:
        if isinstance(array, (np.ndarray, np.generic, int, float)):
            continue
        if not isinstance(array, jax.Array) or isinstance(array, Tracer):
            return False
        # Looked up once: a lookup costs as much as slicing an array.
        default = default or jax.local_devices()[0]
        if default.platform != "cpu" or array.weak_type:
            return False
        if jnp.issubdtype(array.dtype, jax.dtypes.extended):
            return False
        if array.devices() != {default}:
            return False
    return True


def as_array(value: Any, what: str) -> Any:
    """Return ``value`` as a numeric array in native byte order, or raise."""
    if not isinstance(value, jax.Array):
        check_unmasked(value, what)
        value = np.asarray(value)
        if not value.dtype.isnative:
            value = value.astype(value.dtype.newbyteorder("="))
    if is_numeric(value.dtype):
        return value
    raise TypeError(
        f"{what} has the dtype {value.dtype}; expected numbers. "
        "Convert it with numpy.asarray(..., float)."
    )


def is_numeric(dtype: np.dtype) -> bool:
    """Return whether a dtype is numeric or bool, and exists in jax."""
    numeric = any(jnp.issubdtype(dtype, k) for k in (jnp.number, jnp.bool_))
    # NumPy counts timedelta64 as an integer; JAX has no long doubles.
    return numeric and (dtype.kind, dtype.char) not in _NOT_IN_JAX


def check_unmasked(value: Any, what: str) -> None:
    """Raise if values, even in lists, are masked: np.asarray drops masks."""
    if isinstance(value, (list, tuple)):
        for each in value:
            check_unmasked(each, what)
    elif isinstance(value, np.ma.MaskedArray):
        n_masked = np.ma.count_masked(value)
        if n_masked:
            raise ValueError(
                f"{what} is a masked array with {n_masked} of {value.size} "
                "values masked, but tokens cannot mask single values. Leave "
                "them out and pass the true sizes with event_shapes=, or "
                "fill them in with numpy.ma.filled."
            )


def common_dtype(arrays: Sequence[Any]) -> np.dtype:
    """Return the dtype that JAX promotes the arrays to, by standard rules."""
    with jax.numpy_dtype_promotion("standard"):
        return np.dtype(jnp.result_type(*arrays))


def promoted(*arrays: Any) -> list[Any]:
    """Return the arrays, promoted to their common dtype."""
    dtype = common_dtype(arrays)
    return [array.astype(dtype) for array in arrays]


def fill_value(pad_value: Any, dtype: np.dtype) -> np.generic:
    """Return ``pad_value`` cast as in ``jnp.pad``: integers saturate."""
    plain = isinstance(pad_value, (int, float))
    # The text is part of the cache key, to distinguish 0.0 from -0.0.
    fill = _fill if plain else _fill.__wrapped__
    return fill(pad_value, str(pad_value) if plain else "", dtype)


@functools.lru_cache(maxsize=256, typed=True)
def _fill(pad_value: Any, text: str, dtype: np.dtype) -> np.generic:
    del text
    with jax.ensure_compile_time_eval():
        padded = jnp.pad(
            jnp.zeros((0,), dtype), (0, 1), constant_values=pad_value
        )
        return np.asarray(padded)[0]


def spread(array: Any, places: np.ndarray, n_rows: int, pad_value: Any) -> Any:
    """Scatter rows of ``(*lead, n, columns)`` into ``n_rows`` padded rows."""
    if np.array_equal(places, np.arange(n_rows)):
        return array
    shape = (*array.shape[:-2], n_rows, array.shape[-1])
    dtype = jax.dtypes.canonicalize_dtype(array.dtype)
    if on_host([array, pad_value]):
        moved = np.full(shape, fill_value(pad_value, dtype), dtype)
        with quiet_casts():
            moved[..., places, :] = array
        return moved
    return jnp.full(shape, pad_value, dtype).at[..., places, :].set(array)


def join(arrays: Sequence[Any], axis: int) -> Array:
    """Concatenate arrays with JAX's dtype rules; the result is a JAX array."""
    if on_host(arrays):
        host = [np.asarray(array) for array in arrays]
        shape = list(host[0].shape)
        shape[axis] = sum(array.shape[axis] for array in host)
        joined = empty(tuple(shape), common_dtype(arrays))
        with quiet_casts():
            np.concatenate(host, axis, out=joined, casting="unsafe")
        return hand_over(joined)
    return concatenate(arrays, axis)


def concatenate(arrays: Sequence[Any], axis: int) -> Array:
    """Concatenate with ``jax.numpy`` and its standard dtype rules."""
    with jax.numpy_dtype_promotion("standard"):
        return jnp.concatenate(arrays, axis)


def quiet_casts() -> np.errstate:
    """Return a context in which NumPy casts without warnings, like jax."""
    return np.errstate(over="ignore", invalid="ignore")


def empty(shape: tuple[int, ...], dtype: np.dtype) -> np.ndarray:
    """Allocate an array that JAX can take over without copying it."""
    n_bytes = math.prod(shape) * dtype.itemsize
    # JAX shares only memory that is aligned as in its own arrays.
    raw = np.empty(n_bytes + _ALIGNMENT, np.uint8)
    start = -raw.ctypes.data % _ALIGNMENT
    return raw[start : start + n_bytes].view(dtype).reshape(shape)


def hand_over(array: np.ndarray) -> Array:
    """Convert a new array, without other references, to a JAX array."""
    return jax.device_put(array)


def strong(array: Any) -> Any:
    """Return an array without weak type, which would cause recompilation."""
    return jnp.asarray(array, array.dtype) if array.weak_type else array


def on_device(array: np.ndarray) -> Array:
    """Return a JAX array; ``jnp.asarray`` may compile a copy for each shape."""
    return jax.device_put(array)


def readable(array: Any) -> Any:
    """Return a NumPy view if the array is on the host, else the array."""
    return np.asarray(array) if on_host([array]) else array


def take(array: Any, blocks: Sequence[slice], axis: int) -> Any:
    """Return slices of an axis, joined; a single NumPy slice is a view."""
    source = readable(array)
    ahead = (slice(None),) * (axis % array.ndim)
    parts = [source[(*ahead, block)] for block in blocks]
    if len(parts) == 1:
        return like(parts[0], array)
    if not parts:
        return like(source[(*ahead, slice(0))], array)
    xp = np if isinstance(source, np.ndarray) else jnp
    return like(xp.concatenate(parts, axis), array)


def grow(array: Any, start: int, shape: Sequence[int], pad_value: Any) -> Any:
    """Right-pad axes ``start, start + 1, …`` to the sizes in ``shape``."""
    target = list(array.shape)
    target[start : start + len(shape)] = shape
    if tuple(target) == tuple(array.shape):
        return array
    if on_host([array, pad_value]):
        fill = fill_value(pad_value, jax.dtypes.canonicalize_dtype(array.dtype))
        grown = np.full(target, fill, fill.dtype)
        with quiet_casts():
            grown[tuple(slice(size) for size in array.shape)] = array
        return grown
    pad = [
        (0, after - before)
        for before, after in zip(array.shape, target, strict=True)
    ]
    return jnp.pad(array, pad, constant_values=pad_value)


def flatten_samples(tree: T, n_axes: int) -> T:
    """Flatten the first ``n_axes`` axes of every leaf into one."""
    return jax.tree.map(
        lambda leaf: leaf.reshape(
            (math.prod(leaf.shape[:n_axes]), *leaf.shape[n_axes:])
        ),
        tree,
    )


def take_rows(tree: Any, rows: Any) -> Any:
    """Return rows of every array in a tree, without compiling on the host."""
    if on_host([rows]):
        rows = np.asarray(rows)
    return jax.tree.map(lambda leaf: _take(leaf, rows), tree)


def _take(leaf: Any, rows: Any) -> Any:
    if isinstance(rows, np.ndarray) and on_host([leaf]):
        return like(np.asarray(leaf)[rows], leaf)
    return leaf[rows] if isinstance(leaf, Tracer) else _rows(leaf, rows)


@compiled()
def _rows(leaf: Any, rows: Any) -> Any:
    return leaf[rows]


def owned(array: Any) -> Array:
    """Return a JAX array, copying NumPy input, which may change later."""
    if isinstance(array, np.ndarray):
        return hand_over(array.copy())
    return array


def like(result: Any, source: Any) -> Any:
    """Return a NumPy array if the source is one, else a JAX array."""
    if isinstance(source, np.ndarray) or not isinstance(result, np.ndarray):
        return result
    return hand_over(result)
