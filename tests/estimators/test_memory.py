"""What an estimator remembers: keys, layout, model, default network."""

import inspect

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

from comparisons import assert_same
from preprocessing.simulations import RULES
from tfmpe import Tokens
from tfmpe.estimators import (
    FlowMatchingEstimator,
    calibration_ranks,
    posterior_predictive,
)
from tfmpe.estimators._training.prepare import simulated
from tfmpe.models import Model
from tfmpe.nn import Transformer, TransformerConfig
from tfmpe.preprocessing import StorageError

KEY = jax.random.key(0)
OPTIONS = {"n_epochs": 1, "batch_size": 16}


def prior(key, n):
    mu = jax.random.normal(key, (n, 1, 1))
    return {"mu": mu, "theta": mu.repeat(3, axis=1)}


def simulator(key, parameters):
    theta = parameters["theta"]
    return {"obs": theta + jax.random.normal(key, theta.shape)}


def field(target, given, time):
    """Velocities with a mean of the given values; no parameters."""
    return target.data + given.data.mean((-2, -1), keepdims=True)


class Shift(nnx.Module):
    """The smallest field that can be trained."""

    def __init__(self):
        self.weight = nnx.Param(jnp.ones(()))

    def __call__(self, target, given, time):
        return self.weight * field(target, given, time)


def small_network(tokens, exchangeable=()):
    config = TransformerConfig(
        8, n_heads=2, n_encoder_layers=0, n_decoder_layers=1
    )
    return Transformer.for_tokens(
        tokens, config, rngs=nnx.Rngs(0), exchangeable=exchangeable
    )


@pytest.fixture(scope="module")
def model():
    dims = {"theta": ["site"], "obs": ["site"]}
    return Model(prior, simulator, None, RULES, dims=dims)


@pytest.fixture(scope="module")
def trained(model):
    network = small_network(model.layout, ["theta", "obs"])
    estimator = FlowMatchingEstimator(network)
    estimator.fit(model, n_simulations=32, key=KEY, **OPTIONS)
    return estimator


def test_fit_on_a_model(trained, model):
    """It is simulated from the key."""
    estimator = FlowMatchingEstimator()
    estimator.fit(model, n_simulations=32, key=KEY, **OPTIONS)
    assert estimator.target_keys == ("mu", "theta")
    assert estimator.conditioning_keys == ("obs",)
    assert estimator.model is model
    assert isinstance(estimator.vector_field, Transformer)
    assert estimator.vector_field.config.n_decoder_layers == 2
    assert estimator.vector_field.config.n_encoder_layers == 1
    assert_same(estimator.standardizer, trained.standardizer)


@pytest.mark.filterwarnings("ignore::tfmpe.estimators.UnlikeTrainingWarning")
def test_draws_from_a_dictionary_equal_those_from_tokens(trained, model):
    obs = np.linspace(-1, 1, 5, dtype=np.float32).reshape(5, 1)
    tokens = model.condition({"obs": obs})
    found = trained.sample({"obs": obs}, key=KEY, n_samples=20)
    assert found.layout["theta"].event_shape == (5,)
    for expected in (
        trained.sample(tokens, key=KEY, n_samples=20),
        trained.sample(tokens, ["mu", "theta"], ["obs"], key=KEY, n_samples=20),
    ):
        np.testing.assert_array_equal(found.data, expected.data)
    density = trained.log_prob({"obs": obs}, values=found)
    assert density.shape == (20,)
    np.testing.assert_array_equal(
        density, trained.log_prob(tokens, values=found)
    )


def test_several_data_sets_and_xarray(trained):
    xarray = pytest.importorskip("xarray")
    obs = np.arange(6, dtype=np.float32).reshape(2, 3, 1)
    expected = trained.sample({"obs": obs}, key=KEY, n_samples=9)
    assert expected.sample_shape == (9, 2)
    named = xarray.Dataset({"obs": (("set", "site", "value"), obs)})
    found = trained.sample(named, key=KEY, n_samples=9)
    np.testing.assert_array_equal(found.data, expected.data)


