"""Making a legacy call and keeping all that went in and came out."""

import importlib.util
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any

import jax

from tfmpe.migrate.errors import one_line
from tfmpe.migrate.recordings.read import Case, Raised
from tfmpe.migrate.replay.trees import arrays_of, has_tracer

from .call_sites import Site, call_site
from .twins import Known, State, Twins
from .undisturbed import Numbers, global_numbers
from .watching import Called

__all__ = ["Observed", "Observer", "case_of", "has_flow", "raised_of"]


@dataclass(frozen=True)
class Observed:
    """One call of the legacy package.

    Objects of the package and of nnx are named in it, see `Twins`.

    Parameters
    ----------
    entry
        What was called.
    site
        From where.
    number
        Which call from there, from 1.
    instance
        The object that a method was called on, or that a constructor made.
    args, kwargs
        The arguments before the call, without the instance.
    args_after, kwargs_after
        The same after it.
    output, error
        What it returned, or the exception that it ended in.
    traced
        Whether values were not known yet.
    state, state_after
        What the objects held before and after.
    numbers
        Global random numbers before it.
    seconds
        Until the result was there.
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
        Called with the name, the place and the arguments of a call before
        it is made; returns what is called with the `Observed` call after it,
        or None for a call that is not observed, whose own calls are then.
        What it raises is told to `failed` and does not reach the script.
    failed
        Called with the place and an exception of the watching.
    nested
        Whether calls that an observed call makes are observed as well.
    """

    def __init__(
        self,
        twins: Twins,
        paused: Callable[[], AbstractContextManager[None]],
        begin: Callable[[Called, Site, tuple[Any, ...], Any], Seen | None],
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
        seen = self._guarded(
            site, lambda: self._begin(entry, site, args, kwargs)
        )
        if seen is None:
            return original(*args, **kwargs)
        number = self._numbers[site] = self._numbers.get(site, 0) + 1
        named, state = self._twins.named, self._twins.state
        given = args if entry.kind == "function" else args[1:]

        def look() -> tuple[Known | None, Any, State]:
            if makes:
                more.update(self._twins.defaults(original, args, kwargs))
            before = named((given, kwargs | more))
            if makes:
                return None, before, state(before)
            instance = None if given is args else named(args[0])
            return instance, before, state((instance, *before))

        more: dict[str, Any] = {}
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
            seen(
                Observed(
                    entry=entry,
                    site=site,
                    number=number,
                    instance=instance,
                    args=before[0],
                    kwargs=before[1],
                    args_after=after[0],
                    kwargs_after=after[1],
                    output=output,
                    error=error,
                    traced=traced,
                    state=held,
                    state_after={} if traced else state((instance, *before)),
                    numbers=numbers,
                    seconds=seconds,
                )
            )

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
            # The script goes on, whatever the watching comes to.
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


def has_flow() -> bool:
    """Return whether the extra ``flow`` is installed."""
    return all(
        importlib.util.find_spec(name) for name in ("flax", "optax", "diffrax")
    )


def case_of(call: Observed, name: str, example: str) -> Case:
    """Return a call as a case of a recording.

    Parameters
    ----------
    call
        What was observed.
    name, example
        What the case and its folder are called.

    Returns
    -------
    Case
    """
    return Case(
        example=example,
        file="",
        name=name,
        function=call.entry.name,
        category="",
        role=None,
        source=f"called from {call.site.place}",
        note="",
        traced=call.traced,
        args=call.args,
        kwargs=call.kwargs,
        output=call.output,
        raises=raised_of(call.error),
        args_after=call.args_after,
        kwargs_after=call.kwargs_after,
        extra=None,
    )


def raised_of(error: Exception | None) -> Raised | None:
    """Return an exception as a recording has it; None for none."""
    if error is None:
        return None
    kind = type(error)
    return Raised(kind.__qualname__, kind.__module__, one_line(str(error)))
