"""The verdict: findings, their underlying results, a table and plots."""

import math
import textwrap
from collections import Counter
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Int

from tfmpe.estimators._checks.calibration_result import (
    CalibrationRanks,
    p_in_words,
)
from tfmpe.estimators._checks.predictive_result import PosteriorPredictive
from tfmpe.estimators._verdict.classifier import ClassifierTests
from tfmpe.estimators._verdict.datatree import as_datatree
from tfmpe.estimators._verdict.features import DataFeatures
from tfmpe.estimators._verdict.finding import (
    OK,
    PROBLEM,
    UNCHECKED,
    WARNING,
    Finding,
)
from tfmpe.estimators._verdict.page import plot_page
from tfmpe.estimators._verdict.psis import SmoothedWeights
from tfmpe.preprocessing import Tokens
from tfmpe.preprocessing.show.text import aligned, printable, shorten

_WIDTH, _NUMBERS_WIDTH = 80, 29


@dataclass(frozen=True, eq=False, repr=False)
class Verdict:
    """Findings of all checks of an estimator at one observation.

    Attributes
    ----------
    findings
        One for each check and key.
    observed : Tokens, without sample axes
        The observation.
    draws : Tokens, sample axes (n_draws,)
        Posterior draws for the observation.
    ranks
        Ranks of true values among draws for simulations.
    random_ranks
        The number of draws that are closer to a random point than the true
        value is.
    features
        Features of the data of all simulations, and of the observation.
    classifiers
        Statistics of the classifier tests.
    local_ranks
        Ranks at the observation (posterior SBC), or for simulations similar to
        it; None if there are too few simulations.
    predictive
        Data simulated from some of the draws; None without a model.
    weights
        Importance weights of the draws; None without densities.
    """

    findings: tuple[Finding, ...]
    observed: Tokens
    draws: Tokens
    ranks: CalibrationRanks
    random_ranks: Int[np.ndarray, " n"]
    features: DataFeatures
    classifiers: ClassifierTests
    local_ranks: CalibrationRanks | None
    predictive: PosteriorPredictive | None
    weights: SmoothedWeights | None

    @property
    def verdict(self) -> str:
        """One of ``"trust"``, ``"doubt"`` and ``"reject"``."""
        severities = {each.severity for each in self.findings}
        if PROBLEM in severities:
            return "reject"
        return "doubt" if WARNING in severities else "trust"

    @property
    def ok(self) -> bool:
        """Whether no check found a fault."""
        return self.verdict == "trust"

    @property
    def sentence(self) -> str:
        """The verdict in one sentence."""
        counts = Counter(each.severity for each in self.findings)
        bad = [
            each
            for each in self.findings
            if each.severity in (WARNING, PROBLEM)
        ]
        n_made = len(self.findings) - counts[UNCHECKED]
        names = list(dict.fromkeys(each.check for each in bad))
        found = f"{len(bad)} of {n_made} checks found a fault"
        if names:
            found += f" ({', '.join(names)})"
        else:
            found = f"{n_made} checks found no fault"
        left = counts[UNCHECKED]
        return f"{self.verdict}: {found}" + f", {left} not made" * bool(left)

    def summary(self) -> str:
        """Return a table of all findings, then faults and remedies, as text.

        Lines have at most 80 characters. p-values are corrected for the number
        of checks.
        """
        rows = [
            (
                each.check,
                shorten(printable(each.key), 16),
                each.severity,
                p_in_words(each.adjusted),
                _numbers(each),
            )
            for each in self.findings
        ]
        table = aligned([("check", "key", "result", "p", "measured"), *rows])
        lines = [*_wrapped(self.sentence), "", *("  " + row for row in table)]
        rest = [each for each in self.findings if each.severity != OK]
        if rest:
            lines.append("")
        for each in rest:
            what = " ".join(x for x in (each.check, each.key) if x)
            lines += _wrapped(f"* {what}: {each.text}")
        remedies = dict.fromkeys(each.remedy for each in rest if each.remedy)
        if remedies:
            lines += ["", "What to do:"]
        for remedy in remedies:
            lines += _wrapped(f"* {remedy}")
        return "\n".join(lines)

    def facts(self) -> dict[str, Any]:
        """Return the verdict as values that JSON can hold; NaN is None."""
        return {
            "verdict": self.verdict,
            "sentence": self.sentence,
            "findings": [_plain(each._asdict()) for each in self.findings],
        }

    def plot(self) -> np.ndarray:
        """Plot a page of pictures.

        Returns
        -------
        ndarray of matplotlib Axes
            Ranks, coverage, random points, local ranks, distance of the
            observation, classifier and, with densities, importance weights; a
            gray band or histogram shows what a correct posterior leads to. The
            figure is not shown (extra ``plot``).
        """
        return plot_page(
            self.ranks,
            self.random_ranks,
            self.local_ranks,
            self.features,
            self.classifiers,
            self.weights,
            self.sentence,
        )

    def to_arviz(self) -> Any:
        """Return an ``xarray.DataTree`` for ArviZ (extra ``xarray``).

        Returns
        -------
        xarray.DataTree
            Groups ``posterior``, ``observed_data`` and ``calibration``; with a
            model ``posterior_predictive``; with densities ``sample_stats``,
            whose ``log_weight`` are smoothed importance weights.
        """
        return as_datatree(
            self.observed,
            self.draws,
            self.ranks,
            self.predictive,
            self.weights,
            self.sentence,
        )

    def __repr__(self) -> str:
        return f"Verdict({self.sentence})"


def _numbers(finding: Finding) -> str:
    """Return the first measured numbers, for a table."""
    text = ""
    for name, number in finding.numbers.items():
        more = f"{text}, " * bool(text) + f"{name} {number:.2f}"
        if len(more) > _NUMBERS_WIDTH:
            break
        text = more
    return text


def _wrapped(text: str) -> list[str]:
    return textwrap.wrap(text, _WIDTH, subsequent_indent="  ")


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _plain(each) for name, each in value.items()}
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else None
    return value
