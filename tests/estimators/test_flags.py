"""Debugging flags of jax, from data to draws and checks."""

import functools

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from estimators.known_flows import KEY, normal
from tfmpe import Tokens
from tfmpe.estimators import (
    FlowMatchingEstimator,
    calibration_ranks,
    expected_coverage,
    mmd_test,
    posterior_predictive,
)

TARGET, GIVEN = ["mu"], ["obs"]
FLAGS = {
    "no NaN": lambda: jax.debug_nans(True),
    "no transfer": lambda: jax.transfer_guard("disallow"),
}


class Field(eqx.Module):
    """Velocities that are linear in the values and the conditioning mean."""

    weights: jax.Array

    def __call__(self, target, conditioning, time):
        real = jnp.asarray(conditioning.value_mask)
        total = jnp.where(real, conditioning.data, 0).sum((-2, -1))
        mean = total / real.sum((-2, -1), dtype=total.dtype)
        moved = self.weights[1] * mean + self.weights[2] * time
        return self.weights[0] * target.data + moved[..., None, None]


@functools.cache
def tokens():
    """Return simulations of a positive parameter, some with padding."""
    mu = np.exp(normal(16, 1, 1))
    data = {"mu": mu, "obs": mu + normal(16, 3, 1)}
    sizes = {"obs": np.tile([[3], [2]], (8, 1))}
    return Tokens.from_pytree(data, {}, event_shapes=sizes)


@functools.cache
def estimator(trained):
    """Return an estimator of the logarithm of the parameter."""
    made = FlowMatchingEstimator(
        Field(jnp.zeros(3)), bijectors={"mu": (jnp.log, jnp.exp)}
    )
    if trained:
        train(made)
    return made


def train(estimator, data=None, **options):
    data = tokens() if data is None else data
    options = {"n_epochs": 2, "batch_size": 8} | options
    return estimator.fit(data, TARGET, GIVEN, key=KEY, **options)


def simulator(key, parameters):
    return {"obs": jnp.repeat(parameters["mu"], 3, 1)}


def sample(**options):
    return estimator(True).sample(
        tokens(), TARGET, GIVEN, key=KEY, n_samples=5, **options
    )


def outside():
    impossible = tokens().with_values(mu=np.full((1, 1), -1.0))
    density = estimator(True).log_prob(impossible, TARGET, GIVEN)
    assert np.isneginf(density).all()


def refused():
    impossible = tokens().with_values(mu=np.full((1, 1), -1.0))
    with pytest.raises(ValueError, match="outside the support"):
        train(estimator(False), impossible)


JOURNEY = {
    "tokens": tokens.__wrapped__,
    "decode": lambda: tokens().decode(),
    "fit": lambda: train(estimator(True), validation=0.25),
    "fit batches": lambda: train(estimator(True), [tokens(), tokens()]),
    "sample": sample,
    "adaptive": lambda: sample(rtol=1e-2),
    "log_prob": lambda: estimator(True).log_prob(tokens(), TARGET, GIVEN),
    "outside": outside,
    "refused": refused,
    "mmd": lambda: mmd_test(KEY, np.zeros((5, 2)), np.ones((5, 2))),
    "coverage": lambda: expected_coverage(
        calibration_ranks(
            estimator(True), tokens(), TARGET, GIVEN, key=KEY, n_samples=9
        )
    ),
    "predictive": lambda: posterior_predictive(
        estimator(True),
        tokens(),
        TARGET,
        GIVEN,
        simulator,
        key=KEY,
        n_samples=20,
    ),
}


@pytest.mark.parametrize("step", JOURNEY)
@pytest.mark.parametrize("flag", FLAGS)
def test_a_step_of_the_journey(flag, step):
    """Users create the inputs of a step without the flag."""
    for trained in (True, False):
        estimator(trained)
    with FLAGS[flag]():
        JOURNEY[step]()


@pytest.mark.parametrize("flag", FLAGS)
def test_the_flags_find_mistakes(flag):
    zero = jnp.zeros(())
    with FLAGS[flag](), pytest.raises(Exception, match=r"nan|Disallowed"):
        jnp.log(zero - 1)
