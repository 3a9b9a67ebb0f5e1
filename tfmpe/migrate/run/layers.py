"""The first layer of a network whose output differs between both sides.

Both networks are called once more on the same inputs, with the weights and
random numbers of the call that differs. The inputs of a network within a flow
are caught as the flow's compiled program runs.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import jax

from tfmpe.migrate.replay.compare import compare
from tfmpe.migrate.replay.silence import silenced
from tfmpe.migrate.replay.trees import copied, fill, take_apart

from . import twins_state as states
from .again import call_again
from .calls import Observed
from .capture import restored, send
from .tolerances import ONE_CALL
from .twins import Twins
from .twins_state import is_nnx, is_rngs
from .undisturbed import undisturbed

__all__ = ["first_layer"]

Path = tuple[Any, ...]


def first_layer(known: Observed, twins: Twins) -> str | None:
    """Return the path of the first layer whose output differs."""
    assert known.instance is not None
    for name, original, twin in twins.whole(known.instance):
        if not is_nnx(original) or is_rngs(original) or twin is None:
            continue
        inputs: Any = ((), (known.args, known.kwargs))
        if not known.entry.name.endswith(".__call__"):
            inputs = _inputs(twin, lambda: call_again(known, twins))
        if inputs is None:
            continue
        path, given = inputs
        twins.load(known.state)
        before = _as_before(original, name.number, twins, known)
        with silenced(), undisturbed():
            old, new = (
                _outputs(module, path, twins.filled(given))
                for module in (before, twin)
            )
        found = _first(old, new)
        if found is not None:
            return "/".join(map(str, found)) or name.kind
    return None


def _first(
    old: list[tuple[Path, Any]], new: list[tuple[Path, Any]]
) -> Path | None:
    left = list(new)
    for path, output in old:
        match = next((each for each in left if each[0] == path), None)
        if match is None:
            continue
        left.remove(match)
        found = compare(
            states.view(output), states.view(match[1]), "output", ONE_CALL
        )
        if not found.agrees:
            return path
    return None


# What the network of a flow was called on. One for all, since a program that
# jax has compiled sends it here whenever it runs.
_caught: dict[str, Any] = {}


def _inputs(module: Any, again: Callable[[], Any]) -> Any:
    """Return the part of a module that is called first, and on what."""
    traced: list[Any] = []

    def catch(part: Any, given: Any) -> None:
        if part is module or traced:
            return
        arrays: list[Any] = []
        kind, taken = type(part), take_apart(given, arrays)
        traced.append(kind)
        send(
            arrays,
            lambda values: _caught.setdefault("first", (kind, taken, values)),
            1,
        )

    # Another precision lets jax trace anew what it has compiled already.
    current = jax.config.jax_default_matmul_precision  # pyright: ignore
    other = "float32" if current == "highest" else "highest"
    _caught.clear()
    with (
        jax.default_matmul_precision(other),
        _hooked(module, catch, lambda path, output: None),
    ):
        again()
    jax.effects_barrier()
    if not _caught:
        return None
    kind, taken, values = _caught.pop("first")
    paths = [path for path, n in states.nodes_of(module) if type(n) is kind]
    return min(paths, key=len), fill(taken, restored(values))


def _outputs(
    module: Any, path: Path, given: tuple[Any, Any]
) -> list[tuple[Path, Any]]:
    """Call a part of a module; return the outputs of all parts, in order."""
    found: list[tuple[Path, Any]] = []
    args, kwargs = given
    with _hooked(
        module,
        lambda part, given: None,
        lambda path, output: found.append((path, copied(output))),
    ):
        states.child(module, path)(*args, **kwargs)
    return found


def _as_before(
    original: Any, number: int, twins: Twins, known: Observed
) -> Any:
    """Return a copy of a module as it was before the call."""
    from flax import nnx

    assert known.instance is not None
    held = {p: leaf for (n, p), leaf in known.state.items() if n == number}
    # What parts share, the state has once, with the random numbers.
    shared = {
        id(variable): known.state[name.number, path]
        for name, rngs, _ in twins.whole(known.instance)
        if is_rngs(rngs)
        for path, variable in states.variables_of(rngs).items()
        if (name.number, path) in known.state
    }
    for path, variable in states.variables_of(original).items():
        if id(variable) in shared:
            held[path] = shared[id(variable)]
    old = nnx.clone(original)
    states.load(old, held)
    return old


@contextmanager
def _hooked(
    module: Any,
    before: Callable[[Any, Any], None],
    after: Callable[[Path, Any], None],
) -> Iterator[None]:
    """Tell of the calls of all parts of a module, and of their outputs."""
    parts = {
        id(n): (path, n) for path, n in states.nodes_of(module) if is_nnx(n)
    }
    kinds = {type(n) for _, n in parts.values() if callable(n)}
    running: set[int] = set()

    def path_of(part: Any) -> Path | None:
        if id(part) in parts:
            return parts[id(part)][0]
        # A solver calls a copy of the network.
        alike = [path for path, n in parts.values() if type(n) is type(part)]
        return None if running else min(alike, key=len, default=None)

    def hooked(original: Any) -> Any:
        def call(self: Any, *args: Any, **kwargs: Any) -> Any:
            path = path_of(self)
            if path is None or id(self) in running:
                return original(self, *args, **kwargs)
            running.add(id(self))
            try:
                before(self, (args, kwargs))
                output = original(self, *args, **kwargs)
                after(path, output)
            finally:
                running.discard(id(self))
            return output

        return call

    own = {kind: vars(kind).get("__call__") for kind in kinds}
    wrapped = {kind: hooked(kind.__call__) for kind in kinds}
    for kind, call in wrapped.items():
        kind.__call__ = call
    try:
        yield
    finally:
        for kind, original in own.items():
            if original is None:
                del kind.__call__
            else:
                kind.__call__ = original