@pytest.mark.filterwarnings("ignore::tfmpe.estimators.UnlikeTrainingWarning")
def test_keys_are_optional_in_checks(trained, model):
    simulations = model.simulate(jax.random.key(1), 2)
    ranks = calibration_ranks(trained, simulations, key=KEY, n_samples=9)
    assert ranks.ranks["theta"].shape == (2, 3, 1)
    predicted = posterior_predictive(
        trained, {"obs": np.zeros((5, 1), np.float32)}, key=KEY, n_samples=20
    )
    assert predicted.simulated["obs"].shape == (20, 5, 1)


@pytest.mark.filterwarnings("ignore::tfmpe.estimators.UnlikeTrainingWarning")
def test_checks_take_the_inputs_of_the_observation(monkeypatch):
    """They belong to the draws as well as to the simulator."""
    times = np.array([[0.0], [1.0]], np.float32)

    def growth(key, parameters, inputs):
        places = jnp.reshape(inputs["obs"], (-1, 2, 1))
        return {"obs": parameters["slope"] * places}

    growing = Model(
        lambda key, n: {"slope": jax.random.normal(key, (n, 1, 1))},
        growth,
        lambda key, parameters: {"obs": times},
    )
    estimator = FlowMatchingEstimator()
    estimator.fit(growing, n_simulations=32, key=KEY, **OPTIONS)
    later = {"functional_inputs": {"obs": times + 5}}
    obs = {"obs": np.ones((2, 1), np.float32)}
    tokens = growing.condition(obs, **later)
    found = posterior_predictive(estimator, obs, key=KEY, **later)
    expected = posterior_predictive(estimator, tokens, key=KEY)
    assert_same(found.draws, expected.draws)
    assert_same(found.simulated, expected.simulated)

    with pytest.raises(ValueError, match="other functional inputs than the s"):
        estimator.check(obs, key=KEY, n_simulations=20, **later)

    def checked(estimator, given, *_, **__):
        assert_same(given, tokens)
        raise StopIteration

    monkeypatch.setattr(
        "tfmpe.estimators._base_estimator.check_posterior", checked
    )
    simulations = growing.simulate(KEY, 32)
    with pytest.raises(StopIteration):
        estimator.check(obs, key=KEY, **later)
    estimator.fit(simulations, ["slope"], key=KEY, **OPTIONS)
    with pytest.raises(StopIteration):
        estimator.check(obs, key=KEY, simulations=simulations, **later)
    for call in (
        lambda: growing.condition(tokens, **later),
        lambda: posterior_predictive(
            estimator, tokens, simulator_fn=growth, key=KEY, groups={}
        ),
    ):
        with pytest.raises(ValueError, match="belong to a dictionary"):
            call()


def test_keys_of_tokens_are_remembered():
    tokens = Tokens.from_pytree(
        {
            "mu": np.ones((4, 1, 1)),
            "a": np.ones((4, 2, 1)),
            "b": np.ones((4, 1, 1)),
        },
        {},
    )
    estimator = FlowMatchingEstimator(Shift())
    estimator.fit(tokens, ["mu"], ["a"], key=KEY, **OPTIONS)
    assert (estimator.target_keys, estimator.conditioning_keys) == (
        ("mu",),
        ("a",),
    )
    assert estimator.model is None
    draws = estimator.sample({"a": np.zeros((2, 1))}, key=KEY)
    assert draws.key_order == ["mu"]
    with pytest.raises(ValueError, match=r"Expected .* \['a'\] .*of \['b'\]"):
        estimator.sample({"b": np.zeros((1, 1))}, key=KEY)
    with pytest.raises(ValueError, match="belong to a dictionary"):
        estimator.sample(tokens, key=KEY, groups={})
    with pytest.raises(TypeError, match="needs target values"):
        estimator.log_prob({"a": np.zeros((2, 1))})
    pairs = [(["mu"], ["a"]), (["b"], ["a"])]
    estimator.fit(tokens, conditionals=pairs, key=KEY, **OPTIONS)
    assert estimator.target_keys is None
    with pytest.raises(TypeError, match="target_keys is missing"):
        estimator.sample({"a": np.zeros((2, 1))}, key=KEY)
    draws = estimator.sample({"a": np.zeros((2, 1))}, ["b"], key=KEY)
    assert draws.key_order == ["b"]


