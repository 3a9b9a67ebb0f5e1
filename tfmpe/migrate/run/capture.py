"""Values of traced calls, captured while the compiled program runs."""

from collections.abc import Callable, Iterator
from functools import partial
from itertools import islice
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from tfmpe._base.keys import is_key, without_keys

Flags = tuple[bool, ...]


def send(arrays: list[Any], receive: Callable[[Any], None], most: int) -> None:
    """Pass the values of arrays to a function once they are known.

    Works under any combination of ``jit``, ``vmap``, ``grad`` and ``scan``;
    under ``vmap`` the first rows are passed one by one.
    """
    # Callbacks do not accept new-style random keys.
    kinds = [jax.random.key_impl(x) if is_key(x) else None for x in arrays]

    def received(batched: tuple[Flags, ...], *arrays: Any) -> None:
        rows = _rows([np.array(array) for array in arrays], batched)
        for row in islice(rows, most):
            receive(list(zip(row, kinds, strict=True)))

    # Captured values must not be differentiated.
    sent = map(without_keys, arrays)
    done = _sender(received, most, ())(*map(jax.lax.stop_gradient, sent))
    # Older versions of JAX (0.5.3) do not see that the sender has a side
    # effect, and would remove it as unused. Its result is the same for all
    # rows.
    jax.debug.callback(lambda done: None, done)


def restored(values: list[Any]) -> list[Any]:
    """Return received values as JAX arrays; not for use in the callback."""
    return [
        jax.device_put(value)
        if kind is None
        else jax.random.wrap_key_data(jax.device_put(value), impl=kind)
        for value, kind in values
    ]


def _sender(
    received: Callable[..., None], most: int, batched: tuple[Flags, ...]
) -> Any:
    # A single `jax.debug.callback` would be copied for every row of a vmap.
    @jax.custom_batching.custom_vmap
    def sender(*arrays: Any) -> Any:
        jax.debug.callback(partial(received, batched), *arrays)
        return jnp.zeros((), bool)

    @sender.def_vmap
    def of_rows(_: int, in_batched: Any, *arrays: Any) -> tuple[Any, bool]:
        flags = tuple(bool(flag) for flag in in_batched)
        pairs = zip(arrays, flags, strict=True)
        rows = [array[:most] if flag else array for array, flag in pairs]
        return _sender(received, most, (*batched, flags))(*rows), False

    return sender


def _rows(
    values: list[np.ndarray], batched: tuple[Flags, ...]
) -> Iterator[list[np.ndarray]]:
    """Yield the calls that ``vmap`` merged; the last batched axis is first."""
    if not batched:
        yield values
        return
    *inner, flags = batched
    pairs = list(zip(values, flags, strict=True))
    n_rows = next(len(value) for value, flag in pairs if flag)
    for number in range(n_rows):
        row = [value[number] if flag else value for value, flag in pairs]
        yield from _rows(row, tuple(inner))
