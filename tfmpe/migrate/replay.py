"""Making a recorded call again, and saying what was different.

Which implementation is called is a parameter; by default it is the bridge,
`tfmpe.compat`.
"""

import builtins
import importlib
import importlib.util
import os
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

import jax
import jax.core
import numpy as np

from tfmpe.compat import fixes, legacy_warnings

from .compare import Comparison, Difference, Tolerance, compare
from .errors import one_line
from .nodes import Abstract, Opaque
from .recordings import Case, Raised

__all__ = [
    "REPLAYED",
    "Found",
    "Lookup",
    "Target",
    "bridge",
    "call",
    "compare_call",
    "compare_exceptions",
    "copied",
    "replay",
    "replaying",
    "silenced",
    "tolerance_of",
    "variable",
    "why_not",
]

Lookup = Callable[[str], Callable[..., Any]]
"""From the name of a recorded function to something to call."""


@dataclass(frozen=True)
class Target:
    """Where the bridge has a recorded function, and how exact it is.

    Parameters
    ----------
    module
        The module to import.
    tolerance
        How far values may be from the stored ones; None for bit for bit.
    of_network
        The same for a case of the legacy network, which is less smooth than
        a field in closed form.
    on_flow
        Whether it is a method of a flow: what it is called on has to be
        rebuilt.
    """

    module: str
    tolerance: Tolerance | None = None
    of_network: Tolerance | None = None
    on_flow: bool = False


_DATALOADER = Target("tfmpe.compat.util.dataloader")

_FLOW = "tfmpe.migrate.flow_calls"
_PACKAGES = ("flax", "optax", "diffrax")
_QUICK = "jax_disable_most_optimizations"

# The legacy result is within 1.5e-4 of the same integral in float64, as is
# the bridge's; both solvers keep 1e-5 per step.
_SAMPLES = Target(
    _FLOW,
    Tolerance(5e-4, 0.0, "two adaptive solutions"),
    # Where relu has kinks, rounding decides which steps are taken. The legacy
    # result itself is up to 0.06 from the same integral in float64.
    Tolerance(0.1, 0.0, "a solution that does not repeat", median=2e-3),
    True,
)
_DENSITIES = Target(
    _FLOW,
    Tolerance(2e-3, 0.0, "two adaptive solutions of a state and its trace"),
    # The trace of a network with relu jumps, wherever a step ends.
    Tolerance(0.0, 1e-2, "a trace that jumps"),
    True,
)

REPLAYED: dict[str, Target] = {
    "flatten_structured": _DATALOADER,
    "flatten_blocks": _DATALOADER,
    "decode_theta": _DATALOADER,
    "combine_data": _DATALOADER,
    "build_self_attention_mask": _DATALOADER,
    "build_cross_attention_mask": _DATALOADER,
    "build_padding_mask": _DATALOADER,
    "pad_multidim_event": _DATALOADER,
    "pad_1d": _DATALOADER,
    "pad_2d": _DATALOADER,
    "pad_2d_cross": _DATALOADER,
    "event_indices": _DATALOADER,
    "flatten_index_tuple": _DATALOADER,
    "_flatten_index": _DATALOADER,
    "encode_unknown_theta": _DATALOADER,
    "split_data": Target("tfmpe.compat.utils"),
    "_make_attention_masks": Target("tfmpe.compat.sfmpe"),
    "StructuredCNF.sample": _SAMPLES,
    "StructuredCNF.log_prob": _DENSITIES,
    "SFMPE.sample_posterior": _SAMPLES,
    "SFMPE.sample_posterior_encoded": _SAMPLES,
    "SFMPE.sample_base_dist": _SAMPLES,
    "SFMPE.log_prob_posterior_samples": _DENSITIES,
    "Transformer.__call__": Target(
        _FLOW, None, Tolerance(1e-5, 0.0, "rounding of one call"), True
    ),
}
"""The recorded functions that the bridge has, by their recorded name."""


def bridge(function: str) -> Callable[..., Any]:
    """Return the bridge's own version of a recorded function.

    Parameters
    ----------
    function
        A name in `REPLAYED`.

    Returns
    -------
    callable
        The function in `tfmpe.compat`; for a method of a flow, one that
        takes a `Setting` first.
    """
    target = REPLAYED[function]
    module = importlib.import_module(target.module)
    if target.on_flow:
        return module.flow_call(function)
    return getattr(module, function)


def why_not(case: Case) -> str | None:
    """Return why a case cannot be called again, or None if it can.

    Parameters
    ----------
    case
        A recorded call.

    Returns
    -------
    str or None
        The bridge does not have its function, something in it could not be
        recorded, its weights are not here, or a package is missing.
    """
    if case.function not in REPLAYED:
        return "not in the bridge of this version"
    trees = (case.args, case.kwargs, case.output, case.extra)
    if any(isinstance(leaf, Opaque) for leaf in jax.tree.leaves(trees)):
        return "holds a value that could not be recorded"
    if not REPLAYED[case.function].on_flow:
        return None
    if not all(importlib.util.find_spec(name) for name in _PACKAGES):
        return "needs the extra flow: pip install 'tfmpe[flow]'"
    if case.raises is None and case.extra is None and not _is_traced(case):
        return "its weights are in a recording that is not here"
    return None


@dataclass(frozen=True)
class Found:
    """What a call returned or raised, and its arguments afterwards."""

    output: Any
    error: Exception | None
    args: tuple[Any, ...]
    kwargs: dict[str, Any]


