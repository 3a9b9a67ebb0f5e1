"""Embedding of tokens as vectors."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

from nn.networks import config, make_tokens
from tfmpe import PAD_VALUE, Tokens
from tfmpe.nn import Transformer
from tfmpe.nn._config import known_keys
from tfmpe.nn._embedding import TimeEmbedding, TokenEmbedding, fourier_features
from tfmpe.nn._inputs import input_moments

CONFIG = config()


@partial(nnx.jit, static_argnames="is_target")
def embed(embedding, tokens, is_target):
    return embedding(tokens, is_target=is_target)


@pytest.fixture(scope="module")
def tokens():
    return make_tokens()


@pytest.fixture(scope="module")
def embedding(tokens):
    keys = known_keys(tokens.layout)
    return TokenEmbedding(CONFIG, keys, rngs=nnx.Rngs(0))


@pytest.fixture(scope="module")
def vectors(embedding, tokens):
    return embed(embedding, tokens, is_target=False)


def test_fourier_features_are_their_formula():
    values = np.array([[0.5, -3.0]], np.float32)
    expected = []
    for value in values[0]:
        waves = [np.pi / 8 * value, np.pi / 4 * value, np.pi / 2 * value]
        expected += [value, *np.sin(waves), *np.cos(waves)]
    found = fourier_features(values, 3)
    assert found.shape == (1, 14)
    np.testing.assert_allclose(found[0], expected, atol=1e-6)


def test_a_vector_for_every_token(vectors, embedding, tokens):
    assert vectors.shape == (4, 10, 8)
    assert vectors.dtype == jnp.float32
    kernel, key_vector = embedding.value_kernel[...], embedding.key_vector[...]
    mu = tokens.data[:, 0, :1] @ kernel[0, :1] + key_vector[1, :1]
    np.testing.assert_allclose(vectors[:, 0], mu, atol=1e-5)
    site = tokens.data[:, 1] @ kernel[1] + key_vector[1, 1:2]
    np.testing.assert_allclose(vectors[:, 1], site, atol=1e-5)
    features = fourier_features(tokens.functional_inputs[:, 4], 3)
    obs = tokens.data[:, 4, :1] @ kernel[2, :1] + key_vector[1, 2:3]
    obs = obs + embedding.input_projection(features)
    np.testing.assert_allclose(vectors[:, 4], obs, atol=1e-5)


@pytest.mark.parametrize("padded", [False, True])
def test_functional_inputs_are_standardized(padded):
    """Their moments are those of the network's tokens, without padding.

    A network works the same for times in days and in years.
    """
    tokens = make_tokens(padded=padded)
    inputs = np.asarray(tokens.functional_inputs)
    days = Tokens(
        tokens.data, tokens.layout, 100 + 365 * inputs, tokens.padding
    )
    networks = [
        Transformer.for_tokens(each, CONFIG, rngs=nnx.Rngs(0))
        for each in (tokens, days)
    ]
    real = np.asarray(tokens.padding_mask)[:, 4:]
    times = inputs[:, 4:, 0][real]
    embedding = networks[1].embedding
    np.testing.assert_allclose(
        embedding.input_mean[...], [100 + 365 * times.mean()], rtol=1e-5
    )
    np.testing.assert_allclose(
        embedding.input_scale[...], [365 * times.std()], rtol=1e-5
    )
    one, other = (
        embed(network.embedding, each, is_target=False)
        for network, each in zip(networks, (tokens, days), strict=True)
    )
    np.testing.assert_allclose(one, other, atol=1e-4)


def test_functional_inputs_as_they_are():
    """Constant inputs are not divided by 0; a layout has none to measure."""
    tokens = make_tokens(padded=False)
    equal = Tokens(
        tokens.data, tokens.layout, np.full_like(tokens.functional_inputs, 7)
    )
    mean, scale = input_moments(equal, 1)
    assert (mean, scale) == (7, 1)
    network = Transformer.for_tokens(tokens.layout, CONFIG, rngs=nnx.Rngs(0))
    assert network.embedding.input_mean[...] == 0
    assert network.embedding.input_scale[...] == 1


def test_targets_are_told_apart(vectors, embedding, tokens):
    as_target = embed(embedding, tokens, is_target=True)
    difference = as_target - vectors
    key_vector = embedding.key_vector[...]
    expected = (key_vector[0] - key_vector[1])[
        np.array([0, *[1] * 3, *[2] * 6])
    ]
    np.testing.assert_allclose(
        difference, np.broadcast_to(expected, (4, 10, 8)), atol=1e-5
    )


def test_keys_are_found_by_name(vectors, embedding, tokens):
    view = tokens.select_tokens(["obs", "mu"])
    found = embed(embedding, view, is_target=False)
    expected = jnp.concatenate([vectors[:, 4:], vectors[:, :1]], 1)
    np.testing.assert_allclose(found, expected, atol=1e-6)


def test_padding_enters_nothing(vectors, embedding, tokens):
    real = tokens.padding_mask[..., None]
    inputs = jnp.where(real, tokens.functional_inputs, jnp.nan)
    data = jnp.where(tokens.value_mask, tokens.data, jnp.nan)
    spoiled = Tokens(data, tokens.layout, inputs, tokens.padding)
    found = embed(embedding, spoiled, is_target=False)
    np.testing.assert_array_equal(found, vectors)

    def total(data, inputs):
        given = Tokens(data, tokens.layout, inputs, tokens.padding)
        return embedding(given, is_target=False).sum()

    by_data, by_inputs = jax.jit(jax.grad(total, (0, 1)))(data, inputs)
    assert jnp.isfinite(by_data).all()
    assert jnp.isfinite(by_inputs).all()
    assert (by_data == 0)[~tokens.value_mask].all()
    obs = jnp.asarray(tokens.labels == tokens.label_map["obs"])[..., None]
    assert ((by_inputs != 0) == (real & obs)).all()


def test_tokens_of_another_width(vectors, embedding, tokens):
    wider = jnp.pad(
        tokens.data, ((0, 0), (0, 0), (0, 3)), constant_values=PAD_VALUE
    )
    given = Tokens(
        wider, tokens.layout, tokens.functional_inputs, tokens.padding
    )
    found = embed(embedding, given, is_target=False)
    np.testing.assert_array_equal(found, vectors)
    narrow = tokens.select_tokens(["obs", "mu"]).to_tokens()
    narrow = Tokens(
        narrow.data[..., :1],
        narrow.layout,
        narrow.functional_inputs,
        narrow.padding,
    )
    found = embed(embedding, narrow, is_target=False)
    np.testing.assert_allclose(found[:, 6:], vectors[:, :1], atol=1e-6)


def test_no_functional_inputs(tokens):
    data = tokens.decode()
    plain = Tokens.from_pytree(data, {})
    embedding = TokenEmbedding(
        CONFIG, known_keys(plain.layout), rngs=nnx.Rngs(0)
    )
    assert embedding.input_projection is None
    assert embed(embedding, plain, is_target=True).shape == (4, 10, 8)


def test_times_are_told_apart():
    """Half a unit makes a difference, but a thousandth hardly any."""
    embedding = TimeEmbedding(CONFIG, rngs=nnx.Rngs(0))
    vectors = embedding(jnp.array([0.0, 0.001, 0.5, 1.0]))
    assert vectors.shape == (4, 8)
    near, middle, far = np.abs(vectors[1:] - vectors[:1]).max(1)
    assert 0 < near < 0.02
    assert middle > 10 * near
    assert far > 10 * near
