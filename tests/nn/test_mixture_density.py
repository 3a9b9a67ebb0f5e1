"""Mixtures of normal distributions that depend on given tokens."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

from tfmpe import Tokens
from tfmpe.nn import MixtureDensity, TransformerConfig

# Keys of different widths are what is tested.
pytestmark = pytest.mark.filterwarnings("ignore:.*Batch size padding")
RULES = {"local": ["obs"], "cross": [("obs", "count"), ("count", "obs")]}
CONFIG = TransformerConfig(4, n_heads=1, n_decoder_layers=1)
RNG = np.random.default_rng(0)


def tokens(rules=RULES, **more):
    """Return Tokens of two narrow keys and a wide one."""
    data = {
        "theta": RNG.normal(size=(3, 1, 3)),
        "obs": RNG.normal(size=(3, 2, 2)),
        "count": RNG.normal(size=(3, 1, 1)),
    }
    return Tokens.from_pytree(data, rules, **more)


def network(given, n_components=3):
    return MixtureDensity.for_tokens(
        given,
        ["obs", "count"],
        CONFIG,
        n_components=n_components,
        rngs=nnx.Rngs(0),
    )


mixture_of = nnx.jit(MixtureDensity.mixture)
log_prob = nnx.jit(MixtureDensity.log_prob)


def parts(given, targets=("obs", "count")):
    return given.select_tokens(targets), given.select_tokens(["theta"])


def test_the_density_is_that_of_the_mixtures():
    given = tokens()
    field = network(given)
    target, conditioning = parts(given)
    found = log_prob(field, target, conditioning)
    mixture = jax.tree.map(np.asarray, mixture_of(field, target, conditioning))
    for row in range(3):
        total = 0.0
        for token, width in enumerate((2, 2, 1)):
            x = np.asarray(target.data[row, token, :width], float)
            density = 0.0
            for k in range(3):
                root = np.asarray(mixture.root[row, token, k], float)
                root = root[:width, :width]
                z = root @ (x - mixture.mean[row, token, k, :width])
                density += (
                    np.exp(mixture.log_weights[row, token, k] - z @ z / 2)
                    * np.linalg.det(root)
                    / (2 * np.pi) ** (width / 2)
                )
            total += np.log(density)
        assert found[row] == pytest.approx(total, rel=1e-4)


def test_draws_have_the_moments_of_the_mixture():
    given = tokens()
    field = network(given)
    target, conditioning = parts(given)
    mixture = jax.tree.map(np.asarray, mixture_of(field, target, conditioning))
    keys = jax.random.split(jax.random.key(0), 4_000)
    draw = nnx.vmap(MixtureDensity.draw, in_axes=(None, None, None, 0))
    draws = np.asarray(nnx.jit(draw)(field, target, conditioning, keys))
    assert draws.shape == (4_000, 3, 3, 3)
    assert (draws[..., 2] == 0).all()
    weights = np.exp(mixture.log_weights)[..., None]
    precision = np.einsum("...ji,...jk->...ik", mixture.root, mixture.root)
    variance = np.diagonal(np.linalg.inv(precision), axis1=-2, axis2=-1)
    mean = (weights * mixture.mean).sum(-2)
    second = (weights * (variance + mixture.mean**2)).sum(-2)
    sd = np.sqrt(second - mean**2)
    # Five standard errors.
    off = np.abs(draws[..., :2].mean(0) - mean) / sd
    assert off.max() < 5 / 4_000**0.5
    ratio = draws[..., :2].std(0) / sd
    np.testing.assert_allclose(ratio, 1, atol=0.1)


def test_only_given_values_matter():
    given = tokens()
    field = network(given)
    target, conditioning = parts(given)
    first = mixture_of(field, target, conditioning).mean
    other = given.with_values(count=np.ones((3, 1, 1), np.float32))
    again = mixture_of(field, *parts(other)).mean
    np.testing.assert_array_equal(again, first)
    other = given.with_values(theta=np.ones((3, 1, 3), np.float32))
    assert not np.allclose(mixture_of(field, *parts(other)).mean, first)
    # A key may be given in one conditional, and drawn in another.
    only = given.select_tokens(["count"]), given.select_tokens(["theta", "obs"])
    assert log_prob(field, *only).shape == (3,)


def test_what_it_cannot_learn_is_refused():
    with pytest.raises(ValueError, match="independent tokens") as caught:
        network(tokens({}))
    assert "'obs' and 'obs' may depend" in str(caught.value)
    assert "'count' and 'obs' may depend" in str(caught.value)
    times = {"obs": np.zeros((2, 1))}
    with pytest.raises(ValueError, match="'obs' has functional inputs"):
        network(tokens(functional_inputs=times))
    field = network(tokens())
    many = Tokens.from_pytree(
        {
            "theta": jnp.zeros((1, 2, 3)),
            "obs": jnp.zeros((1, 2, 2)),
            "count": jnp.zeros((1, 1, 1)),
        },
        RULES,
    )
    with pytest.raises(ValueError, match="'theta' has 2 tokens, expected 1"):
        field.log_prob(*parts(many))


def test_components_of_an_untrained_network_are_apart():
    # Components in one place would get equal gradients, and stay there.
    given = tokens()
    mixture = mixture_of(network(given), *parts(given))
    means = np.sort(np.asarray(mixture.mean)[:, :2, :, 0])
    assert np.diff(means).min() > 0.01
    assert np.ptp(means, -1).max() < 5
