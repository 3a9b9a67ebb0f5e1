"""Findings of checks, and their severity with few false alarms."""

import math
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Float

OK, WARNING, PROBLEM, UNCHECKED = "ok", "warning", "problem", "not checked"

_LEVEL = 0.05
_SHARE = {"estimator": 0.75, "observation": 0.25}
_PROBLEM = 0.01


class Finding(NamedTuple):
    """Result of one check.

    Attributes
    ----------
    check
        Name of the check.
    key
        The key that it concerns; empty if it concerns all.
    severity
        ``"ok"``, ``"warning"``, ``"problem"`` or ``"not checked"``.
    p_value, adjusted
        p-value of the check, before and after correction for the number of
        checks; NaN if it has none.
    numbers
        Measured quantities, by name; dimensionless.
    text
        The result in words.
    remedy
        What to do; empty if nothing is wrong.
    """

    check: str
    key: str
    severity: str
    p_value: float
    adjusted: float
    numbers: Mapping[str, float]
    text: str
    remedy: str


class Outcome(NamedTuple):
    """Result of a test before the correction for the number of tests.

    ``good`` and ``fault`` describe the result without and with an error.
    ``subject`` is what the test is about: the estimator or the observation.
    """

    check: str
    key: str
    p_value: float
    numbers: Mapping[str, float]
    good: str
    fault: str
    remedy: str
    subject: str = "estimator"


def unchecked(check: str, reason: str, remedy: str = "") -> Finding:
    """Return the finding of a check that could not be made."""
    nan = math.nan
    return Finding(check, "", UNCHECKED, nan, nan, {}, reason, remedy)


def grade(results: Sequence[Outcome | Finding]) -> tuple[Finding, ...]:
    """Return findings; with a correct posterior, all are ok in 95 of 100 cases.

    Three quarters of the error probability are for tests of the estimator, one
    quarter for tests of the observation; each part is corrected by Holm's
    method (1979).
    """
    adjusted = np.full(len(results), np.nan)
    for subject, share in _SHARE.items():
        places = [
            i
            for i, each in enumerate(results)
            if isinstance(each, Outcome)
            and each.subject == subject
            and not math.isnan(each.p_value)
        ]
        p_values = np.array([results[i].p_value for i in places])
        adjusted[places] = np.minimum(1, holm(p_values) / share)
    return tuple(
        each if isinstance(each, Finding) else _graded(each, float(p_value))
        for each, p_value in zip(results, adjusted, strict=True)
    )


def holm(p_values: Float[np.ndarray, " tests"]) -> Float[np.ndarray, " tests"]:
    """Return p-values corrected for their number (Holm, 1979)."""
    order = np.argsort(p_values)
    factors = np.arange(len(p_values), 0, -1)
    stepped = np.maximum.accumulate(p_values[order] * factors)
    corrected = np.empty_like(p_values)
    corrected[order] = np.minimum(1, stepped)
    return corrected


def _graded(result: Outcome, adjusted: float) -> Finding:
    check, key, p_value, numbers, good, fault, remedy, _ = result
    if math.isnan(p_value):
        return unchecked(check, "There are too few simulations for a p-value.")
    if adjusted >= _LEVEL:
        severity, text, remedy = OK, good, ""
    else:
        severity = PROBLEM if adjusted < _PROBLEM else WARNING
        text = fault
    return Finding(
        check, key, severity, p_value, adjusted, numbers, text, remedy
    )
