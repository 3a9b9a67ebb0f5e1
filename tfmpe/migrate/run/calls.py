"""Observation of legacy calls: arguments before and after, and results."""

import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import jax

from tfmpe.migrate.errors import one_line
from tfmpe.migrate.recordings.cases import Case, Raised
from tfmpe.migrate.replay.trees import arrays_of, has_tracer

from .observe import Called, Site, Watch, call_site
from .twins import Twins, default_rngs, pairs_in, state_in
from .twins_state import Pair, State
from .undisturbed import Numbers, global_numbers


@dataclass(frozen=True)
class Observed:
    """One call of the legacy package, with pairs in place of objects."""

    entry: Called
    site: Site
    number: int
    case: Case
    instance: Pair | None
    state: State
    state_after: State
    numbers: Numbers
    seconds: float


VIEWED = ("args", "kwargs", "args_after", "kwargs_after", "output")
"""Parts of a call that are stored and compared, besides states of objects."""

Seen = Callable[[Observed], None]


class Observer(Watch):
    """A watch that makes each call and passes on what it observed."""

    def __init__(self, package: str):
        super().__init__(package)
        self.twins = Twins(package)
        self._numbers: Counter[Site] = Counter()

    def begin(self, entry: Called, site: Site) -> Seen | None:
        """Return a handler for the call, or None to observe its inner calls."""

    def failed(self, site: Site, error: Exception) -> None:
        """Note an exception in the observer, which the script does not see."""

    def handle(self, entry: Called, args: Any, kwargs: Any) -> Any:
        """Make a call and observe it."""
        original, makes = entry.original, entry.kind == "class"
        if makes and self.twins.is_own(type(args[0])):
            return original(*args, **kwargs)
        site = call_site(entry.qualified)
        seen = self._guarded(site, lambda: self.begin(entry, site))
        if seen is None:
            return original(*args, **kwargs)
        self._numbers[site] += 1
        number, named = self._numbers[site], self.twins.named
        given = args if entry.kind == "function" else args[1:]
        more = default_rngs(original, args, kwargs) if makes else {}

        def look() -> tuple[Pair | None, Any, State]:
            before = named((given, kwargs | more))
            instance = named(args[0]) if entry.kind == "method" else None
            return instance, before, state_in((instance, *before))

        looked = self._guarded(site, look)
        numbers = global_numbers()
        start = time.perf_counter()

        def tell(output: Any, error: Exception | None = None) -> None:
            if looked is None:
                return
            instance, before, held = looked
            output = named(output, new=False)
            traced = _settle((before, held, output))
            seconds = time.perf_counter() - start
            if makes:
                instance = named(args[0])
                instance.parts = list(pairs_in(before))
            after = named((given, kwargs | more))
            held_after = {} if traced else state_in((instance, *before))
            case = Case(
                example="",
                name="call",
                function=entry.name,
                source=f"called from {site.place}",
                traced=traced,
                args=before[0],
                kwargs=before[1],
                output=output,
                raises=error and _raised(error),
                args_after=after[0],
                kwargs_after=after[1],
            )
            seen(
                Observed(
                    entry, site, number, case, instance, held, held_after,
                    numbers, seconds,
                )
            )  # fmt: skip

        try:
            with self.paused():
                output = original(*args, **kwargs)
        except Exception as raised:
            error = raised
            self._guarded(site, lambda: tell(None, error))
            raise
        self._guarded(site, lambda: tell(output))
        return output

    def _guarded(self, site: Site, watch: Callable[[], Any]) -> Any:
        with self.paused():
            try:
                return watch()
            # An error in the observer must not stop the script.
            except Exception as error:
                self.failed(site, error)
        return None


def _raised(error: Exception) -> Raised:
    kind = type(error)
    return Raised(kind.__qualname__, kind.__module__, one_line(str(error)))


def _settle(tree: Any) -> bool:
    """Wait for pending values; return whether any value is traced."""
    with suppress(Exception):
        if has_tracer(tree):
            return True
        jax.block_until_ready(arrays_of(tree))
    return False
