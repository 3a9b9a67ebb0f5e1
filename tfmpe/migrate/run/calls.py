"""Calls of the legacy package with all that went in and came out."""

import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any

import jax

from tfmpe.migrate.errors import one_line
from tfmpe.migrate.recordings.cases import Case, Raised
from tfmpe.migrate.replay.trees import arrays_of, has_tracer

from .observe import Called
from .places import Site, call_site
from .twins import Known, Twins
from .twins_reach import default_rngs
from .twins_state import State
from .undisturbed import Numbers, global_numbers

__all__ = ["Observed", "Observer", "Seen", "case_of"]


@dataclass(frozen=True)
class Observed:
    """One call of the legacy package.

    Objects of the package and of nnx are named in it, see `Twins`.
    """

    entry: Called
    site: Site
    number: int
    instance: Known | None
    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    args_after: tuple[Any, ...]
    kwargs_after: dict[str, Any]
    output: Any
    error: Exception | None
    traced: bool
    state: State
    state_after: State
    numbers: Numbers
    seconds: float


Seen = Callable[[Observed], None]


class Observer:
    """A handler of a `Watch` that makes each call and hands on what it saw.

    Parameters
    ----------
    twins
        Names the objects.
    paused
        Lets calls through that the block makes.
    begin
        Called with the name and the place of a call before it is made;
        returns what is called with the `Observed` call after it, or None for
        a call that is not observed, whose own calls are then.
    failed
        Called with the place and an exception of the observing, which does
        not reach the script.
    nested
        Whether calls that an observed call makes are observed as well.
    """

    def __init__(
        self,
        twins: Twins,
        paused: Callable[[], AbstractContextManager[None]],
        begin: Callable[[Called, Site], Seen | None],
        failed: Callable[[Site, Exception], None],
        *,
        nested: bool = False,
    ):
        self._twins = twins
        self._paused = paused
        self._begin = begin
        self._failed = failed
        self._nested = nested
        self._numbers: dict[Site, int] = {}

    def __call__(
        self,
        entry: Called,
        original: Callable[..., Any],
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
    ) -> Any:
        """Make a call, observed."""
        makes = entry.kind == "class"
        if makes and self._twins.is_own(type(args[0])):
            return original(*args, **kwargs)
        site = call_site(entry.qualified)
        seen = self._guarded(site, lambda: self._begin(entry, site))
        if seen is None:
            return original(*args, **kwargs)
        number = self._numbers[site] = self._numbers.get(site, 0) + 1
        named, state = self._twins.named, self._twins.state
        given = args if entry.kind == "function" else args[1:]
        more = default_rngs(original, args, kwargs) if makes else {}

        def look() -> tuple[Known | None, Any, State]:
            before = named((given, kwargs | more))
            is_method = entry.kind == "method"
            instance = named(args[0]) if is_method else None
            return instance, before, state((instance, *before))

        looked = self._guarded(site, look)
        numbers = global_numbers()
        start = time.perf_counter()

        def tell(output: Any, error: Exception | None) -> None:
            instance, before, held = looked
            output = named(output, new=False)
            traced = _settle((before, list(held.values()), output))
            seconds = time.perf_counter() - start
            if makes:
                instance = named(args[0])
                self._twins.note(instance, before)
            after = named((given, kwargs | more))
            held_after = {} if traced else state((instance, *before))
            seen(
                Observed(
                    entry, site, number, instance, before[0], before[1],
                    after[0], after[1], output, error, traced, held,
                    held_after, numbers, seconds,
                )
            )  # fmt: skip

        def told(output: Any, error: Exception | None = None) -> None:
            if looked is not None:
                self._guarded(site, lambda: tell(output, error))

        try:
            with nullcontext() if self._nested else self._paused():
                output = original(*args, **kwargs)
        except Exception as error:
            told(None, error)
            raise
        told(output)
        return output

    def _guarded(self, site: Site, watch: Callable[[], Any]) -> Any:
        with self._paused():
            try:
                return watch()
            # The script goes on, whatever the observing comes to.
            except Exception as error:
                self._failed(site, error)
        return None


def _settle(tree: Any) -> bool:
    """Wait for values that are being computed; return whether some are traced.

    What fails in the computation is raised where the script uses it.
    """
    try:
        traced = has_tracer(tree)
        if not traced:
            jax.block_until_ready(arrays_of(tree))
    except Exception:
        return False
    return traced


def case_of(call: Observed, example: str = "") -> Case:
    """Return a call as a case of a recording."""
    raises, error = None, call.error
    if error is not None:
        kind = type(error)
        text = one_line(str(error))
        raises = Raised(kind.__qualname__, kind.__module__, text)
    return Case(
        example=example,
        name="call",
        function=call.entry.name,
        source=f"called from {call.site.place}",
        traced=call.traced,
        args=call.args,
        kwargs=call.kwargs,
        output=call.output,
        raises=raises,
        args_after=call.args_after,
        kwargs_after=call.kwargs_after,
    )
