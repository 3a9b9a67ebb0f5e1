"""Findings from ranks: calibration, coverage, random points."""

import math
from dataclasses import replace

import jax
import numpy as np
from jaxtyping import Int

from tfmpe.estimators._checks.calibration_result import (
    CalibrationRanks,
    moments,
)
from tfmpe.estimators._checks.uniformity import (
    JOINT,
    RankColumns,
    assess,
    bonferroni,
)
from tfmpe.estimators._verdict.finding import Outcome
from tfmpe.estimators._verdict.material import Material, scaled_targets

LEVELS = (0.5, 0.8, 0.95)

_REMEDIES = {
    "too narrow": "Train on more simulations, or with validation= and "
    "patience= against overfitting; until then, intervals are too short.",
    "too wide": "Train longer, with a larger network, or on more simulations.",
    "too low": "Train longer or on more simulations; check that training and "
    "these simulations come from the same model.",
    "together": "Train longer or with a larger network; check that no rule of "
    "independence separates values that depend on each other.",
    "shape": "Train longer or with a larger network; give bounded parameters "
    "bijectors=.",
}
_LOCAL_REMEDY = (
    "Train on more simulations, many of them similar to the observation."
)
_REMEDIES["too high"] = _REMEDIES["too low"]


def remedy_of(words: str) -> str:
    """Return what to do about an error, from its description."""
    for part, remedy in _REMEDIES.items():
        if part in words:
            return remedy
    return _REMEDIES["together"]


def first_ranks(ranks: CalibrationRanks, n: int) -> CalibrationRanks:
    """Return the ranks of the first simulations."""
    trees = ("ranks", "real", "means", "distances")
    return replace(
        ranks,
        **{
            name: jax.tree.map(lambda x: x[:n], getattr(ranks, name))
            for name in trees
        },
    )


def calibration_findings(
    ranks: CalibrationRanks, check: str = "calibration"
) -> list[Outcome]:
    """Test for each key, and for all together, whether ranks are uniform.

    Source: Talts et al., 2018; see :meth:`CalibrationRanks.uniformity`.
    """
    return [
        _calibration(columns, ranks.n_samples, check)
        for columns in [*ranks.columns(), ranks.joint_columns()]
    ]


def _calibration(columns: RankColumns, n_samples: int, check: str) -> Outcome:
    test = assess(columns, n_samples)
    mean, spread = moments(columns, n_samples)
    words = test.finding or "draws of wrong shape"
    what = "all keys together" if columns.name == JOINT else columns.name
    numbers = {"mean": mean, "spread": spread}
    return Outcome(
        check,
        columns.name,
        test.p_value,
        {name: x for name, x in numbers.items() if not math.isnan(x)},
        f"Ranks of {what} are uniform.",
        f"For {what}: {words}.",
        remedy_of(words),
    )


def local_finding(ranks: CalibrationRanks, check: str) -> Outcome:
    """Return one finding for all ranks at, or near, the observation."""
    found = calibration_findings(ranks, check)
    worst = min(
        found, key=lambda one: 2 if math.isnan(one.p_value) else one.p_value
    )
    return worst._replace(
        key="",
        p_value=bonferroni(one.p_value for one in found),
        good="At or near the observation, ranks are uniform.",
        fault=f"At or near the observation: {worst.fault}",
        remedy=_LOCAL_REMEDY,
    )


def coverage_findings(ranks: CalibrationRanks) -> list[Outcome]:
    """Test coverage of 50, 80 and 95% regions, for each key and for all keys.

    A region is a ball with the draws closest to their mean, at distances in
    standard deviations; see :func:`expected_coverage`. Source: Hermans et al.,
    2022.
    """
    columns = ranks.columns()
    # With a single key, the joint region is that of this key.
    joint = [ranks.joint_columns()] if len(columns) > 1 else []
    return [_coverage(each, ranks.n_samples) for each in columns + joint]


def _coverage(columns: RankColumns, n_samples: int) -> Outcome:
    from scipy.stats import binomtest

    distances = columns.together[columns.some, 1]
    n, p_values, numbers, off = len(distances), [], {}, []
    for level in LEVELS:
        n_inside = round(level * (n_samples + 1))
        nominal = n_inside / (n_samples + 1)
        covered = int((distances < n_inside).sum())
        if n and 0 < nominal < 1:
            p_values.append(float(binomtest(covered, n, nominal).pvalue))
            numbers[f"{level:.0%}"] = covered / n
            error = math.sqrt(nominal * (1 - nominal) / n)
            off.append((covered / n - nominal) / error)
    what = "all keys together" if columns.name == JOINT else columns.name
    found = ", ".join(f"{x:.2f} of the {level}" for level, x in numbers.items())
    # A deviation below one standard error contradicts nothing.
    words = {(True, False): "too narrow", (False, True): "too wide"}.get(
        (min(off, default=0) < -1, max(off, default=0) > 1), "of wrong shape"
    )
    return Outcome(
        "coverage",
        columns.name,
        bonferroni(p_values),
        numbers,
        f"Regions of {what} contain the truth as often as they should: {found} "
        "regions.",
        f"Regions of {what} are {words}: {found} regions contain the truth.",
        remedy_of(words),
    )


def random_point_finding(material: Material) -> Outcome:
    """Test the coverage of balls around random points.

    The center is the true value of another simulation, so that it does not
    depend on the draws; its distance from the true value is ranked among its
    distances from the draws. Source: Lemos et al., 2023 (TARP).
    """
    ranks = random_point_ranks(material)
    n_samples = material.draws.shape[1]
    columns = single_column(ranks)
    test = assess(columns, n_samples)
    mean, spread = moments(columns, n_samples)
    return Outcome(
        "random points",
        "",
        test.p_value,
        {"mean": mean, "spread": spread},
        "Balls around random points contain the truth as often as they should.",
        "Balls around random points contain the truth too often or too rarely.",
        _REMEDIES["together"],
    )


def random_point_ranks(material: Material) -> Int[np.ndarray, " n"]:
    """Return the rank of each true value by its distance from a random point.

    The ranks are exact for any number of simulations, because each point is
    used only once.
    """
    rng = material.rng
    true, draws = scaled_targets(material)
    order = rng.permutation(len(true))
    points = np.empty_like(true)
    points[order] = true[np.roll(order, 1)]
    away = ((true - points) ** 2).sum(-1)
    of_draws = ((draws - points[:, None]) ** 2).sum(-1)
    below = (of_draws < away[:, None]).sum(1)
    ties = (of_draws == away[:, None]).sum(1)
    return below + rng.integers(0, ties + 1)


def single_column(ranks: Int[np.ndarray, " n"], name: str = "") -> RankColumns:
    """Return the ranks of one quantity that does not belong to a key."""
    n = len(ranks)
    return RankColumns(
        name,
        (),
        ranks[:, None],
        np.ones((n, 1), bool),
        (1,),
        np.zeros((n, 2), np.int32),
        np.ones(n, bool),
    )
