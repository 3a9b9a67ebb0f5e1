"""Making a legacy call and keeping all that went in and came out."""

import importlib.util
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

import jax

from tfmpe.migrate.errors import one_line
from tfmpe.migrate.legacy_names import LegacyName
from tfmpe.migrate.recordings.read import Case, Raised
from tfmpe.migrate.replay.trees import arrays_of, copied, has_tracer

from .call_sites import Site, call_site
from .errors import NoTwinError
from .places import NOT_COMPARED, TRAINING

if TYPE_CHECKING:
    from .twins import Twin

__all__ = ["Ended", "Observed", "Observer", "case_of", "has_flow", "raised_of"]

_T = TypeVar("_T")


@dataclass(frozen=True)
class Observed:
    """One call of the legacy package.

    Parameters
    ----------
    entry
        What was called.
    site
        From where.
    number
        Which call from there, from 1.
    args, kwargs
        The arguments before the call, without ``self``.
    args_after, kwargs_after
        The same after it.
    output, error
        What it returned, or the exception that it ended in.
    traced
        Whether values were not known yet.
    twin
        What the bridge's own object is made of; None for a function; a text
        that says why there is none.
    seconds
        Until the result was there.
    """

    entry: LegacyName
    site: Site
    number: int
    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    args_after: tuple[Any, ...]
    kwargs_after: dict[str, Any]
    output: Any
    error: Exception | None
    traced: bool
    twin: "Twin | str | None"
    seconds: float


@dataclass(frozen=True)
class Ended:
    """What a call that is not observed came to.

    Parameters
    ----------
    output, error
        What it returned, or the exception that it ended in.
    seconds
        Until the result was there.
    """

    output: Any
    error: Exception | None
    seconds: float


Passed = Callable[
    [LegacyName, Site, tuple[Any, ...], dict[str, Any]],
    Callable[[Ended], None] | None,
]


class Observer:
    """A handler of a `Watch` that makes each call and hands on what it saw.

    Parameters
    ----------
    package
        What the legacy package is called.
    paused
        Lets calls through that the block makes.
    seen
        Called with every observed call, after it. What it raises is told to
        `failed` and does not reach the script.
    passed
        Called with the name and the place of a call that is not observed.
        Before a call that trains it may return something that is called
        with the `Ended` of that call.
    failed
        Called with the place and the exception of `seen`.
    nested
        Whether calls that an observed call makes are observed as well.
    """

    def __init__(
        self,
        package: str,
        paused: Callable[[], AbstractContextManager[None]],
        seen: Callable[[Observed], None],
        passed: Passed,
        failed: Callable[[Site, Exception], None],
        *,
        nested: bool = False,
    ):
        self._package = package
        self._paused = paused
        self._seen = seen
        self._passed = passed
        self._failed = failed
        self._nested = nested
        self._numbers: dict[Site, int] = {}

    def __call__(
        self,
        entry: LegacyName,
        original: Callable[..., Any],
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
    ) -> Any:
        """Make a call, observed."""
        site = call_site(entry.qualified)
        if entry.name in NOT_COMPARED:
            return self._let_through(entry, site, original, args, kwargs)
        number = self._numbers[site] = self._numbers.get(site, 0) + 1
        is_method = entry.kind == "method"
        twin = self._twin(args[0]) if is_method else None
        given = args[1:] if is_method else args
        before = copied((given, kwargs))
        observed = partial(
            Observed,
            entry=entry,
            site=site,
            number=number,
            args=before[0],
            kwargs=before[1],
            args_after=given,
            kwargs_after=kwargs,
            twin=twin,
        )
        start = time.perf_counter()
        try:
            with nullcontext() if self._nested else self._paused():
                output = original(*args, **kwargs)
        except Exception as error:
            seconds = time.perf_counter() - start
            traced = has_tracer(before)
            self._hand_on(
                observed(
                    output=None, error=error, traced=traced, seconds=seconds
                )
            )
            raise
        traced = _settle((before, output))
        seconds = time.perf_counter() - start
        self._hand_on(
            observed(output=output, error=None, traced=traced, seconds=seconds)
        )
        return output

    def _let_through(
        self,
        entry: LegacyName,
        site: Site,
        original: Callable[..., Any],
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
    ) -> Any:
        ended = self._guarded(
            site, lambda: self._passed(entry, site, args, kwargs)
        )
        start = time.perf_counter()

        def tell(output: Any, error: Exception | None) -> None:
            if ended is None:
                return
            found = Ended(output, error, time.perf_counter() - start)
            self._guarded(site, partial(ended, found))

        is_class = entry.kind == "class"
        trains = entry.name in TRAINING
        try:
            with nullcontext() if trains else self._paused():
                output = original(*args, **kwargs)
        except Exception as error:
            tell(None, error)
            raise
        if is_class and has_flow():
            from .twins import remember

            remember(args[0], entry.parameters, args[1:], kwargs)
        _settle(output)
        tell(output, None)
        return output

    def _twin(self, instance: Any) -> "Twin | str":
        if not has_flow():
            return "needs the extra flow: pip install 'tfmpe[flow]'"
        from .twins import twin_of

        try:
            return twin_of(instance, self._package)
        except NoTwinError as error:
            return str(error)
        # An object of another version may be built in any way.
        except Exception as error:
            return one_line(f"its parts are not found ({error!r})", 200)

    def _hand_on(self, call: Observed) -> None:
        self._guarded(call.site, lambda: self._seen(call))

    def _guarded(self, site: Site, watch: Callable[[], _T]) -> _T | None:
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
