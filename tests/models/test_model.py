"""Models: simulations, observed data of other sizes, densities."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.scipy.stats import norm

from preprocessing.simulations import RULES
from refusals import refused
from tfmpe import TokenGenerator, UnknownKeyError
from tfmpe.models import Model, NoDensityError
from tfmpe.preprocessing.data.simulation import check_functions


def prior(key, n):
    a, b = jax.random.split(key)
    mu = jax.random.normal(a, (n, 1, 1))
    return {"mu": mu, "theta": mu + jax.random.normal(b, (n, 4, 1))}


def simulator(key, parameters):
    theta = parameters["theta"][:, :, None]
    return {"obs": theta + jax.random.normal(key, (*theta.shape[:2], 3, 1))}


def log_factors(parameters, observations):
    mu, theta = parameters["mu"][..., 0], parameters["theta"][..., 0]
    return {
        "mu": norm.logpdf(mu),
        "theta": norm.logpdf(theta, mu),
        "obs": norm.logpdf(observations["obs"][..., 0], theta[..., None]),
    }


@pytest.fixture(scope="module")
def model():
    return Model(prior, simulator, None, RULES, log_density_fn=log_factors)


@pytest.fixture(scope="module")
def simulations(model):
    return model.simulate(jax.random.key(0), 6)


def test_keys_are_those_of_prior_and_simulator(model):
    assert model.target_keys == ("mu", "theta")
    assert model.conditioning_keys == ("obs",)
    assert repr(model) == "Model(p(mu, theta | obs))"


def test_repr_does_not_simulate():
    assert repr(Model(prior, simulator)) == "Model(not simulated yet)"


def test_simulations_of_one_size_share_a_program(model):
    n_traced = []

    def counted(key, n):
        n_traced.append(n)
        return prior(key, n)

    counting = Model(counted, simulator, None, RULES)
    first = counting.simulate(jax.random.key(0), 4)
    n = len(n_traced)
    second = counting.simulate(jax.random.key(1), 4)
    assert len(n_traced) == n
    assert (np.asarray(first.data) != second.data).all()
    expected = model.simulate(jax.random.key(1), 4)
    np.testing.assert_array_equal(second.data, expected.data)


def test_functions_with_other_arguments():
    def prior(key, n):
        return {"a": jnp.zeros((n, 1))}

    def simulator(key, parameters):
        return {"obs": parameters["a"]}

    def times(parameters):
        return {"obs": jnp.zeros((1, 1))}

    for make in (
        partial(Model, prior, simulator, times),
        lambda: TokenGenerator(prior, simulator, times, {}, 2, 2, seed=0),
    ):
        with refused(
            TypeError,
            "functional_input_fn must accept (key, parameters), but its "
            "signature is (parameters).",
        ):
            make()
    with refused(
        TypeError,
        "simulator_fn must accept (key, parameters, functional_inputs), but "
        "its signature is (key, parameters).",
    ):
        Model(prior, simulator, lambda key, parameters: {})
    # With public functions, this fails at their annotations in tests.
    with refused(
        TypeError,
        "functional_input_fn is of type dict, expected a function of (key, "
        "parameters).",
    ):
        check_functions(prior, simulator, {"obs": jnp.zeros((1, 1))})
    for wrong in (lambda: {}, {"a": lambda: {}}):
        with refused(
            TypeError,
            "prior_fn must accept (key, n), but its signature is ().",
        ):
            Model(wrong, simulator)


def test_a_failing_prior_is_named():
    model = Model(simulator, prior)
    with pytest.raises(TypeError) as caught:
        model.simulate(jax.random.key(0), 2)
    assert caught.value.__notes__ == [
        "Raised by prior_fn(key, 2). Functions are passed in the order "
        "prior_fn, simulator_fn."
    ]


@pytest.mark.parametrize("name", ["target_keys", "exchangeable"])
def test_names_of_keys_are_a_list(name):
    with refused(
        TypeError,
        "Expected a list of keys, got the string 'mu'. Write ['mu'].",
    ):
        Model(prior, simulator, **{name: "mu"})
    model = Model(prior, simulator, **{name: ["nu"]})
    with pytest.raises(UnknownKeyError, match="'nu' not found"):
        model.simulate(jax.random.key(0), 2)


@pytest.mark.parametrize("n", [0, -1])
def test_a_number_of_simulations_that_makes_no_sense(model, n):
    with refused(ValueError, f"n is {n}, expected at least 1."):
        model.simulate(jax.random.key(0), n)


def test_a_numpy_prior_has_the_same_keys():
    def draw(key, n):
        return {"a": np.random.default_rng(int(key[1])).normal(size=(n, 1, 1))}

    model = Model(
        lambda key, n: draw(np.asarray(jax.random.key_data(key)), n),
        lambda key, parameters: {"obs": np.asarray(parameters["a"])},
    )
    assert model.target_keys == ("a",)


def test_observed_data_set_the_sizes_of_matched_dimensions(model):
    obs = np.arange(14.0, dtype=np.float32).reshape(7, 2, 1)
    tokens = model.condition({"obs": obs})
    assert tokens.sample_shape == ()
    assert tokens.layout["theta"].event_shape == (7,)
    assert tokens.layout["mu"].event_shape == (1,)
    np.testing.assert_array_equal(tokens.decode()["obs"], obs)
    several = model.condition({"obs": np.stack([obs, obs])})
    assert several.sample_shape == (2,)
    # Labels are those of the training, whatever keys there are.
    assert tokens.layout.label_map == model.layout.label_map


def test_an_axis_too_many_is_not_taken_for_data_sets():
    model = Model(
        lambda key, n: {"mu": jnp.zeros((n, 1))},
        lambda key, parameters: {"obs": jnp.zeros((2, 5, 3))},
        batch_ndims=0,
    )
    for shape in (5, 3, 1), (5, 4, 1):
        with pytest.raises(ValueError, match=r"Remove the last axis if this"):
            model.condition({"obs": np.ones(shape)})
    assert model.condition({"obs": np.ones((5, 4, 2))}).sample_shape == (5,)


def test_named_and_ragged_dimensions_keep_their_sizes():
    county = np.array([0, 0, 1])
    model = Model(
        lambda key, n: {"theta": jnp.zeros((n, 2, 1))},
        lambda key, parameters: {
            "obs": jnp.zeros((len(parameters["theta"]), 3, 1))
        },
        None,
        {"local": ["obs"], "cross_local": [("theta", "obs", "county")]},
        dims={"theta": ["county"], "obs": ["house"]},
        groups={"obs": {"county": county}},
    )
    same = model.condition({"obs": np.ones((3, 1))})
    assert same.layout == model.layout
    with pytest.raises(ValueError, match=r"4 tokens instead of 3.*'county'"):
        model.condition({"obs": np.ones((4, 1))})
    for ids in ([-1, 0, 1, 1], [1, 1, 2, 2]):
        with pytest.raises(
            ValueError,
            match=rf"{ids[0]}..{ids[-1]} of 'county'.*count from 0",
        ):
            model.condition(
                {"obs": np.ones((4, 1))}, groups={"obs": {"county": ids}}
            )
    other = np.array([0, 2, 1, 2])
    tokens = model.condition(
        {"obs": np.ones((4, 1))}, groups={"obs": {"county": other}}
    )
    assert tokens.layout["theta"].event_shape == (3,)
    np.testing.assert_array_equal(tokens.layout["obs"].groups[0].ids, other)


@pytest.mark.parametrize("differ", [False, True])
def test_inputs_of_another_size_must_be_passed(differ):
    def inputs(key, parameters):
        times = jnp.arange(3.0)[:, None]
        if not differ:
            return {"obs": times}
        return {"obs": times + jax.random.normal(key, (2, 1, 1))}

    model = Model(
        lambda key, n: {"mu": jnp.zeros((n, 1, 1))},
        lambda key, parameters, inputs: {"obs": jnp.zeros((2, 3, 1))},
        inputs,
    )
    expected = "differ between" if differ else r"\(5,\) instead of \(3,\)"
    with pytest.raises(ValueError, match=expected):
        model.condition({"obs": np.ones((5, 1))})
    times = {"obs": np.arange(5.0)[:, None]}
    tokens = model.condition({"obs": np.ones((5, 1))}, functional_inputs=times)
    assert tokens.functional_inputs[1:, 0].tolist() == [0, 1, 2, 3, 4]
    if not differ:
        same = model.condition({"obs": np.ones((3, 1))})
        assert same.functional_inputs[1:, 0].tolist() == [0, 1, 2]


def test_positions_are_made_for_any_size():
    model = Model(
        lambda key, n: {"mu": jnp.zeros((n, 1, 1))},
        lambda key, parameters: {
            "obs": jnp.zeros((len(parameters["mu"]), 3, 1))
        },
        positions=["obs"],
    )
    tokens = model.condition({"obs": np.ones((5, 1))})
    assert tokens.functional_inputs[1:, 0].tolist() == [0, 1, 2, 3, 4]


@pytest.mark.parametrize(
    ("observed", "expected"),
    [
        ({"theta": np.zeros((4, 1))}, r"values of \['obs'\] are missing"),
        ({"obs": np.zeros((4, 3))}, r"\(4, 3\), expected event axes"),
        ({"obs": np.zeros((4, 3))}, r"; pass 'obs' as array\[..., None\]$"),
        ({"obs": np.zeros((4, 3, 2))}, r"the batch shape \(1,\)"),
        (
            {"obs": np.zeros((4, 3, 1)), "theta": np.zeros((5, 1))},
            "axis 0 of 'theta' has size 5.*size 4 in 'obs'",
        ),
        (
            {"obs": np.zeros((2, 4, 3, 1)), "theta": np.zeros((4, 1))},
            "the sample shapes",
        ),
        (
            {"obs": np.zeros((0, 4, 3, 1))},
            r"no data sets: 'obs' has shape \(0, 4, 3, 1\)",
        ),
    ],
)
def test_observed_data_that_do_not_fit(model, observed, expected):
    with pytest.raises(ValueError, match=expected):
        model.condition(observed)


def test_density_is_the_sum_of_its_factors(model, simulations):
    factors = model.log_factors(simulations)
    assert factors["obs"].shape == (6, 4, 3)
    expected = sum(
        np.asarray(f).reshape(6, -1).sum(1) for f in factors.values()
    )
    found = model.log_density(simulations)
    np.testing.assert_allclose(found, expected, rtol=1e-5)
    one = model.log_density(simulations[2])
    assert one.shape == ()
    np.testing.assert_allclose(one, expected[2], rtol=1e-5)


def test_density_as_one_number(simulations):
    model = Model(
        prior,
        simulator,
        log_density_fn=lambda parameters, observed: parameters["mu"][:, 0, 0],
    )
    expected = simulations.decode()["mu"][:, 0, 0]
    np.testing.assert_array_equal(model.log_density(simulations), expected)


def test_density_of_a_wrong_shape_or_missing(simulations):
    model = Model(
        prior, simulator, log_density_fn=lambda *_: {"obs": jnp.zeros(6)}
    )
    with pytest.raises(ValueError, match=r"'obs' has shape \(6,\), expected"):
        model.log_density(simulations)
    with pytest.raises(NoDensityError, match="has no density"):
        Model(prior, simulator).log_density(simulations)
