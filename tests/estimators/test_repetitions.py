"""Bounded caches over fifty repetitions with new values."""

import gc
import weakref

import jax
import numpy as np
import optax
import pytest

from estimators.known_flows import ADAM, KEY, affine, normal
from tfmpe import Tokens
from tfmpe._base.programs import N_PROGRAMS
from tfmpe.estimators._training.steps import batch_gradient, update

N = 50


def make_tokens(n_obs, rows=2):
    data = {"mu": normal(rows, 1, 1), "obs": normal(rows, n_obs, 1)}
    return Tokens.from_pytree(data, {})


def fit(estimator, tokens, **options):
    options = {"key": KEY, "n_epochs": 1, **options}
    return estimator.fit(tokens, ["mu"], ["obs"], **options)


def fit_with_a_new_optimizer(number):
    del number
    optimizer = optax.sgd(0.1)
    fit(affine(), make_tokens(2), optimizer=optimizer, validation=0.5)
    return optimizer.update


def fit_to_a_new_layout(number):
    tokens = make_tokens(number + 1)
    fit(affine(), tokens, optimizer=ADAM)
    return tokens.layout


@pytest.mark.nightly("trainings")
@pytest.mark.parametrize(
    ("use", "most"),
    [(fit_with_a_new_optimizer, 8), (fit_to_a_new_layout, N_PROGRAMS)],
)
def test_what_is_kept_is_bounded(use, most):
    client = jax.local_devices()[0].client
    kept, programs = [], []
    for number in range(N):
        kept.append(weakref.ref(use(number)))
        if number > N_PROGRAMS:
            gc.collect()
            programs.append(len(client.live_executables()))
    assert len(set(programs)) == 1, programs
    assert sum(ref() is not None for ref in kept) <= most


def test_the_default_optimizer_is_compiled_for_once():
    tokens = make_tokens(3)

    def train():
        estimator = affine()
        fit(estimator, tokens)
        return np.asarray(estimator.vector_field.weights)

    first = train()
    client = jax.local_devices()[0].client
    n = len(client.live_executables())
    np.testing.assert_array_equal(train(), first)
    assert len(client.live_executables()) == n


@pytest.mark.parametrize(
    ("options", "gradients", "updates"),
    [
        ({"n_epochs": 3}, 0, 0),
        ({"learning_rate": 0.3}, 0, 0),
        ({"optimizer": optax.sgd(0.1)}, 0, 1),
        ({"rows": 5}, 0, 0),
        ({"batch_size": 1}, 1, 0),
        ({"n_obs": 4}, 1, 0),
    ],
)
def test_what_compiles_a_step_anew(options, gradients, updates):
    """New values compile nothing; a new optimizer compiles only its update."""

    def train(*, rows=4, n_obs=3, **options):
        fit(affine(), make_tokens(n_obs, rows), **{"batch_size": 2, **options})
        programs = batch_gradient, update
        return np.array([program.cache_info().misses for program in programs])

    before = train()
    assert (train(**options) - before).tolist() == [gradients, updates]
