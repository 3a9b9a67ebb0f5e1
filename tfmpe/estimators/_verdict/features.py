"""Features of data of any layout: single values and pooled summaries."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int

from tfmpe.estimators._types import AnyTokens
from tfmpe.preprocessing import KeyLayout

_FAR = 5.0
_N_COMPONENTS = 4
_ROWS_PER_FEATURE = 5


class DataFeatures(NamedTuple):
    """Features of simulated data and, in the last row, of the observation.

    Attributes
    ----------
    components
        A few uncorrelated components, of variance 1.
    distances
        Distances from the middle, by kind of feature: the Mahalanobis distance
        of single values, and the largest absolute z-score of summaries.
    """

    components: Float[np.ndarray, "n components"]
    distances: dict[str, Float[np.ndarray, " n"]]


def data_features(simulated: AnyTokens, observed: AnyTokens) -> DataFeatures:
    """Return features of simulated data and of the observation.

    The observation is treated as one more simulation, so that its rank among
    the simulations is exactly uniform if it comes from the same model.
    """
    values, summaries = (
        _standard_scores(
            np.concatenate([function(simulated), function(observed)])
        )
        for function in (_single_values, _pooled)
    )
    n_directions = len(values) // _ROWS_PER_FEATURE
    directions = _principal(values, n_directions)
    scale = summaries.std(0)
    distances = {
        "values": np.sqrt((directions**2).sum(1)),
        "summaries": np.abs(summaries / scale).max(1, initial=0),
    }
    together = np.concatenate([values, summaries], 1)
    return DataFeatures(_principal(together, _N_COMPONENTS), distances)


def _single_values(tokens: AnyTokens) -> Float[np.ndarray, "n features"]:
    """Return every value of every simulation; NaN for padding."""
    data = np.where(tokens.value_mask, np.asarray(tokens.data, float), np.nan)
    return data.reshape((len(data), -1))


def _pooled(tokens: AnyTokens) -> Float[np.ndarray, "n features"]:
    """Return summaries of all tokens of each key.

    These are the mean, log standard deviation, smallest and largest value, the
    log standard deviation between groups, the correlation of neighbors, and the
    number of tokens; NaN if there are no tokens.
    """
    data = np.asarray(tokens.data, float)
    real = np.asarray(tokens.value_mask)
    columns = [
        _of_column(key, *(x[:, key.block, i] for x in (data, real)))
        for key in tokens.layout.keys
        if key.n_tokens
        for i in range(key.width)
    ]
    if not columns:
        return np.zeros((len(data), 0))
    return np.concatenate(columns, 1)


def _of_column(
    key: KeyLayout,
    values: Float[np.ndarray, "n tokens"],
    real: Bool[np.ndarray, "n tokens"],
) -> Float[np.ndarray, "n 7"]:
    count = real.sum(1)
    some = np.maximum(count, 1)
    values = np.where(real, values, 0)
    mean = values.sum(1) / some
    away = np.where(real, values - mean[:, None], 0)
    spread = np.sqrt((away**2).sum(1) / some)
    some_variance = np.where(spread > 0, spread, 1) ** 2
    low = np.where(real, values, np.inf).min(1)
    high = np.where(real, values, -np.inf).max(1)
    beside = real[:, 1:] & real[:, :-1]
    products = (away[:, 1:] * away[:, :-1] * beside).sum(1)
    found = np.stack(
        [
            mean,
            _log(spread),
            low,
            high,
            _log(_between_groups(key, away, real)),
            products / np.maximum(beside.sum(1), 1) / some_variance,
            count,
        ],
        1,
    )
    return np.where(count[:, None] > 0, found, np.nan)


def _log(values: Float[np.ndarray, " n"]) -> Float[np.ndarray, " n"]:
    return np.log(np.maximum(values, np.finfo(float).tiny))


def _between_groups(
    key: KeyLayout,
    away: Float[np.ndarray, "n tokens"],
    real: Bool[np.ndarray, "n tokens"],
) -> Float[np.ndarray, " n"]:
    """Return the root mean square of the group means of deviations."""
    member = np.eye(1 + int(max(ids := _group_ids(key))))[ids]
    counts = real @ member
    means = (away @ member) / np.maximum(counts, 1)
    return np.sqrt((means**2).sum(1) / np.maximum((counts > 0).sum(1), 1))


def _group_ids(key: KeyLayout) -> Int[np.ndarray, " tokens"]:
    """Return the ragged group of every token, or its first event index."""
    if key.groups:
        return np.asarray(key.groups[0].ids)
    first = key.event_shape[0] if key.event_shape else 1
    return np.repeat(np.arange(first), key.n_tokens // first)


def _standard_scores(
    features: Float[np.ndarray, "n features"],
) -> Float[np.ndarray, "n scores"]:
    """Return robust z-scores; large ones grow only logarithmically.

    Center and scale are median and median deviation, so that heavy tails do
    not hide an outlier. Features that are constant are left out.
    """
    known = np.isfinite(features)
    features = features[:, known.any(0)]
    center = np.nanmedian(features, 0)
    away = np.where(np.isfinite(features), features - center, 0)
    scale = 1.4826 * np.median(np.abs(away), 0)
    deviation = away.std(0)
    scale = np.where(scale > 1e-6 * deviation, scale, deviation)
    varies = scale > 1e-9 * np.maximum(1, np.abs(center))
    scores = away[:, varies] / scale[varies]
    tail = np.maximum(np.abs(scores) - _FAR, 0)
    inside = np.clip(scores, -_FAR, _FAR)
    return inside + np.sign(scores) * np.log1p(tail)


def _principal(
    scores: Float[np.ndarray, "n scores"], n_components: int
) -> Float[np.ndarray, "n components"]:
    """Return uncorrelated components with variance 1, the largest first."""
    away = scores - scores.mean(0)
    left, sizes, _ = np.linalg.svd(away, full_matrices=False)
    real = sizes > 1e-6 * sizes.max(initial=0)
    n_components = min(n_components, int(real.sum()))
    return left[:, :n_components] * np.sqrt(len(scores))
