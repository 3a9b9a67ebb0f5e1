"""What a case is, and the register of all of them."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import jax

from .counting import stored_bytes
from .legacy import Legacy
from .models import Size

__all__ = ["CASES", "Call", "Case", "case", "jitted"]


class Call(NamedTuple):
    """A prepared call: what is timed is ``call()`` and nothing else.

    Attributes
    ----------
    call : callable
        Without arguments.
    n_bytes : callable
        From a result to the bytes it holds; of a compiled function what the
        compiler states for results and temporaries.
    compiled : callable or None
        Compiles, for one that does so as a whole: returns the seconds that
        took, and the bytes of results and temporaries.
    """

    call: Callable[[], Any]
    n_bytes: Callable[[Any], int] = stored_bytes
    compiled: Callable[[], tuple[float, int]] | None = None


def jitted(
    function: Callable[..., Any], *args: Any, ahead: bool = False
) -> Call:
    """Prepare a call of a function compiled as a whole.

    Parameters
    ----------
    function : callable
    *args
        What it is called with.
    ahead : bool
        Whether to call what was compiled to state its memory, which is
        dispatched more slowly, by Python. Otherwise it is compiled again:
        for what takes no time to compile, or no time to run.
    """
    compiled = jax.jit(function)
    known: list[tuple[float, int]] = []
    executables: list[Any] = []

    def measure() -> tuple[float, int]:
        if not known:
            start = time.perf_counter()
            executable = compiled.lower(*args).compile()
            seconds = time.perf_counter() - start
            memory, used = executable.memory_analysis(), 0
            if memory is not None:
                used = memory.output_size_in_bytes
                used += memory.temp_size_in_bytes
            known.append((seconds, used))
            executables.append(executable)
        return known[0]

    def n_bytes(result: Any) -> int:
        return measure()[1] or stored_bytes(result)

    def call() -> Any:
        if not ahead:
            return compiled(*args)
        measure()
        return executables[0](*args)

    return Call(call, n_bytes, measure)


Prepare = Callable[[str, Size, Legacy], Call]
Check = Callable[[str, Any, Any, Size], None]


@dataclass(frozen=True)
class Case:
    """One task, how each side does it, and for how much data.

    Attributes
    ----------
    name : str
        As `--case` takes it.
    about : str
        The task in a few words, for the table.
    mode : str
        ``'eager'``, or ``'jitted'`` as a whole.
    sides : tuple of str
        Of ``'old'``, ``'new'`` (the core), ``'bridge'`` (the legacy names on
        the core), ``'floor'`` (what nothing can beat by much).
    prepare : callable
        ``prepare(side, size, legacy)`` makes the data and returns a call.
    check : callable
        ``check(side, result, old result or None, size)`` raises
        ``NotEqualError`` unless a side says what the old one says; without
        an old result, unless it keeps to a law.
    n_samples : int
        Simulations in a data set, rows of a step, or draws.
    sites : tuple of int
        Sites for which all sides are asked.
    further_sites : tuple of int
        Sites for which only the core is, checked by the law.
    middle : int
        Of the sites, the one of first calls and of the tests that time.
    recorded : tuple of str
        Recorded legacy functions that the old side has to repeat first.
    old_needs, new_needs : callable
        From a size to the bytes without which it is left out; what is
        compiled as a whole is asked in any case.
    floor : str
        What the floor does.
    moves : callable or None
        From a size to the bytes that have to be read and written at least.
    first_calls : bool
        Whether first calls are measured too, in fresh processes.
    slow : bool
        Whether a call takes seconds however few sites there are, so that a
        quick run takes one size, or none.
    needs_oracle : bool
        Whether a legacy package has no such call, so that only the oracle
        can be the old side.
    """

    name: str
    about: str
    sides: tuple[str, ...]
    prepare: Prepare
    check: Check
    n_samples: int
    sites: tuple[int, ...]
    recorded: tuple[str, ...]
    mode: str = "eager"
    further_sites: tuple[int, ...] = ()
    middle: int = 50
    old_needs: Callable[[Size], int] = lambda size: 0
    new_needs: Callable[[Size], int] = lambda size: 0
    floor: str = ""
    moves: Callable[[Size], int] | None = None
    first_calls: bool = False
    slow: bool = False
    needs_oracle: bool = False

    def small(self) -> Size:
        """Return a size that takes no time, to see that all calls work."""
        return Size(3, min(self.n_samples, 4))


CASES: dict[str, Case] = {}
"""All cases by name; `register` fills it."""


def case(
    name: str, about: str, **settings: Any
) -> Callable[[Prepare], Prepare]:
    """Register a case from the function that prepares its calls."""

    def register(prepare: Prepare) -> Prepare:
        if name in CASES:
            raise ValueError(f"two cases are called {name!r}")
        CASES[name] = Case(name, about, prepare=prepare, **settings)
        return prepare

    return register
