"""Execution of one call, and comparison of the outcomes of two calls."""

import builtins
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp

from tfmpe.migrate.errors import one_line
from tfmpe.migrate.recordings.cases import Call, Raised
from tfmpe.migrate.recordings.nodes import Abstract

from .compare import Comparison, Tolerance, compare, differing
from .trees import abstracted, fill, take_apart


@dataclass(frozen=True)
class Found:
    """Result or exception of a call, and its arguments after the call."""

    output: Any
    error: Exception | None
    args: tuple[Any, ...]
    kwargs: dict[str, Any]


def call(
    function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
) -> Found:
    """Call a function, and return its result or exception."""
    output, error = None, None
    try:
        output = function(*args, **kwargs)
    # Any exception is a result of the call.
    except Exception as raised:
        error = raised
    return Found(output, error, args, kwargs)


def traced_call(
    function: Callable[..., Any],
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
    *,
    staged: bool = True,
) -> Found:
    """Call under a trace, with tracers where the recording had them.

    Other arguments are closed over, as in the legacy call. The result is read
    inside the trace, because JAX would sort the keys of returned dicts. Under
    ``jit`` (`staged`) every computed array is a tracer, and nothing is
    computed; under ``vmap``, only arrays that depend on tracers.
    """
    abstract: list[Abstract] = []
    taken = take_apart((args, kwargs), abstract, Abstract)
    seen: list[Found] = []

    def traced(tracers: list[Any]) -> None:
        found = call(function, *fill(taken, tracers))
        parts = found.output, found.args, found.kwargs
        output, args, kwargs = map(abstracted, parts)
        seen.append(Found(output, found.error, args, kwargs))

    if staged:
        shapes = [jax.ShapeDtypeStruct(x.shape, x.dtype) for x in abstract]
        jax.eval_shape(traced, shapes)
    else:
        zeros = [jnp.zeros((1, *x.shape), x.dtype) for x in abstract]
        jax.vmap(traced)(zeros)
    return seen[0]


def compare_call(
    case: Call, found: Found, tolerance: Tolerance | None
) -> Comparison:
    """Compare the outcomes of two calls."""
    if found.error is not None or case.raises is not None:
        return compare_exceptions(case.raises, found.error)
    result = compare(case.output, found.output, "output", tolerance)
    for name, expected, now in after_call(case, found):
        result += compare(expected, now, name)
    return result


def after_call(case: Call, found: Found) -> Iterator[tuple[str, Any, Any]]:
    """Yield names, recorded and present values of arguments after a call."""
    for name in ("args", "kwargs"):
        before = getattr(case, name)
        after = getattr(case, f"{name}_after")
        expected = before if after is None else after
        yield f"{name}_after", expected, getattr(found, name)


def compare_exceptions(
    stored: Raised | None,
    error: Exception | None,
    path: str = "output",
    *,
    of_subclass: bool = False,
) -> Comparison:
    """Compare two calls, of which at least one raised an exception."""
    if error is not None and stored is not None:
        kind = type(error)
        if of_subclass:
            same = stored.type in {each.__name__ for each in kind.__mro__}
        elif stored.module == "builtins":
            same = kind is getattr(builtins, stored.type, None)
        else:
            found = (kind.__module__, kind.__qualname__)
            same = found == (stored.module, stored.type)
        if same:
            return Comparison()
    before = "returned" if stored is None else f"raised {stored.type}"
    now = "returned" if error is None else raised_text(error)
    return differing("exception", path, before, now)


def raised_text(error: Exception) -> str:
    """Return an exception's message as one line."""
    return one_line(f"raised {type(error).__name__} ({error})", 200)


def absent(what: str) -> Comparison:
    """Return the comparison for a name that the package does not have."""
    return differing("absent", "output", "in the package", one_line(what, 200))
