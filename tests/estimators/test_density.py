"""Distributions learned by maximum likelihood."""

from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx
from jax.scipy.stats import norm
from scipy import stats

from estimators.plated_models import (
    TWO_LEVEL_RULES,
    TWO_LEVELS,
    small_estimator,
    two_level_prior,
    two_level_simulator,
)
from tfmpe import Tokens
from tfmpe.estimators import (
    DensityEstimator,
    DiscreteValuesWarning,
    train_bottom_up,
)
from tfmpe.nn import MixtureDensity, TransformerConfig

KEY = jax.random.key(0)
CONFIG = TransformerConfig(4, n_heads=1, n_decoder_layers=1)


def test_a_learned_density(tmp_path):
    rng = np.random.default_rng(0)
    theta = rng.normal(size=(512, 1, 1)).astype(np.float32)
    noise = rng.normal(size=(512, 1, 1)).astype(np.float32)
    data = {"theta": theta, "obs": np.exp(theta + 0.3 * noise)}
    tokens = Tokens.from_pytree(data, {})
    log = {"obs": (jnp.log, jnp.exp)}
    network = MixtureDensity.for_tokens(
        tokens, ["obs"], CONFIG, n_components=2, rngs=nnx.Rngs(0)
    )
    estimator = DensityEstimator(network, bijectors=log)
    history = estimator.fit(
        tokens, ["obs"], key=KEY, n_epochs=60, batch_size=64, learning_rate=1e-2
    )
    assert history.training[-1] < history.training[0] - 0.5
    logs = np.log(data["obs"])
    exact = stats.norm.logpdf(logs, theta, 0.3) - logs
    found = estimator.log_prob(tokens)
    # In nats; after so short a training.
    assert (exact[:, 0, 0] - np.asarray(found)).mean() < 0.1
    draws = estimator.sample(tokens, key=KEY, n_samples=4)
    assert draws["obs"].shape == (4, 512, 1, 1)
    spread = np.log(draws["obs"]) - theta
    assert spread.std() == pytest.approx(0.3, abs=0.05)
    again = estimator.log_prob(tokens, values=np.asarray(tokens["obs"])[None])
    np.testing.assert_allclose(again[0], found, rtol=1e-5)
    # Two draws of all rows at a time.
    parts = estimator.sample(tokens, key=KEY, n_samples=4, batch_size=1024)
    np.testing.assert_allclose(parts.data, draws.data, rtol=1e-5)
    in_parts = estimator.log_prob(tokens, values=draws, batch_size=1024)
    wanted = estimator.log_prob(tokens, values=draws)
    np.testing.assert_allclose(in_parts, wanted, atol=1e-4)
    estimator.save(tmp_path / "density.safetensors")
    loaded = DensityEstimator.load(
        tmp_path / "density.safetensors", bijectors=log
    )
    np.testing.assert_allclose(loaded.log_prob(tokens), found, rtol=1e-6)


def test_counts_are_learned_as_probabilities(tmp_path):
    rng = np.random.default_rng(0)
    log_rate = rng.normal(size=(1_000, 1, 1)).astype(np.float32)
    obs = rng.poisson(np.exp(log_rate)).astype(np.float32)
    tokens = Tokens.from_pytree({"log_rate": log_rate, "obs": obs}, {})
    options = {"n_epochs": 15, "batch_size": 100, "learning_rate": 1e-2}
    exact = stats.poisson.logpmf(obs, np.exp(log_rate))[:, 0, 0]
    root = {"obs": (jnp.sqrt, jnp.square)}
    estimator = DensityEstimator(bijectors=root, discrete=["obs"])
    estimator.fit(tokens, ["obs"], key=KEY, **options)
    found = np.asarray(estimator.log_prob(tokens))
    assert (exact - found).mean() == pytest.approx(0, abs=0.1)
    draws = estimator.sample(tokens, key=KEY)
    again = estimator.log_prob(tokens, values=draws["obs"])
    assert np.asarray(again).std() > 0.1
    np.testing.assert_array_equal(draws["obs"], np.round(draws["obs"]))
    assert np.mean(draws["obs"]) == pytest.approx(obs.mean(), rel=0.2)
    estimator.save(tmp_path / "density.safetensors")
    loaded = DensityEstimator.load(
        tmp_path / "density.safetensors", bijectors=root
    )
    np.testing.assert_allclose(loaded.log_prob(tokens), found, rtol=1e-5)
    assert loaded.discrete == ("obs",)
    with pytest.warns(DiscreteValuesWarning, match=r"discrete=\['obs'\]"):
        DensityEstimator().fit(tokens, ["obs"], key=KEY, n_epochs=1)


