"""Making a recorded call again, and saying what was different.

Which implementation is called is a parameter; by default it is the bridge,
`tfmpe.compat`.
"""

import builtins
import importlib.util
from functools import partial
from typing import Any

import jax

from tfmpe.migrate.errors import one_line
from tfmpe.migrate.recordings.nodes import Abstract, Opaque
from tfmpe.migrate.recordings.read import Case, Raised

from .calls import Found, call, traced_call
from .compare import compare
from .comparison import Comparison, Difference, Tolerance
from .silence import replaying
from .targets import REPLAYED, Lookup, bridge, tolerance_of
from .trees import copied

__all__ = ["compare_call", "compare_exceptions", "replay", "why_not"]

_PACKAGES = ("flax", "optax", "diffrax")


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
    make_call = traced_call if _is_traced(case) else call
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
    # Needs the extra.
    from .flow_calls import read_setting

    return read_setting(case.extra)


def _is_traced(case: Case) -> bool:
    trees = (case.args, case.kwargs, case.output)
    return case.traced or any(
        isinstance(leaf, Abstract) for leaf in jax.tree.leaves(trees)
    )


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
