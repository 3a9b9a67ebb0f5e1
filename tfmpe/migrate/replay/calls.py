"""Making one call, under a trace where the recorded one was."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import jax

from tfmpe.migrate.recordings.nodes import Abstract

from .trees import abstracted

__all__ = ["Found", "call", "traced_call"]


@dataclass(frozen=True)
class Found:
    """What a call returned or raised, and its arguments afterwards."""

    output: Any
    error: Exception | None
    args: tuple[Any, ...]
    kwargs: dict[str, Any]


def call(
    function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
) -> Found:
    """Call a function, whatever it comes to."""
    output, error = None, None
    try:
        output = function(*args, **kwargs)
    # Any exception at all is what the call came to.
    except Exception as raised:
        error = raised
    return Found(output, error, args, kwargs)


def traced_call(
    function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
) -> Found:
    """Call under a trace, with tracers where the recording had them.

    Everything else is closed over, as it was in the legacy call. What comes
    back is looked at inside: on its way out JAX would sort the keys of
    dicts.
    """
    structs: list[jax.ShapeDtypeStruct] = []
    _swap((args, kwargs), lambda leaf: structs.append(_struct(leaf)))
    seen: list[Found] = []

    def traced(tracers: list[Any]) -> None:
        remaining = iter(tracers)
        given = _swap((args, kwargs), lambda _: next(remaining))
        found = call(function, *given)
        seen.append(
            Found(
                abstracted(found.output),
                found.error,
                abstracted(found.args),
                abstracted(found.kwargs),
            )
        )

    jax.eval_shape(traced, structs)
    return seen[0]


def _struct(leaf: Abstract) -> jax.ShapeDtypeStruct:
    return jax.ShapeDtypeStruct(leaf.shape, leaf.dtype)


def _swap(tree: Any, swap: Callable[[Abstract], Any]) -> Any:
    """Return the tree with every `Abstract` swapped, in tree order."""
    if isinstance(tree, dict):
        return {key: _swap(value, swap) for key, value in tree.items()}
    if isinstance(tree, list | tuple):
        return type(tree)(_swap(value, swap) for value in tree)
    return swap(tree) if isinstance(tree, Abstract) else tree
