"""Flow matching loss: formula, padding, filler rows."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from estimators.known_flows import (
    KEY,
    RATE,
    given_mean,
    linear,
    make_tokens,
    normal,
    spoil_padding,
)
from tfmpe.estimators import flow_matching_loss
from tfmpe.estimators._training.loss import (
    SIGMA_MIN,
    path_position,
    path_velocity,
)
from tfmpe.preprocessing.tokens.views import detach

TARGET, GIVEN = ["site", "mu"], ["obs"]
N = 6
# Tolerance for sums of about a hundred float32 numbers.
ROUNDING = 1e-4

loss = jax.jit(flow_matching_loss, static_argnums=0, static_argnames="n_noise")


def loss_of(tokens, weights=None, field=linear, **options):
    """Return the total and the number of values; by default, weights are 1."""
    weights = jnp.ones(len(tokens.data)) if weights is None else weights
    target, given = detach(tokens, TARGET), detach(tokens, GIVEN)
    return loss(field, target, given, weights, KEY, **options)


def by_formula(tokens, n_noise=1):
    """Return squared errors and numbers of values of every row, with NumPy."""
    target = tokens.select_tokens(TARGET)
    real = np.asarray(target.value_mask)
    values = np.where(real, target.data, 0)
    mean = np.asarray(given_mean(tokens.select_tokens(GIVEN)))
    offset_key, noise_key = jax.random.split(KEY)
    offsets = np.asarray(jax.random.uniform(offset_key, (n_noise, 1)))
    noises = np.asarray(jax.random.normal(noise_key, (n_noise, *values.shape)))
    squares = np.zeros(N)
    for row in range(N):
        for offset, noise in zip(offsets[:, 0], noises[:, row], strict=True):
            time = (offset + row / N) % 1
            shrunk = 1 - (1 - SIGMA_MIN) * time
            position = shrunk * noise + time * values[row]
            wanted = values[row] - (1 - SIGMA_MIN) * noise
            found = RATE * position + mean[row] + time
            squares[row] += (((found - wanted) ** 2)[real[row]]).sum()
    return squares / n_noise, real.sum((1, 2))


@pytest.fixture(scope="module")
def tokens():
    return make_tokens(N)


@pytest.mark.parametrize("n_noise", [1, 3])
def test_the_loss_is_its_formula(tokens, n_noise):
    squares, counts = by_formula(tokens, n_noise)
    total, n = loss_of(tokens, n_noise=n_noise)
    np.testing.assert_allclose(total, squares.sum(), rtol=ROUNDING)
    assert float(n) == counts.sum()


def test_rows_of_weight_zero_do_not_count(tokens):
    """A batch that was filled up therefore has the mean of its real rows."""
    weights = np.array([1.0, 1, 0, 1, 0, 0], np.float32)
    squares, counts = by_formula(tokens)
    total, n = loss_of(tokens, weights)
    np.testing.assert_allclose(total, squares @ weights, rtol=ROUNDING)
    assert n == counts @ weights


def test_ends_of_the_path():
    noise, values = normal(4, 2, 1), normal(4, 2, 1, seed=1)
    start = path_position(noise, values, 0.0, SIGMA_MIN)
    np.testing.assert_array_equal(start, noise)
    end = path_position(noise, values, 1.0, SIGMA_MIN)
    np.testing.assert_allclose(end, values + SIGMA_MIN * noise, rtol=1e-6)
    moved = path_velocity(noise, values, SIGMA_MIN)
    np.testing.assert_allclose(start + moved, end, atol=1e-6)


def test_what_padding_holds_does_not_matter(tokens):
    weights = jnp.ones(N)

    @jax.jit
    def value_and_gradient(weight, tokens):
        def scaled(weight):
            def field(target, conditioning, time):
                velocities = weight * linear(target, conditioning, time)
                return jnp.where(target.value_mask, velocities, jnp.nan)

            target, given = detach(tokens, TARGET), detach(tokens, GIVEN)
            return flow_matching_loss(field, target, given, weights, KEY)[0]

        return jax.value_and_grad(scaled)(weight)

    expected = value_and_gradient(1.0, tokens)
    spoiled = value_and_gradient(1.0, spoil_padding(tokens))
    assert np.isfinite(expected).all()
    np.testing.assert_array_equal(spoiled, expected)
    total, _ = loss_of(tokens)
    np.testing.assert_allclose(expected[0], total, rtol=ROUNDING)


def test_views_and_tokens(tokens):
    """A view contains its own keys, not those of its parent."""
    expected = loss_of(tokens)
    target, given = map(tokens.select_tokens, (TARGET, GIVEN))
    found = loss(linear, target, given, jnp.ones(N), KEY)
    np.testing.assert_array_equal(found, expected)
    alone = tokens.select_tokens(["obs"]).to_tokens()
    nothing = alone.select_tokens([])
    total, n = loss(linear, alone, nothing, jnp.ones(N), KEY)
    assert float(n) == np.asarray(alone.value_mask).sum()
    assert np.isfinite(total)


def test_the_right_field_has_the_least_loss(tokens):
    """If all values are 0, the noise can be recovered, and the loss is 0."""

    def to_zero(target, conditioning, time):
        del conditioning
        shrunk = 1 - (1 - SIGMA_MIN) * time[:, None, None]
        return -(1 - SIGMA_MIN) * target.data / shrunk

    zeros = tokens.with_data(jnp.zeros_like(tokens.data))
    total, n = loss_of(zeros, field=to_zero)
    assert total / n < 1e-8
    total, n = loss_of(zeros)
    assert total / n > 0.1
