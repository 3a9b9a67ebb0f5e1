"""Replay of a recorded call, and comparison of all its effects."""

import importlib.util
from functools import partial
from typing import Any

import jax

from tfmpe.migrate.recordings.cases import Case
from tfmpe.migrate.recordings.nodes import Abstract, Opaque

from .calls import absent, call, compare_call, traced_call
from .compare import Comparison, Tolerance
from .silence import replaying
from .targets import REPLAYED, Lookup, bridge, tolerance_of
from .trees import copied

_PACKAGES = ("flax", "optax", "diffrax")


def why_not(case: Case) -> str | None:
    """Return why a case cannot be replayed, or None if it can."""
    target = REPLAYED.get(case.function)
    if target is None and not case.target:
        return "not in the bridge of this version"
    trees = (case.args, case.kwargs, case.output, case.extra)
    if any(isinstance(leaf, Opaque) for leaf in jax.tree.leaves(trees)):
        return "holds a value that could not be recorded"
    if target is not None and not case.target and target.module:
        return None
    if not all(importlib.util.find_spec(name) for name in _PACKAGES):
        return "needs the extra flow: pip install 'tfmpe[flow]'"
    known = case.extra is not None or case.raises is not None
    if not case.target and not known and not is_traced(case):
        return "its weights are in a recording that is missing"
    return None


def replay(
    case: Case, lookup: Lookup = bridge, loosened: Tolerance | None = None
) -> Comparison:
    """Repeat a recorded call and compare all its effects."""
    if case.target:
        # Needs the extra flow.
        from .steps import replay_steps

        return replay_steps(case)
    target = REPLAYED.get(case.function)
    try:
        function = lookup(case.function)
        if target is not None and target.module is None:
            from .flow_calls import read_setting

            function = partial(function, read_setting(case.extra))
    except (ImportError, AttributeError) as error:
        return absent(str(error))
    make_call = call
    if is_traced(case):
        make_call = partial(traced_call, staged=not _has_arrays(case.output))
    with replaying():
        found = make_call(function, copied(case.args), copied(case.kwargs))
    return compare_call(case, found, tolerance_of(case) or loosened)


def _has_arrays(tree: Any) -> bool:
    return any(isinstance(leaf, jax.Array) for leaf in jax.tree.leaves(tree))


def is_traced(case: Case) -> bool:
    """Return whether a call had abstract arguments."""
    leaves = jax.tree.leaves((case.args, case.kwargs, case.output))
    return case.traced or any(isinstance(leaf, Abstract) for leaf in leaves)
