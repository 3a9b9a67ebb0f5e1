"""What a case is, and the register of all of them.

A case is one task done by several sides: ``old`` (the plain oracle), ``new``
(the core), ``bridge`` (the legacy names on the core), and for some a ``floor``
that nothing can beat by much, such as a plain copy of the same bytes.
"""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import jax

from benchmarks.counting import stored_bytes


class Call(NamedTuple):
    """A prepared call: what is measured is ``call()`` and nothing else.

    Attributes
    ----------
    call : callable
        Without arguments.
    count : callable
        From a result to the bytes it holds; of compiled functions their
        results and temporaries, as the compiler states them.
    """

    call: Callable[[], Any]
    count: Callable[[Any], int] = stored_bytes


class Case(NamedTuple):
    """One task, and how each side does it.

    Attributes
    ----------
    name : str
        Short, for the table.
    mode : str
        ``eager`` or ``jitted``.
    sides : dict
        For each side a function that prepares its call.
    agree : callable
        ``agree(old result, other result)`` raises ``AssertionError`` unless
        they say the same.
    needs : int
        Bytes of memory without which the case is skipped.
    floor : str
        What the ``floor`` side does.
    """

    name: str
    mode: str
    sides: Mapping[str, Callable[[], Call]]
    agree: Callable[[Any, Any], None]
    needs: int = 0
    floor: str = ""


CASES: dict[str, Callable[[bool], Case]] = {}
"""Builders by the name of their case; each takes whether to be small."""

SIDES: dict[str, tuple[str, ...]] = {}
"""The sides of each case, known before it is built."""


def case(
    name: str,
    sides: tuple[str, ...],
    agree: Callable[[Any, Any], None],
    *,
    mode: str = "eager",
    needs: int = 0,
    floor: str = "",
) -> Callable:
    """Register a case from a function ``prepare(side, small) -> Call``."""

    def register(prepare: Callable[[str, bool], Call]) -> Callable:
        def build(small: bool) -> Case:
            def prepared(side: str) -> Callable[[], Call]:
                return lambda: prepare(side, small)

            return Case(
                name,
                mode,
                {side: prepared(side) for side in sides},
                agree,
                0 if small else needs,
                floor,
            )

        if name in CASES:
            raise ValueError(f"two cases are called {name!r}")
        CASES[name] = build
        SIDES[name] = sides
        return prepare

    return register


def jitted(function: Callable, *args: Any) -> Call:
    """Prepare a call of a compiled function; it compiles when first called."""
    compiled = jax.jit(function)

    def count(result: Any) -> int:
        memory = compiled.lower(*args).compile().memory_analysis()
        if memory is None:
            return stored_bytes(result)
        return memory.output_size_in_bytes + memory.temp_size_in_bytes

    return Call(lambda: compiled(*args), count)