def replay(
    case: Case, lookup: Lookup = bridge, loosened: Tolerance | None = None
) -> Comparison:
    """Call a recorded function again and compare everything.

    Parameters
    ----------
    case
        The recorded call.
    lookup
        Gives the implementation to call.
    loosened
        The tolerance of functions that are otherwise compared to the bit.

    Returns
    -------
    Comparison
        Of the returned tree (`output`), or of the exception; and of the
        arguments after a call that returned, which must be changed as the
        legacy call changed them, or not at all.

    Notes
    -----
    Warnings are silenced: most stored calls show a defect that the bridge
    warns of.
    """
    target = REPLAYED.get(case.function)
    try:
        function = lookup(case.function)
        if target is not None and target.on_flow:
            function = partial(function, _setting(case))
    except (ImportError, AttributeError) as error:
        return _exception(case.raises, error)
    make_call = _traced_call if _is_traced(case) else call
    with replaying():
        found = make_call(function, copied(case.args), copied(case.kwargs))
    return compare_call(case, found, tolerance_of(case) or loosened)


def compare_call(
    case: Case, found: Found, tolerance: Tolerance | None
) -> Comparison:
    """Compare what a call came to with what it came to before.

    Parameters
    ----------
    case
        The call before.
    found
        The call now.
    tolerance
        How far values of the output may be apart; None for not at all.

    Returns
    -------
    Comparison
        As of `replay`.
    """
    if found.error is not None or case.raises is not None:
        return compare_exceptions(case.raises, found.error)
    result = compare(case.output, found.output, "output", tolerance)
    for name, before, recorded, after in (
        ("args", case.args, case.args_after, found.args),
        ("kwargs", case.kwargs, case.kwargs_after, found.kwargs),
    ):
        expected = before if recorded is None else recorded
        result += compare(expected, after, f"{name}_after")
    return result


def compare_exceptions(
    stored: Raised | None, error: Exception | None
) -> Comparison:
    """Compare how two calls ended, at least one of them in an exception.

    Parameters
    ----------
    stored
        The exception before; None if the call returned.
    error
        The exception now; None if the call returned.

    Returns
    -------
    Comparison
        Of the types alone: messages may be better ones.
    """
    if _is_exactly(error, stored):
        return Comparison()
    return _exception(stored, error)


def _setting(case: Case) -> Any:
    return importlib.import_module(_FLOW).read_setting(case.extra)


def tolerance_of(case: Case) -> Tolerance | None:
    """Return how far a call may be from the recorded one; None for not."""
    target = REPLAYED.get(case.function)
    if target is None:
        return None
    of_network = "params" in (case.extra or {})
    return target.of_network if of_network else target.tolerance


def copied(tree: Any) -> Any:
    """Copy whatever a call could change in place."""
    if type(tree) is dict:
        return {key: copied(value) for key, value in tree.items()}
    if type(tree) in (list, tuple):
        return type(tree)(copied(value) for value in tree)
    return tree.copy() if isinstance(tree, np.ndarray) else tree


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


@contextmanager
def replaying() -> Iterator[None]:
    """Be silent as `silenced`, and compile without optimisation.

    What is replayed runs once. What is changed is changed for all threads:
    entered around them, it holds for all.
    """
    before = jax.config.read(_QUICK)
    with silenced():
        jax.config.update(_QUICK, True)
        try:
            yield
        finally:
            jax.config.update(_QUICK, before)


@contextmanager
def silenced() -> Iterator[None]:
    """Silence warnings and reproduce every defect, whatever the user set."""
    with (
        variable(legacy_warnings.VARIABLE, "ignore"),
        variable(fixes.VARIABLE, ""),
        warnings.catch_warnings(),
    ):
        warnings.simplefilter("ignore")
        yield


@contextmanager
def variable(name: str, value: str) -> Iterator[None]:
    """Set an environment variable for a while."""
    before = os.environ.get(name)
    os.environ[name] = value
    try:
        yield
    finally:
        if before is None:
            del os.environ[name]
        else:
            os.environ[name] = before


def _is_traced(case: Case) -> bool:
    trees = (case.args, case.kwargs, case.output)
    return case.traced or any(
        isinstance(leaf, Abstract) for leaf in jax.tree.leaves(trees)
    )


def _traced_call(
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
                _abstracted(found.output),
                found.error,
                _abstracted(found.args),
                _abstracted(found.kwargs),
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


def _abstracted(tree: Any) -> Any:
    """Return the tree with every tracer as an `Abstract`."""
    if type(tree) is dict:
        return {key: _abstracted(value) for key, value in tree.items()}
    if type(tree) in (list, tuple):
        return type(tree)(_abstracted(value) for value in tree)
    if isinstance(tree, jax.core.Tracer):
        return Abstract(tree.shape, tree.dtype.name)
    return tree


def _is_exactly(error: Exception | None, stored: Raised | None) -> bool:
    if error is None or stored is None:
        return False
    kind = type(error)
    if stored.module == "builtins":
        return kind is getattr(builtins, stored.type, None)
    return (kind.__module__, kind.__qualname__) == (stored.module, stored.type)


def _exception(stored: Raised | None, error: Exception | None) -> Comparison:
    before = "returned" if stored is None else f"raised {stored.type}"
    now = "returned"
    if error is not None:
        now = one_line(f"raised {type(error).__name__} ({error})", 200)
    return Comparison((Difference("exception", "output", before, now),))
