"""Test of whether the observation could have come from the model."""

import numpy as np
from jaxtyping import Float

from tfmpe.estimators._checks.uniformity import bonferroni
from tfmpe.estimators._verdict.features import DataFeatures
from tfmpe.estimators._verdict.finding import Finding, Outcome, unchecked

CHECK = "observation"
MIN_SIMULATIONS = 199
"""With fewer, no p-value is small enough for a finding."""


def observation_finding(features: DataFeatures) -> Outcome | Finding:
    """Test whether the observation is unusually far from the simulations.

    Distances are measured in single values, and in summaries of all tokens of a
    key. The rank of the observation among the simulations is exact. An encoder
    is not used, because it may map strange data to ordinary codes. Source:
    Schmitt et al., 2024 (misspecification as a distance of summaries).
    """
    n = len(features.components) - 1
    if n < MIN_SIMULATIONS:
        return unchecked(
            CHECK,
            f"{n} simulations are too few to compare the observation with; "
            f"at least {MIN_SIMULATIONS} are needed.",
            "Pass more simulations.",
        )
    p_values = {
        name: rank_p_value(each) for name, each in features.distances.items()
    }
    worst = min(p_values, key=lambda name: p_values[name])
    distances = features.distances[worst]
    ratio = float(distances[-1] / np.median(distances[:-1]))
    return Outcome(
        CHECK,
        "",
        bonferroni(p_values.values()),
        {"distance": ratio},
        "The observation is no farther away than simulations are.",
        f"The observation is unlike the simulations: in {worst}, it is "
        f"{ratio:.1f} times as far from their middle as the median simulation, "
        f"farther than {1 - p_values[worst]:.1%} of them.",
        "Compare observed with simulated data (plot); correct the data, or "
        "widen the model. The network extrapolates here.",
        subject="observation",
    )


def rank_p_value(distances: Float[np.ndarray, " n"]) -> float:
    """Return the fraction of distances that the last one does not exceed."""
    return float((distances >= distances[-1]).mean())
