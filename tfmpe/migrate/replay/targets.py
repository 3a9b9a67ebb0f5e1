"""Which recorded functions the bridge has, and how exact it is there."""

import importlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from tfmpe.migrate.recordings.read import Case

from .comparison import Tolerance

__all__ = ["REPLAYED", "Lookup", "Target", "bridge", "tolerance_of"]

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

_FLOW = "tfmpe.migrate.replay.flow_calls"

# The legacy result is within 1.5e-4 of the same integral in float64, as is
# the bridge's; both solvers keep 1e-5 per step.
_SAMPLES = Target(
    _FLOW,
    Tolerance(5e-4, 0.0, "two adaptive solutions"),
    # Where relu has kinks, rounding decides which steps are taken. The legacy
    # result itself is up to 0.06 from the same integral in float64. One call,
    # compiled with and without optimisation by jax 0.5 and 0.10, was in the
    # median 4e-4 to 2.3e-3 from the recording.
    Tolerance(0.1, 0.0, "a solution that does not repeat", median=5e-3),
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


def tolerance_of(case: Case) -> Tolerance | None:
    """Return how far a call may be from the recorded one; None for not."""
    target = REPLAYED.get(case.function)
    if target is None:
        return None
    of_network = "params" in (case.extra or {})
    return target.of_network if of_network else target.tolerance
