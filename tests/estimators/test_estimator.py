"""Draws and densities of an estimator, in the units of the data."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx
from scipy import stats

from estimators.known_flows import (
    KEY,
    Counted,
    linear,
    make_tokens,
    normal,
    spoil_padding,
)
from refusals import refused
from tfmpe import PAD_VALUE, Standardizer, Tokens
from tfmpe.estimators import ContinuousFlow, FlowMatchingEstimator
from tfmpe.nn import Transformer, TransformerConfig

TARGET, GIVEN = ["site", "mu"], ["obs"]
LOG = (jnp.log, jnp.exp)
LOGIT = (jax.scipy.special.logit, jax.nn.sigmoid)
ROUNDING = 1e-5


def still(target, conditioning, time):
    """Return zero velocities."""
    del conditioning, time
    return jnp.zeros_like(target.data)


def estimator_of(tokens, field=linear, bijectors=None):
    """Return an estimator that needs no training."""
    estimator = FlowMatchingEstimator(field, bijectors=bijectors)
    estimator.standardizer = Standardizer.fit(tokens, bijectors=bijectors)
    return estimator


@pytest.fixture(scope="module")
def tokens():
    tokens = make_tokens(5)
    data = jnp.where(tokens.value_mask, 5 + 3 * tokens.data, PAD_VALUE)
    return tokens.with_data(data)


@pytest.fixture(scope="module")
def estimator(tokens):
    return estimator_of(tokens)


@pytest.fixture(scope="module")
def draws(tokens, estimator):
    return estimator.sample(tokens, TARGET, GIVEN, key=KEY, n_samples=4)


def test_draws_are_tokens_in_their_own_units(tokens, estimator, draws):
    assert isinstance(draws, Tokens)
    assert draws.sample_shape == (4, 5)
    assert draws.key_order == TARGET
    assert draws.layout == tokens.select_tokens(TARGET).layout
    standardizer = estimator.standardizer
    standard = ContinuousFlow(linear).sample(
        standardizer.forward(tokens), TARGET, GIVEN, key=KEY, n_samples=4
    )
    view = tokens.select_tokens(TARGET)
    expected = standardizer.inverse(standard, like=view)
    np.testing.assert_allclose(draws.data, expected, rtol=ROUNDING)
    np.testing.assert_array_equal(draws.padding_mask[2], view.padding_mask)
    assert (draws.data == PAD_VALUE)[~draws.value_mask].all()
    assert abs(draws.decode()["mu"].mean() - 5) < 3


def test_only_the_conditioning_is_read(tokens, draws, estimator):
    unknown = {"mu": np.full((1, 1), np.nan), "site": np.full((2, 2), np.nan)}
    given = spoil_padding(tokens).with_values(**unknown)
    again = estimator.sample(given, TARGET, GIVEN, key=KEY, n_samples=4)
    np.testing.assert_array_equal(again.data, draws.data)
    view = tokens.select_tokens(["obs", "mu", "site"])
    again = estimator.sample(view, TARGET, key=KEY, n_samples=4)
    np.testing.assert_array_equal(again.data, draws.data)


def test_functional_inputs_go_with_the_draws():
    data = {"mu": normal(3, 1, 1), "obs": normal(3, 2, 1)}
    times = {"obs": np.arange(6.0, dtype=np.float32).reshape(3, 2, 1)}
    tokens = Tokens.from_pytree(data, {}, times)
    estimator = FlowMatchingEstimator(still)
    draws = estimator.sample(tokens, ["obs"], key=KEY, n_samples=4)
    expected = np.broadcast_to(times["obs"], (4, 3, 2, 1))
    np.testing.assert_array_equal(draws.functional_inputs, expected)


def test_an_observation_without_sample_axes(tokens, estimator):
    one = jax.tree.map(lambda x: x[2], tokens)
    theta_0 = normal(4, 3, 2)
    draws = estimator.sample(
        one, TARGET, GIVEN, key=None, theta_0=theta_0, n_samples=4
    )
    assert draws.sample_shape == (4,)
    assert draws.decode()["site"].shape == (4, 2, 2)


@pytest.mark.slow
def test_nothing_given(tokens, estimator):
    draws = estimator.sample(tokens, ["mu"], [], key=KEY)
    assert jnp.isfinite(draws.decode()["mu"]).all()


def test_compiled_once(tokens):
    counted = Counted(linear)
    estimator = estimator_of(tokens, counted)
    theta_0 = normal(1, 5, 1, 2)

    def run(tokens):
        estimator.sample(tokens, ["mu"], GIVEN, key=None, theta_0=theta_0)

    run(tokens)
    traces = counted.count
    run(make_tokens(5, seed=4))
    assert counted.count == traces


@pytest.fixture(scope="module")
def bounded():
    """Return a positive scale, shares, and real numbers, with an estimator."""
    rng = np.random.default_rng(0)
    data = {
        "scale": np.exp(2 + 0.5 * rng.normal(size=(40, 1, 1))),
        "share": rng.uniform(0.2, 0.6, size=(40, 2, 1)),
        "obs": rng.normal(size=(40, 3, 1)),
    }
    tokens = Tokens.from_pytree(
        {name: values.astype(np.float32) for name, values in data.items()}, {}
    )
    bijectors = {"scale": LOG, "share": LOGIT}
    return tokens, estimator_of(tokens, still, bijectors)


def test_draws_are_in_the_support(bounded):
    """For a field of zero velocity, they are also spread like the data."""
    tokens, estimator = bounded
    draws = estimator.sample(tokens, ["scale", "share"], key=KEY).decode()
    assert (draws["scale"] > 0).all()
    assert ((draws["share"] > 0) & (draws["share"] < 1)).all()
    logs = np.log(draws["scale"])
    # Tolerance: four standard errors of forty draws.
    assert abs(logs.mean() - 2) < 4 * 0.5 / np.sqrt(40)


def test_densities_include_the_change_of_units(bounded):
    tokens, estimator = bounded
    found = estimator.log_prob(tokens, ["scale", "share"], ["obs"])
    mean, scale = (
        np.asarray(getattr(estimator.standardizer, name), float)[:, 0]
        for name in ("mean", "scale")
    )
    data = tokens.decode()
    scales = np.asarray(data["scale"], float)[:, 0, 0]
    expected = stats.lognorm.logpdf(scales, scale[0], scale=np.exp(mean[0]))
    shares = np.asarray(data["share"], float)[:, :, 0]
    logits = np.log(shares / (1 - shares))
    slopes = 1 / (shares * (1 - shares))
    densities = stats.norm.logpdf(logits, mean[1], scale[1]) + np.log(slopes)
    expected = expected + densities.sum(1)
    np.testing.assert_allclose(found, expected, atol=1e-4)
    drawn = estimator.sample(tokens, ["scale", "share"], key=KEY)
    assert jnp.isfinite(
        estimator.log_prob(tokens, ["scale", "share"], values=drawn)
    ).all()


def test_densities_of_given_values(tokens, estimator, draws):
    """Values are Tokens or an array; the target in the tokens is ignored."""
    unknown = tokens.with_values(mu=np.full((1, 1), np.nan))
    found = estimator.log_prob(unknown, TARGET, GIVEN, values=draws)
    assert found.shape == (4, 5)
    again = estimator.log_prob(unknown, TARGET, GIVEN, values=draws.data)
    np.testing.assert_array_equal(again, found)
    own = tokens.select_tokens(TARGET).with_data(draws.data[1])
    one = estimator.log_prob(own, TARGET, GIVEN)
    np.testing.assert_allclose(one, found[1], atol=1e-4)


@pytest.mark.slow
def test_densities_integrate_to_one(tokens):
    one = jax.tree.map(lambda x: x[2], tokens)
    estimator = estimator_of(tokens)
    grid = jnp.linspace(-20.0, 30.0, 501)
    values = jnp.stack([grid, jnp.full(501, PAD_VALUE)], -1)[:, None]
    density = estimator.log_prob(one, ["mu"], GIVEN, values=values)
    assert np.trapezoid(np.exp(density), grid) == pytest.approx(1, abs=1e-3)


def test_direction_is_refused(tokens, estimator):
    with pytest.raises(ValueError, match="only transforms noise into values"):
        estimator.sample(tokens, TARGET, key=KEY, direction="backward")


def test_options_that_do_not_exist(tokens, estimator):
    with refused(
        TypeError, "sample does not accept nsamples=. Did you mean 'n_samples'?"
    ):
        estimator.sample(tokens, TARGET, key=KEY, nsamples=3)
    with pytest.raises(TypeError, match=r"accept abc=. Expected some of \['v"):
        estimator.log_prob(tokens, TARGET, abc=1)


def test_bijectors_need_a_standardizer():
    with pytest.raises(ValueError, match="bijectors need standardize=True"):
        FlowMatchingEstimator(linear, bijectors={"mu": LOG}, standardize=False)


# Written for theta given obs, and also applied to obs given theta.
RULES = {
    "local": ["theta", "obs"],
    "cross_local": [("theta", "obs", (0, 0))],
}


@pytest.mark.nightly("trainings")
def test_one_network_answers_several_questions():
    """Test normal theta of two sites around mu, observed with noise of sd 1/2.

    Means and standard deviations of p(theta | obs), p(obs | theta) and
    p(theta | mu, obs) are compared with their exact values.
    """
    rng = np.random.default_rng(0)
    n = 2000
    mu = rng.normal(size=(n, 1, 1))
    theta = mu + rng.normal(size=(n, 2, 1))
    obs = theta[:, :, None] + 0.5 * rng.normal(size=(n, 2, 1, 1))
    data = {"mu": mu, "theta": theta, "obs": obs}
    data = {k: v.astype(np.float32) for k, v in data.items()}
    tokens = Tokens.from_pytree(data, RULES)
    config = TransformerConfig(
        16, n_heads=2, n_encoder_layers=1, n_decoder_layers=2
    )
    network = Transformer.for_tokens(tokens, config, rngs=nnx.Rngs(0))
    estimator = FlowMatchingEstimator(network)
    questions = [
        (["mu", "theta"], ["obs"]),
        (["obs"], ["mu", "theta"]),
        (["theta"], ["mu", "obs"]),
    ]
    estimator.fit(
        tokens,
        conditionals=questions,
        key=KEY,
        n_epochs=60,
        batch_size=200,
        learning_rate=5e-3,
    )
    some = jax.tree.map(lambda x: x[:20], tokens)
    given = {name: values[:20, ..., 0] for name, values in data.items()}
    y = given["obs"][..., 0]
    # For mu and both theta, from the joint covariance.
    prior = np.array([[1.0, 1, 1], [1, 2, 1], [1, 1, 2]])
    gain = prior[:, 1:] @ np.linalg.inv(prior[1:, 1:] + np.eye(2) / 4)
    posterior = prior - gain @ prior[1:]
    exact = {
        0: (y @ gain.T, np.sqrt(np.diag(posterior))),
        1: (given["theta"], np.full(2, 0.5)),
        2: ((given["mu"] + 4 * y) / 5, np.full(2, np.sqrt(1 / 5))),
    }
    for number, (target, conditioning) in enumerate(questions):
        draws = estimator.sample(
            some, target, conditioning, key=KEY, n_samples=1000
        )
        values = np.asarray(draws.data[..., 0])
        mean, sd = exact[number]
        # Small and trained for seconds: tolerance a fifth of an sd, and 15 %.
        assert (np.abs(values.mean(0) - mean) / sd).mean() < 0.2
        assert np.abs(values.std(0) / sd - 1).mean() < 0.15