@pytest.mark.parametrize("given", [False, True])
def test_discrete_keys_are_alike_in_both_roles(given):
    # A field that returns its target values, to see what reaches it.
    seen = []

    class Seen(Exact):
        def log_prob(self, target, conditioning):
            seen.append((target if not given else conditioning).data)
            return 0 * target.data.sum((-2, -1)) + 0 * self.unused

    jax.tree_util.register_pytree_node_class(Seen)
    counts = np.arange(8, dtype=np.float32).reshape((8, 1, 1))
    tokens = Tokens.from_pytree({"a": counts, "n": counts}, {})
    keys = (["a"], ["n"]) if given else (["n"], ["a"])
    estimator = DensityEstimator(
        Seen(jnp.zeros(())), discrete=["a", "n"], standardize=False
    )
    with jax.disable_jit():
        estimator.fit(tokens, *keys, key=KEY, n_epochs=1, batch_size=8)
        trained = np.sort(np.ravel(seen[0]))
        estimator.log_prob(tokens)
    np.testing.assert_array_equal(np.floor(trained), counts.ravel())
    assert (trained % 1).std() > 0
    np.testing.assert_array_equal(np.ravel(seen[-1]), counts.ravel() + 0.5)
    scaled = tokens.with_values(n=counts / 2)
    with pytest.raises(ValueError, match="4 of 8 values of 'n' are not"):
        estimator.log_prob(scaled)
    if given:  # Values of target keys are ignored in sample.
        with pytest.raises(ValueError, match="4 of 8 values of 'n' are not"):
            estimator.sample(scaled, key=KEY)


@jax.tree_util.register_pytree_node_class
class Exact:
    """The density of ``obs ~ N(theta, 1)``, with a parameter of no effect."""

    def __init__(self, unused=0.0):
        self.unused = unused

    def tree_flatten(self):
        return (self.unused,), None

    @classmethod
    def tree_unflatten(cls, _, leaves):
        return cls(*leaves)

    def log_prob(self, target, conditioning):
        assert conditioning.layout.names == ("theta",)
        density = norm.logpdf(target.data, conditioning.data)
        return density.sum((-2, -1)) + 0 * self.unused

    def draw(self, target, conditioning, key):
        noise = jax.random.normal(key, target.data.shape)
        return conditioning.data + noise


def test_draws_corrected_by_the_likelihood_are_exact():
    def log_prior(parameters):
        mu, theta = (parameters[name][..., 0] for name in ("mu", "theta"))
        return {"mu": norm.logpdf(mu), "theta": norm.logpdf(theta, mu)}

    result = train_bottom_up(
        small_estimator(),
        two_level_prior,
        two_level_simulator,
        key=KEY,
        plates=TWO_LEVELS,
        sizes={"site": 3},
        independence=TWO_LEVEL_RULES,
        n_simulations=16,
        n_epochs=1,
        batch_size=16,
        likelihood=DensityEstimator(Exact(jnp.zeros(())), standardize=False),
    )
    obs = np.array([[0.3, 1.1], [2.0, 2.4], [-1.0, 0.2]], np.float32)
    exact = result.corrected(
        {"obs": obs[..., None]},
        log_prior,
        key=KEY,
        n_samples=2_000,
        n_inner=500,
    )
    assert exact.efficiency > 0.3
    counts = replace(result, likelihood=DensityEstimator(discrete=["obs"]))
    with pytest.raises(ValueError, match="6 of 6 values of 'obs' are not"):
        counts.observe({"obs": obs[..., None] + 0.05})
    mu = np.asarray(exact.draws["mu"]).ravel()
    theta = np.asarray(exact.draws["theta"])[..., 0]
    # Means of two have the variance 3/2 around mu.
    precision = 1 + 3 / 1.5
    mean = obs.mean(1).sum() / 1.5 / precision
    assert mu.mean() == pytest.approx(mean, abs=0.08)
    assert mu.std() == pytest.approx(precision**-0.5, rel=0.08)
    of_theta = (2 * obs.mean(1) + mean) / 3
    np.testing.assert_allclose(theta.mean(0), of_theta, atol=0.08)
