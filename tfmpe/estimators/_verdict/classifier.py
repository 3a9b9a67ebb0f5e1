"""Classifier tests of true values against draws, global and local."""

from typing import NamedTuple

import jax.numpy as jnp
import numpy as np
from jaxtyping import Bool, Float, Int

from tfmpe.estimators._checks.two_sample import (
    classifier_test,
    permutation_p_value,
)
from tfmpe.estimators._verdict.finding import Outcome
from tfmpe.estimators._verdict.material import Material
from tfmpe.preprocessing import TokenLayout

_N_NULL = 1999
_N_POINTS = 200
_N_TARGETS = 8
_RIDGE = 1e-3


class ClassifierNull(NamedTuple):
    """Result of a classifier test: statistic, null distribution, p-value."""

    statistic: float
    null: Float[np.ndarray, " null"]
    p_value: float


class ClassifierTests(NamedTuple):
    """The test over all simulations, and at the observation."""

    everywhere: ClassifierNull
    here: ClassifierNull


def classifier_tests(material: Material) -> ClassifierTests:
    """Test whether a classifier tells true values from draws.

    The classifier is linear discriminant analysis in features of target values
    and data: standardized values, their products with each other, and with
    components of the data. It is trained on the true value and the draws of
    every simulation. With a correct posterior, the true value is exchangeable
    with the draws given the data, so for the null distribution a random one of
    all these values takes its place. Both tests have exactly the nominal level,
    for any number of simulations.

    At the observation, the statistic is the mean squared difference of the
    probabilities from 1/2, at draws for the observation.

    Sources: Linhart et al., 2023 (l-C2ST); Lopez-Paz and Oquab, 2017.
    """
    rng = material.rng
    real = np.asarray(material.true.value_mask)
    true = np.asarray(material.true.data, float)
    together = np.concatenate([true[:, None], material.draws], 1)
    layout = material.true.layout
    components = material.features.components
    mixing = _mixing(layout, true.shape[-1], rng)
    features = _features(
        _targets(together, real[:, None], mixing), components[: len(true)]
    )
    n, n_each, n_features = features.shape
    flat = features.reshape((-1, n_features))
    center, scale = flat.mean(0), flat.std(0)
    scale = np.where(scale > 1e-9, scale, 1)
    features = (features - center) / scale
    flat = features.reshape((-1, n_features))
    covariance = flat.T @ flat / len(flat) + _RIDGE * np.eye(n_features)
    means = features.mean(1)
    chosen = np.zeros((_N_NULL + 1, n), int)
    chosen[1:] = rng.integers(0, n_each, (_N_NULL, n))
    differences = _differences(features, means, chosen) * n_each / (n_each - 1)
    slopes = np.linalg.solve(covariance, differences.T)
    distances = (differences.T * slopes).sum(0)
    own = material.own_draws[None, :_N_POINTS]
    at_points = _features(
        _targets(own, material.real, mixing), components[-1:]
    )[0]
    # The true value is one of n_each, but both classes have the same weight.
    middle = differences * (0.5 - 1 / n_each)
    scores = (at_points - center) / scale @ slopes
    scores = scores - (middle.T * slopes).sum(0)
    probabilities = 1 / (1 + np.exp(-np.clip(scores, -30, 30)))
    here = classifier_test(probabilities[:, 0], probabilities[:, 1:])
    p_value = permutation_p_value(
        jnp.float32(distances[0]), jnp.asarray(distances[1:], jnp.float32)
    )
    return ClassifierTests(
        ClassifierNull(float(distances[0]), distances[1:], float(p_value)),
        ClassifierNull(
            float(here.statistic),
            np.asarray(here.null_statistics),
            float(here.p_value),
        ),
    )


def classifier_findings(tests: ClassifierTests) -> list[Outcome]:
    """Return the findings of both tests."""
    return [
        Outcome(
            "classifier",
            "",
            tests.everywhere.p_value,
            {"distance": tests.everywhere.statistic},
            "A classifier does not tell draws from true values.",
            "A classifier tells draws from true values: the posterior does not "
            "use all information in the data, or misses a dependence.",
            "Train longer, on more simulations, or with a larger network.",
        ),
        Outcome(
            "local classifier",
            "",
            tests.here.p_value,
            {"statistic": tests.here.statistic},
            "At the observation, a classifier does not tell draws from true "
            "values.",
            "At the observation, a classifier tells draws from true values.",
            "Train on more simulations, many of them similar to the "
            "observation.",
        ),
    ]


def _differences(
    features: Float[np.ndarray, "n each features"],
    means: Float[np.ndarray, "n features"],
    chosen: Int[np.ndarray, "null n"],
) -> Float[np.ndarray, "null features"]:
    """Return the mean difference of the chosen rows from all rows."""
    total = np.zeros((len(chosen), features.shape[-1]))
    for i, own in enumerate(features):
        total += own[chosen[:, i]]
    return total / len(features) - means.mean(0)


def _targets(
    values: Float[np.ndarray, "n each tokens width"],
    real: Bool[np.ndarray, "*some tokens width"],
    mixing: Float[np.ndarray, "values mixed"],
) -> Float[np.ndarray, "n each mixed"]:
    """Return target values, standardized within the rows of a simulation."""
    mean, scale = values.mean(1, keepdims=True), values.std(1, keepdims=True)
    scores = (values - mean) / np.where(scale > 0, scale, 1)
    scores = np.where(real, scores, 0).reshape((*values.shape[:2], -1))
    return scores @ mixing


def _mixing(
    layout: TokenLayout, width: int, rng: np.random.Generator
) -> Float[np.ndarray, "values mixed"]:
    """Return a matrix that reduces many values to few.

    Its columns add up the values of one key, or all values with random signs.
    """
    blocks = [
        np.arange(key.n_tokens)[:, None] * width
        + np.arange(key.width)
        + key.offset * width
        for key in layout.keys
    ]
    places = np.concatenate([block.ravel() for block in blocks])
    mixing = np.zeros((layout.n_tokens * width, _N_TARGETS))
    if len(places) <= _N_TARGETS:
        mixing[places, np.arange(len(places))] = 1
        return mixing[:, : len(places)]
    mixing[places] = rng.choice([-1.0, 1.0], (len(places), _N_TARGETS))
    for number, block in enumerate(blocks[: _N_TARGETS // 2]):
        mixing[:, number] = 0
        mixing[block.ravel(), number] = 1
    return mixing / np.sqrt((mixing != 0).sum(0))


def _features(
    targets: Float[np.ndarray, "n each targets"],
    data: Float[np.ndarray, "n data"],
) -> Float[np.ndarray, "n each features"]:
    """Return targets, their products with each other, and with the data."""
    n, n_each, n_targets = targets.shape
    rows, columns = np.triu_indices(n_targets)
    products = targets[..., rows] * targets[..., columns]
    with_data = targets[..., :, None] * data[:, None, None, :]
    with_data = with_data.reshape((n, n_each, -1))
    return np.concatenate([targets, products, with_data], -1)
