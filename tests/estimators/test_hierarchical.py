"""An estimator for any number of groups."""

import jax
import numpy as np
import pytest
from flax import nnx
from scipy import stats

from preprocessing.simulations import RULES
from tfmpe import StorageError, Tokens
from tfmpe.estimators import FlowMatchingEstimator, HierarchicalEstimator
from tfmpe.models import Model
from tfmpe.nn import GroupPosterior, Transformer, TransformerConfig
from tfmpe.preprocessing.tokens.views import detach

SETS = ["theta", "obs"]
KEY = jax.random.key(0)


def simulations(n, n_groups=4, seed=0):
    """Return simulations of the hierarchical normal model."""
    rng = np.random.default_rng(seed)
    mu = rng.normal(size=(n, 1, 1))
    theta = mu + rng.normal(size=(n, n_groups, 1))
    obs = theta[:, :, None] + rng.normal(size=(n, n_groups, 2, 1))
    return Tokens.from_pytree({"mu": mu, "theta": theta, "obs": obs}, RULES)


@pytest.fixture(scope="module")
def trained():
    """Return an estimator after a training that changes almost nothing."""
    tokens = simulations(32)
    config = TransformerConfig(4, n_heads=1, n_decoder_layers=1)
    posterior = GroupPosterior.for_tokens(
        tokens, ["mu"], ["obs"], config, rngs=nnx.Rngs(0)
    )
    field = Transformer.for_tokens(
        tokens, config, rngs=nnx.Rngs(0), exchangeable=SETS
    )
    estimator = HierarchicalEstimator(["mu"], posterior, field)
    history = estimator.fit(
        tokens,
        ["theta", "mu"],
        key=KEY,
        n_epochs=1,
        learning_rate=1e-9,
        batch_size=32,
    )
    assert history.global_keys.n_epochs == history.local_keys.n_epochs == 1
    return estimator


def test_draws_have_the_wanted_keys_for_other_numbers_of_groups(trained):
    assert trained.target_keys == ("theta", "mu")
    assert trained.conditioning_keys == ("obs",)
    draws = trained.sample(simulations(2, 7), key=KEY, n_samples=3)
    assert draws.key_order == ["theta", "mu"]
    assert draws["theta"].shape == (3, 2, 7, 1)
    assert np.isfinite(draws.data).all()
    observed = {"obs": np.asarray(simulations(2, 7)["obs"])}
    only = trained.sample(observed, ["mu"], key=KEY, n_samples=3)
    np.testing.assert_array_equal(only["mu"], draws["mu"])
    one = {"obs": observed["obs"][0]}
    only = trained.sample(one, ["mu"], key=KEY, n_samples=3)
    assert only["mu"].shape == (3, 1, 1)


def test_untrained_draws_and_densities_are_those_of_the_approximation(trained):
    tokens = simulations(2, 7)
    standard = trained.standardizer.forward(tokens)
    encode = nnx.jit(GroupPosterior.encode)
    encoded = encode(trained.posterior, detach(standard, ["obs"]))
    scale = float(trained.standardizer.scale[0, 0])
    center = float(trained.standardizer.mean[0, 0])
    mean = center + scale * np.asarray(encoded.mean)[:, 0]
    sd = scale / np.asarray(encoded.root)[:, 0, 0]
    draws = trained.sample(tokens, ["mu"], key=KEY, n_samples=2_000)
    drawn = np.asarray(draws["mu"])[..., 0, 0]
    # Five standard errors.
    np.testing.assert_allclose(drawn.mean(0), mean, atol=0.12 * sd.max())
    np.testing.assert_allclose(drawn.std(0), sd, rtol=0.08)
    values = np.asarray(draws.data)[:3]
    found = trained.log_prob(tokens, ["mu"], values=values)
    wanted = stats.norm.logpdf(drawn[:3], mean, sd)
    np.testing.assert_allclose(found, wanted, atol=1e-3)


@pytest.mark.slow
def test_a_joint_density_is_that_of_both_parts(trained):
    tokens = simulations(2, 7, seed=1)
    joint = trained.log_prob(tokens)
    first = trained.log_prob(tokens, ["mu"])
    # As one draw, so that fewer programs are compiled.
    repeated = jax.tree.map(lambda leaf: leaf[None], tokens)
    second = trained.local.log_prob(repeated, ["theta"], ["mu", "obs"])
    np.testing.assert_allclose(joint, first + second[0], rtol=1e-4)


def test_a_folder_holds_the_estimator(trained, tmp_path):
    trained.save(tmp_path / "estimator")
    read = HierarchicalEstimator.load(tmp_path / "estimator")
    tokens = simulations(2, 7)
    draws = [
        each.sample(tokens, key=KEY, n_samples=3) for each in (trained, read)
    ]
    np.testing.assert_array_equal(*(each.data for each in draws))
    path = tmp_path / "estimator" / "global.safetensors"
    with pytest.raises(StorageError) as caught:
        FlowMatchingEstimator.load(path)
    assert str(caught.value) == (
        f"{path} was saved by a HierarchicalEstimator, not by a "
        "FlowMatchingEstimator. Use HierarchicalEstimator.load, with its "
        "folder."
    )


def test_refusals(trained):
    tokens = simulations(4)
    untrained = HierarchicalEstimator(["mu"])
    with pytest.raises(ValueError, match="never trained"):
        untrained.sample(tokens, key=KEY)
    with pytest.raises(ValueError, match=r"\['tau'\] are not among"):
        HierarchicalEstimator(["tau"]).fit(tokens, ["mu"], key=KEY)
    with pytest.raises(TypeError, match="needs target_keys"):
        untrained.fit(tokens, key=KEY)
    with pytest.raises(ValueError, match=r"learned p\(theta, mu \| obs\)"):
        trained.sample(tokens, ["mu"], ["theta"], key=KEY)
    with pytest.raises(ValueError, match=r"log_prob of \['theta'\]"):
        trained.log_prob(tokens, ["theta"])
    with pytest.raises(ValueError, match=r"expected \(n, 4, 1, 1\)"):
        trained.log_prob(tokens, ["mu"], values=np.zeros((3, 4, 5, 1)))
    with pytest.raises(TypeError, match="needs target values"):
        trained.log_prob({"obs": np.zeros((4, 2, 1), np.float32)})


@pytest.mark.slow
def test_widths_hold_at_forty_times_the_groups_of_the_training():
    def prior(key, n):
        return {"mu": jax.random.normal(key, (n, 1, 1))}

    def simulator(key, parameters):
        mu = parameters["mu"]
        noise = jax.random.normal(key, (len(mu), 10, 1))
        return {"obs": mu + 1.5 * noise}

    model = Model(prior, simulator, independence={"local": ["obs"]})
    estimator = HierarchicalEstimator(["mu"])
    estimator.fit(
        model, n_simulations=2_000, key=KEY, n_epochs=15, learning_rate=4e-3
    )
    for n in (1, 10, 400):
        rng = np.random.default_rng(n)
        mu = rng.normal(size=(20, 1, 1))
        obs = (mu + 1.5 * rng.normal(size=(20, n, 1))).astype(np.float32)
        draws = estimator.sample({"obs": obs}, key=KEY, n_samples=1_000)
        drawn = np.asarray(draws["mu"])[..., 0, 0]
        precision = 1 + n / 1.5**2
        mean = obs.sum((1, 2)) / 1.5**2 / precision
        width = drawn.std(0).mean() * precision**0.5
        assert width == pytest.approx(1, abs=0.1)
        errors = (drawn.mean(0) - mean) * precision**0.5
        assert np.sqrt(np.mean(errors**2)) < 0.5
