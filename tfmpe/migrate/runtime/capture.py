"""Values of traced calls, sent out of a compiled program as it runs."""

from collections.abc import Callable, Iterator
from functools import partial
from itertools import islice
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

__all__ = ["send"]

Receive = Callable[[list[np.ndarray]], None]


def send(arrays: list[Any], receive: Receive, most: int) -> Callable[..., Any]:
    """Hand the values of arrays to a function when they are known.

    Under ``jit``, ``vmap``, ``grad``, ``scan`` and any mixture of them; under
    ``vmap`` the first rows one by one.

    Parameters
    ----------
    arrays
        Arrays or tracers.
    receive
        Called with arrays of NumPy at every execution.
    most
        How many rows of a ``vmap`` are sent.

    Returns
    -------
    callable
        From received arrays to arrays of jax as they were sent: keys of
        random numbers travel as their data.

    Notes
    -----
    Calls arrive when they are executed; ``jax.effects_barrier`` waits for
    them.
    """
    # Random keys of the new kind are no arrays for a callback.
    implementations = [
        jax.random.key_impl(array) if _is_key(array) else None
        for array in arrays
    ]
    sent = [
        jax.random.key_data(array) if _is_key(array) else array
        for array in arrays
    ]
    # Nothing is to be differentiated on its way out.
    sender = _sender(partial(_received, receive, most), most, ())
    done = sender(*(jax.lax.stop_gradient(array) for array in sent))
    # Older versions of jax (0.5.3) do not see that the sender has an effect
    # and would drop it; what it returns is the same for all rows.
    jax.debug.callback(_nothing, done)

    def restored(values: list[np.ndarray]) -> list[Any]:
        arrays: list[Any] = jax.device_put(values)
        return [
            array
            if implementation is None
            else jax.random.wrap_key_data(array, impl=implementation)
            for array, implementation in zip(
                arrays, implementations, strict=True
            )
        ]

    return restored


def _is_key(array: Any) -> bool:
    return jnp.issubdtype(array.dtype, jax.dtypes.prng_key)


def _sender(
    received: Callable[..., None],
    most: int,
    batched: tuple[tuple[bool, ...], ...],
) -> Any:
    # `jax.debug.callback` alone would be copied for every row of a vmap.
    @jax.custom_batching.custom_vmap
    def sender(*arrays: Any) -> Any:
        jax.debug.callback(partial(received, batched), *arrays)
        return jnp.zeros((), bool)

    @sender.def_vmap
    def of_rows(
        axis_size: int, in_batched: Any, *arrays: Any
    ) -> tuple[Any, bool]:
        del axis_size
        flags = tuple(bool(flag) for flag in in_batched)
        rows = [
            array[:most] if flag else array
            for array, flag in zip(arrays, flags, strict=True)
        ]
        return _sender(received, most, (*batched, flags))(*rows), False

    return sender


def _nothing(done: Any) -> None:
    del done


def _received(
    receive: Receive,
    most: int,
    batched: tuple[tuple[bool, ...], ...],
    *arrays: Any,
) -> None:
    values = [np.array(array) for array in arrays]
    for row in islice(_rows(values, batched), most):
        receive(row)


def _rows(
    values: list[np.ndarray], batched: tuple[tuple[bool, ...], ...]
) -> Iterator[list[np.ndarray]]:
    """Yield the calls that vmap made one of; its last axis comes first."""
    if not batched:
        yield values
        return
    *inner, flags = batched
    n_rows = next(
        len(value) for value, flag in zip(values, flags, strict=True) if flag
    )
    for row in range(n_rows):
        yield from _rows(
            [
                value[row] if flag else value
                for value, flag in zip(values, flags, strict=True)
            ],
            tuple(inner),
        )
