"""A verdict as an xarray DataTree, as ArviZ reads it (extra ``xarray``)."""

from typing import Any

import numpy as np

from tfmpe._base.extras import import_extra
from tfmpe._base.trees import flatten_tree, unflatten_tree
from tfmpe.estimators._checks.calibration_result import CalibrationRanks
from tfmpe.estimators._checks.predictive_result import PosteriorPredictive
from tfmpe.estimators._types import ArrayTree
from tfmpe.estimators._verdict.psis import SmoothedWeights
from tfmpe.preprocessing import Tokens, to_xarray

_DRAWS = ("chain", "draw")


def as_datatree(
    observed: Tokens,
    draws: Tokens,
    ranks: CalibrationRanks,
    predictive: PosteriorPredictive | None,
    weights: SmoothedWeights | None,
    sentence: str,
) -> Any:
    """Return the groups of :meth:`Verdict.to_arviz`."""
    xarray = import_extra("xarray", "xarray", "Verdict.to_arviz needs xarray")
    targets = draws.layout.names
    given = observed.select_tokens(
        [name for name in observed.layout.names if name not in targets]
    )
    groups = {
        "posterior": to_xarray(
            _one_chain(draws.decode()), draws, sample_dims=_DRAWS
        ),
        "observed_data": to_xarray(given.decode(), given, sample_dims=()),
        "calibration": to_xarray(
            ranks.ranks, draws.layout, sample_dims=("simulation",)
        ),
    }
    if predictive is not None:
        known = predictive.observed
        same = [
            leaf
            for leaf in flatten_tree(predictive.simulated, "simulated")
            if leaf.name in known.layout
        ]
        simulated = unflatten_tree(same, [leaf.value for leaf in same])
        groups["posterior_predictive"] = to_xarray(
            _one_chain(simulated), known, sample_dims=_DRAWS
        )
    if weights is not None:
        groups["sample_stats"] = xarray.Dataset(
            {"log_weight": (_DRAWS, weights.log_weights[None])},
            attrs={
                "khat": weights.khat,
                "log_evidence": weights.log_evidence,
                "log_evidence_error": weights.log_evidence_error,
            },
        )
    tree = xarray.DataTree.from_dict(groups)
    tree.attrs["verdict"] = sentence
    return tree


def _one_chain(tree: ArrayTree) -> ArrayTree:
    leaves = flatten_tree(tree, "draws")
    return unflatten_tree(
        leaves, [np.asarray(leaf.value)[None] for leaf in leaves]
    )