def test_before_training(model):
    estimator = FlowMatchingEstimator()
    assert estimator.target_keys is None
    tokens = model.condition({"obs": np.zeros((3, 1))})
    with pytest.raises(ValueError, match="no network before training"):
        estimator.sample(tokens, ["mu"], ["obs"], key=KEY)
    with pytest.raises(ValueError, match="not known before training"):
        FlowMatchingEstimator(field).sample({"obs": 0}, ["mu"], key=KEY)
    with pytest.raises(TypeError, match="fit needs n_simulations="):
        estimator.fit(model, key=KEY)
    with pytest.raises(TypeError, match="simulations that exist"):
        estimator.fit(tokens, ["mu"], key=KEY, n_simulations=3)
    assert estimator.vector_field is None


@pytest.mark.filterwarnings("ignore::tfmpe.estimators.UnlikeTrainingWarning")
def test_a_file_restores_network_keys_and_layout(trained, model, tmp_path):
    path = tmp_path / "estimator.safetensors"
    trained.save(path)
    observed = {"obs": np.zeros((5, 1), np.float32)}
    expected = trained.sample(observed, key=KEY, n_samples=20)
    for options in ({}, {"model": model}):
        loaded = FlowMatchingEstimator.load(path, **options)
        assert loaded.target_keys == ("mu", "theta")
        assert loaded.model is options.get("model")
        found = loaded.sample(observed, key=KEY, n_samples=20)
        np.testing.assert_array_equal(found.data, expected.data)


def test_a_file_restores_shared_functional_inputs(tmp_path):
    times = np.arange(3.0, dtype=np.float32)[:, None]
    tokens = Tokens.from_pytree(
        {"mu": np.ones((4, 1, 1)), "obs": np.ones((4, 3, 1))},
        {},
        {"obs": times},
    )
    estimator = FlowMatchingEstimator(small_network(tokens))
    estimator.fit(tokens, ["mu"], key=KEY, **OPTIONS)
    path = tmp_path / "estimator.safetensors"
    estimator.save(path)
    observed = FlowMatchingEstimator.load(path).condition(
        {"obs": np.zeros((3, 1))}
    )
    np.testing.assert_array_equal(observed.functional_inputs[1:], times)


def test_a_function_is_not_a_model():
    # Without the check of annotations, which finds it first in tests.
    with pytest.raises(TypeError, match=r"tfmpe.Model\(prior, simulator"):
        inspect.unwrap(simulated)(prior, 3, KEY, False)


def test_another_field_is_not_in_the_file(tmp_path):
    path = tmp_path / "estimator.safetensors"
    FlowMatchingEstimator(field, standardize=False).save(path)
    with pytest.raises(StorageError, match="Pass a vector field of the same"):
        FlowMatchingEstimator.load(path)


def test_bijectors_of_a_model():
    def positive(key, n):
        return {"scale": jnp.exp(jax.random.normal(key, (n, 1, 1)))}

    model = Model(
        positive,
        lambda key, parameters: {"obs": parameters["scale"]},
        bijectors={"scale": (jnp.log, jnp.exp)},
    )
    estimator = FlowMatchingEstimator(Shift())
    estimator.fit(model, n_simulations=16, key=KEY, **OPTIONS)
    draws = estimator.sample({"obs": np.ones((1, 1))}, key=KEY, n_samples=50)
    assert (np.asarray(draws.data) > 0).all()
