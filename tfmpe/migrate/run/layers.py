"""Search for the first layer of a network whose output differs.

Both networks are called again on the same inputs, with the weights and random
numbers of the call that differs. The inputs of a network within a flow are
captured while the flow's compiled program runs.
"""

import functools
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import jax

from tfmpe.migrate.replay.compare import compare
from tfmpe.migrate.replay.trees import copied, fill, take_apart

from . import twins_state as states
from .again import call_again
from .calls import Observed
from .capture import restored, send
from .tolerances import ONE_CALL
from .twins import Twins
from .twins_state import State, is_nnx, is_rngs
from .undisturbed import undisturbed

Path = tuple[Any, ...]
Outputs = list[tuple[Path, Any]]
Hook = Callable[[Path, Any, tuple[Any, Any], Callable[[], Any]], Any]
"""Receives a part's path, the part, its arguments, and its call."""


def first_layer(known: Observed, twins: Twins) -> str | None:
    """Return the path of the first layer whose output differs."""
    for pair in known.instance.whole() if known.instance else ():
        original, twin = pair.original(), pair.twin
        if not is_nnx(original) or is_rngs(original) or twin is None:
            continue
        inputs: Any = ((), (known.case.args, known.case.kwargs))
        if not known.entry.name.endswith(".__call__"):
            inputs = _inputs(twin, lambda: call_again(known, twins))
        if inputs is None:
            continue
        path, given = inputs
        states.load(known.state)
        with undisturbed():
            with _as_before(known.state):
                old = _outputs(original, path, twins.filled(given))
            new = _outputs(twin, path, twins.filled(given))
        found = _first(old, new)
        if found is not None:
            return "/".join(map(str, found)) or pair.kind
    return None


def _first(old: Outputs, new: Outputs) -> Path | None:
    for path, output in old:
        match = next((each for each in new if each[0] == path), None)
        if match is not None:
            new.remove(match)
            sides = states.view(output), states.view(match[1])
            if not compare(*sides, "output", ONE_CALL).agrees:
                return path
    return None


def _inputs(module: Any, again: Callable[[], Any]) -> Any:
    """Return the part of a module that is called first, and its inputs."""
    caught: list[Any] = []
    traced: list[Path] = []

    def catch(
        path: Path, part: Any, given: Any, call: Callable[[], Any]
    ) -> Any:
        if part is not module and not traced:
            traced.append(path)
            arrays: list[Any] = []
            taken = take_apart(given, arrays)
            send(arrays, lambda values: caught.append((taken, values)), 1)
        return call()

    # Functions compiled before would not call the hook, and the script must not
    # use functions compiled with it.
    jax.clear_caches()
    with _hooked(module, catch):
        again()
    jax.effects_barrier()
    jax.clear_caches()
    for taken, values in caught[:1]:
        return traced[0], fill(taken, restored(values))
    return None


def _outputs(module: Any, path: Path, given: tuple[Any, Any]) -> Outputs:
    """Call a part of a module; return the outputs of all parts in order."""
    found: Outputs = []

    def note(path: Path, part: Any, given: Any, call: Callable[[], Any]) -> Any:
        output = call()
        found.append((path, copied(output)))
        return output

    args, kwargs = given
    with _hooked(module, note):
        states.child(module, path)(*args, **kwargs)
    return found


@contextmanager
def _as_before(state: State) -> Iterator[None]:
    """Temporarily restore the state that the originals had before a call."""
    now = {pair: states.state_of(pair.original()) for pair in state}
    try:
        for pair, held in state.items():
            states.fill_in(pair.original(), held)
        yield
    finally:
        for pair, held in now.items():
            states.fill_in(pair.original(), held)


@contextmanager
def _hooked(module: Any, hook: Hook) -> Iterator[None]:
    """Replace the calls of all parts of a module by a hook."""
    parts = [(path, n) for path, n in states.nodes_of(module) if is_nnx(n)]
    kinds = {type(n) for _, n in parts if callable(n)}
    running: set[int] = set()

    def path_of(part: Any) -> Path | None:
        same = [path for path, n in parts if n is part]
        # A solver calls a copy of the network.
        alike = [path for path, n in parts if type(n) is type(part)]
        return min(same or (() if running else alike), key=len, default=None)

    def hooked(original: Any) -> Any:
        def call(self: Any, *args: Any, **kwargs: Any) -> Any:
            path = path_of(self)
            if path is None or id(self) in running:
                return original(self, *args, **kwargs)
            running.add(id(self))
            try:
                given = args, kwargs
                again = functools.partial(original, self, *args, **kwargs)
                return hook(path, self, given, again)
            finally:
                running.discard(id(self))

        return call

    own = {kind: vars(kind).get("__call__") for kind in kinds}
    for kind, call in [(kind, hooked(kind.__call__)) for kind in kinds]:
        kind.__call__ = call
    try:
        yield
    finally:
        for kind, original in own.items():
            del kind.__call__
            if original is not None:
                kind.__call__ = original
