"""Small nine-argument calls, and a trainable network."""

import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

N_THETA, N_CONTEXT = 3, 4


def values(*shape, seed=0):
    """Return fixed normal values."""
    drawn = np.random.default_rng([seed, *shape]).normal(size=shape)
    return jnp.asarray(drawn, jnp.float32)


def nine():
    """Return the nine arguments of a call; none of them is None."""
    rng = np.random.default_rng(0)

    def mask(rows, columns):
        drawn = rng.random((1, 1, rows, columns)) < 0.7
        return jnp.asarray(drawn, jnp.float32)

    return {
        "context": values(1, N_CONTEXT, 1),
        "context_label": jnp.full((1, N_CONTEXT), 2, jnp.int8),
        "context_index": values(1, N_CONTEXT, 2, seed=1),
        "context_mask": mask(N_CONTEXT, N_CONTEXT),
        "theta_shape": (N_THETA, 1),
        "theta_label": jnp.array([[0, 1, 1]], jnp.int8),
        "theta_index": values(1, N_THETA, 2, seed=2),
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
def draw_values():
    """Return a function of a shape and a seed."""
    return values


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


@pytest.fixture(autouse=True)
def _quiet_flow(request, monkeypatch):
    """Turn off the warnings, which have a test of their own."""
    if request.module.__name__.rpartition(".")[2] in _QUIET:
        monkeypatch.setenv("TFMPE_COMPAT", "ignore")


_QUIET = (
    "test_structured_cnf",
    "test_sfmpe",
    "test_bottom_up",
    "test_nine_arguments",
)
