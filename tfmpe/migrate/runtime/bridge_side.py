"""What is called on the bridge for a legacy call, and how exact it is."""

import importlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import jax
import numpy as np

from tfmpe.migrate.legacy_names import BRIDGE
from tfmpe.migrate.replay.calls import Found
from tfmpe.migrate.replay.comparison import Tolerance
from tfmpe.migrate.replay.silence import silenced
from tfmpe.migrate.replay.targets import tolerance_of
from tfmpe.migrate.replay.trees import fill, take_apart

from .errors import NoTwinError
from .observing import Observed, case_of

__all__ = ["BridgeSide", "bridge_side", "strong"]

# What is no movement of data alone, and was never recorded on its own.
_FORMULA = Tolerance(1e-6, 1e-6, "a formula in another order")
_FORMULAS = ("theta_t_linear", "ut_linear")
_ONE_EVALUATION = Tolerance(1e-5, 1e-4, "rounding of one evaluation")
_NETWORK_CALL = "Transformer.__call__"
_EVALUATIONS = ("StructuredCNF.vector_field", _NETWORK_CALL)


@dataclass(frozen=True)
class BridgeSide:
    """The bridge's side of a call.

    Parameters
    ----------
    function
        Takes the arguments of the legacy call.
    tolerance
        How far its values may be from the legacy ones; None for not at all.
    why_legacy_network
        Why a legacy network is used on both sides; None where it is not.
    """

    function: Callable[..., Any]
    tolerance: Tolerance | None
    why_legacy_network: str | None = None


def bridge_side(known: Observed) -> BridgeSide:
    """Return what makes a legacy call on the bridge.

    Parameters
    ----------
    known
        The legacy call; of a method, with a twin.

    Returns
    -------
    BridgeSide

    Raises
    ------
    NoTwinError
        If it is the call of a network that cannot be built again.
    """
    name = known.entry.name
    if known.twin is None:
        module = importlib.import_module(f"{BRIDGE}.{known.entry.module}")
        return BridgeSide(getattr(module, name), _tolerance(known, False))
    from tfmpe.migrate.replay.flow_calls import flow_call

    from .networks import bridge_network
    from .twins import Twin

    assert isinstance(known.twin, Twin)
    setting, why = known.twin.setting(), None
    carried = known.twin.network is not None
    if carried:
        try:
            with silenced():
                network = bridge_network(setting.field, known.twin.network)
            setting = replace(setting, field=network)
        except NoTwinError as error:
            if name == _NETWORK_CALL:
                raise
            carried = False
            why = f"its network is the legacy one on both sides: {error}"
    function = partial(flow_call(name), setting)
    return BridgeSide(function, _tolerance(known, carried), why)


def _tolerance(known: Observed, carried: bool) -> Tolerance | None:
    # What was captured was compiled with all around it.
    if known.entry.name in _EVALUATIONS and (carried or known.traced):
        return _ONE_EVALUATION
    if known.entry.name in _FORMULAS:
        return _FORMULA
    case = case_of(known, "call", "")
    if getattr(known.twin, "arrays", ()):
        case = replace(case, extra={"params": {}})
    return tolerance_of(case)


def strong(found: Found) -> Found:
    """Return what was found without weak types.

    Parameters
    ----------
    found
        Of a call whose legacy values lost them as they were captured.

    Returns
    -------
    Found
    """

    def stripped(tree: Any) -> Any:
        arrays: list[Any] = []
        taken = take_apart(tree, arrays)
        return fill(taken, [jax.device_put(np.asarray(a)) for a in arrays])

    return Found(
        stripped(found.output),
        found.error,
        stripped(found.args),
        stripped(found.kwargs),
    )
