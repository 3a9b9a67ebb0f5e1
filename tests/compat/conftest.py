"""Settings, small nine-argument calls, and a trainable network."""

import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

from compat.values import normal
from tfmpe.compat._extras import import_legacy

N_THETA, N_CONTEXT = 3, 4


def nine():
    """Return the nine arguments of a call; none of them is None."""
    rng = np.random.default_rng(0)

    def mask(rows, columns):
        drawn = rng.random((1, 1, rows, columns)) < 0.7
        return jnp.asarray(drawn, jnp.float32)

    return {
        "context": normal(1, N_CONTEXT, 1),
        "context_label": jnp.full((1, N_CONTEXT), 2, jnp.int8),
        "context_index": normal(1, N_CONTEXT, 2, seed=1),
        "context_mask": mask(N_CONTEXT, N_CONTEXT),
        "theta_shape": (N_THETA, 1),
        "theta_label": jnp.array([[0, 1, 1]], jnp.int8),
        "theta_index": normal(1, N_THETA, 2, seed=2),
        "theta_mask": mask(N_THETA, N_THETA),
        "cross_mask": mask(N_THETA, N_CONTEXT),
    }


class Affine(nnx.Module):
    """A network of four weights that uses only the values."""

    def __init__(self, weights=(0.0, 0.0, 0.0, 0.0)):
        self.weights = nnx.Param(jnp.asarray(weights))

    def __call__(self, *, theta, time, context, **_):
        a, b, c, d = self.weights
        mean = jnp.tanh(context).mean((1, 2), keepdims=True)
        return a * theta + b + c * time + d * mean


@pytest.fixture
def arguments():
    """Return the nine arguments."""
    return nine()


@pytest.fixture
def affine():
    """Return the class of a network."""
    return Affine


@pytest.fixture
def traced():
    """Return a function that wraps a field and lists its traces."""

    def wrap(field):
        seen = []

        def counted(**given):
            seen.append({name: x.shape for name, x in given.items()})
            return field(**given)

        return counted, seen

    return wrap


@pytest.fixture(scope="module")
def quiet():
    """Turn off the warnings of the bridge in a whole module."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TFMPE_COMPAT", "ignore")
        yield


@pytest.fixture
def arviz():
    """Return ArviZ, if a version is installed that works."""
    try:
        return import_legacy("arviz", "arviz", "this test")
    except ImportError as error:
        pytest.skip(str(error))
