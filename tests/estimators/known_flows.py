"""Tokens of every kind, and vector fields with known flows."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optax
from jax.scipy.stats import norm

from tfmpe import PAD_VALUE, Tokens
from tfmpe.estimators import FlowMatchingEstimator

KEY = jax.random.key(3)
RATE = -0.5
RULES = {"local": ["obs"], "cross_local": [("site", "obs", (0, 0))]}
# How far the flow moves contributions of the drift: the integrals over time
# 0 to 1 of exp(RATE (1 - t)), and of t times that.
_DRIFTED = (np.exp(RATE) - 1) / RATE
_SLOPED = (_DRIFTED - 1) / RATE


def normal(*shape, seed=0):
    """Return numbers that are the same in every test."""
    rng = np.random.default_rng([seed, *shape])
    return rng.normal(size=shape).astype(np.float32)


def make_tokens(*sample_shape, seed=0, padded=True):
    """Return Tokens of two sites with three observations, a scalar and a pair.

    With padding, samples have zero to two sites and two or three observations.
    """
    data = {
        "mu": normal(*sample_shape, 1, 1, seed=seed),
        "site": normal(*sample_shape, 2, 2, seed=seed + 1),
        "obs": normal(*sample_shape, 2, 3, 1, seed=seed + 2),
    }
    sizes = None
    if padded:
        number = np.arange(np.prod(sample_shape, dtype=int))
        sites = (number % 3).reshape((*sample_shape, 1))
        observed = (2 + number % 2).reshape((*sample_shape, 1))
        sizes = {"site": sites, "obs": np.concatenate([sites, observed], -1)}
    return Tokens.from_pytree(
        data, RULES, None, len(sample_shape), event_shapes=sizes
    )


def spoil_padding(tokens, value=np.nan):
    """Return the same Tokens with a different value in the padding."""
    data = np.where(tokens.value_mask, tokens.data, value)
    return tokens.with_data(data)


def given_mean(conditioning):
    """Return the mean of the real values, ``(*sample,)``; 0 if none."""
    real = conditioning.value_mask
    values = jnp.where(real, conditioning.data, 0)
    n = jnp.asarray(real.sum((-2, -1), dtype=values.dtype))
    return values.sum((-2, -1)) / jnp.maximum(n, 1)


def linear(target, conditioning, time):
    """Shrink the values; the drift grows with time and conditioning mean."""
    drift = given_mean(conditioning) + time
    return RATE * target.data + drift[..., None, None]


@jax.jit
def linear_end(theta_0, conditioning):
    """Return the end of the path of :func:`linear`, without padding."""
    moved = _DRIFTED * given_mean(conditioning) + _SLOPED
    moved = moved[..., None, None]
    draws = (None,) * max(0, np.ndim(theta_0) - moved.ndim)
    return np.exp(RATE) * theta_0 + moved[draws]


@jax.jit
def linear_log_prob(target, conditioning):
    """Return the log density of the draws of :func:`linear`."""
    mean = linear_end(0.0, conditioning)
    density = norm.logpdf(target.data, mean, np.exp(RATE))
    return jnp.where(target.value_mask, density, 0).sum((-2, -1))


def padded_with(values, target, padding=PAD_VALUE):
    """Return values with another value in the padding of the target."""
    return np.where(target.value_mask, values, padding)


class Counted:
    """A vector field that counts how often it is traced or called."""

    def __init__(self, field):
        self.field, self.count = field, 0

    def __call__(self, target, conditioning, time):
        """Count, and return the velocities."""
        self.count += 1
        return self.field(target, conditioning, time)


class Affine(eqx.Module):
    """A field with four parameters that compiles quickly.

    It is optimal for no model, but its loss decreases.
    """

    weights: jax.Array
    field: Counted = eqx.field(static=True)

    def __init__(self, *weights, counted=None):
        self.weights = jnp.asarray(weights or [0.0] * 4)
        # Equal for all instances, so that they share compilations.
        self.field = counted or _AFFINE

    def __call__(self, target, conditioning, time):
        """Return velocities."""
        return self.field((self.weights, target), conditioning, time)


def _affine(given, conditioning, time):
    (a, b, c, d), target = given
    drift = b * given_mean(conditioning) + c * time + d
    return a * target.data + drift[..., None, None]


_AFFINE = Counted(_affine)


# One object, so that all trainings with it share compilations.
ADAM = optax.adam(0.05)


def fit(estimator, data, **options):
    """Train an estimator for p(site, mu | obs), and return the history."""
    arguments = {
        "target_keys": ["site", "mu"],
        "conditioning_keys": ["obs"],
        "key": KEY,
        "optimizer": ADAM,
        "batch_size": 4,
        "n_epochs": 3,
        **options,
    }
    return estimator.fit(data, **arguments)


def affine(*weights, **options):
    """Return an estimator; by default, its weights are far from the optimum."""
    return FlowMatchingEstimator(
        Affine(*(weights or (0.0, 0.0, 0.0, 3.0))), **options
    )


def train(data, weights=(), *, standardize=True, **options):
    """Train an affine field for p(site, mu | obs), and return the history."""
    estimator = affine(*weights, standardize=standardize)
    return estimator, fit(estimator, data, **options)
