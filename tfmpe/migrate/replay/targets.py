"""Table of the bridge's functions and their tolerances."""

from collections.abc import Callable
from typing import Any, NamedTuple

from tfmpe.migrate.legacy_names import BRIDGE
from tfmpe.migrate.recordings.cases import Case

from .compare import Tolerance
from .names import named

Lookup = Callable[[str], Callable[..., Any]]
"""Returns the callable for the name of a recorded function."""

LOOSENED = Tolerance(1e-6, 1e-5, "another device or precision")
"""Tolerance of exact functions if the fingerprint differs."""


class Target(NamedTuple):
    """The bridge's version of a recorded function, and its tolerance."""

    # None for a method of a flow, whose object has to be rebuilt.
    module: str | None
    # None for bit-exact results. The legacy network is less smooth than a field
    # in closed form.
    tolerance: Tolerance | None = None
    of_network: Tolerance | None = None


# Legacy and bridge results are within 1.5e-4 of the same integral in float64;
# both solvers keep 1e-5 per step.
_SAMPLES = Target(
    None,
    Tolerance(5e-4, 0.0, "two adaptive ODE solves"),
    # At the kinks of relu, rounding decides which steps are taken. The legacy
    # result differs by up to 0.06 from the integral in float64. The median
    # difference of one call, compiled in four ways, was 4e-4 to 2.3e-3.
    Tolerance(0.1, 0.0, "an ODE solve that does not repeat", median=5e-3),
)

_DENSITIES = Target(
    None,
    Tolerance(2e-3, 0.0, "two adaptive solves of a state and its trace"),
    # The Jacobian trace of a relu network is discontinuous. The legacy results
    # differ from the integral by up to 0.1 at a log density of -16, and by 0.03
    # at -3.5.
    Tolerance(0.05, 1e-2, "a discontinuous trace"),
)

_DATALOADER = """
    flatten_structured flatten_blocks decode_theta combine_data
    build_self_attention_mask build_cross_attention_mask build_padding_mask
    pad_multidim_event pad_1d pad_2d pad_2d_cross event_indices
    flatten_index_tuple _flatten_index encode_unknown_theta
"""

REPLAYED: dict[str, Target] = {
    **dict.fromkeys(_DATALOADER.split(), Target("util.dataloader")),
    "split_data": Target("utils"),
    "_make_attention_masks": Target("sfmpe"),
    "StructuredCNF.sample": _SAMPLES,
    "StructuredCNF.log_prob": _DENSITIES,
    "SFMPE.sample_posterior": _SAMPLES,
    "SFMPE.sample_posterior_encoded": _SAMPLES,
    "SFMPE.sample_base_dist": _SAMPLES,
    "SFMPE.log_prob_posterior_samples": _DENSITIES,
    "Transformer.__call__": Target(
        None, None, Tolerance(1e-5, 0.0, "rounding of one call")
    ),
}
"""The recorded functions that the bridge has, by their recorded names."""


def bridge(function: str) -> Callable[..., Any]:
    """Return the bridge's own version of a function in `REPLAYED`."""
    module = REPLAYED[function].module
    if module is None:
        # Needs the extra flow.
        from .flow_calls import flow_call

        return flow_call(function)
    return named(BRIDGE, f"{module}.{function}")


def tolerance_of(case: Case) -> Tolerance | None:
    """Return the tolerance of a call; None for an exact comparison."""
    target = REPLAYED.get(case.function)
    if target is None:
        return None
    of_network = "params" in (case.extra or {})
    return target.of_network if of_network else target.tolerance
