"""Models from NumPyro: layout, inputs, densities, and what is refused."""
# ruff: noqa: E402

import sys

import jax
import jax.numpy as jnp
import numpy as np
import pytest

numpyro = pytest.importorskip("numpyro")

import numpyro.distributions as dist
from numpyro import plate, sample
from numpyro.contrib.control_flow import scan
from numpyro.infer.util import log_density

from models.numpyro_models import (
    CASES,
    Simulated,
    derive,
    eight_schools,
    gaussian,
    regression,
    seir,
    three_level,
)
from tfmpe import from_numpyro
from tfmpe.models._numpyro.run import bound


def read(model, *arguments):
    return from_numpyro(model, *arguments, observed=["obs"])


def inputs_of(model):
    """Return the functional inputs of obs, the only key that has some."""
    inputs = model.functional_input_fn(jax.random.key(0), {})
    assert list(inputs) == ["obs"]
    return inputs["obs"]


def with_slope(means_of):
    """Return a model of observations whose means depend on a slope."""

    def model(*arguments):
        means = means_of(sample("slope", dist.Normal(0, 1)), *arguments)
        with plate("row", len(means)):
            sample("obs", dist.Normal(means, 1))

    return model


def test_rules_are_those_that_one_would_write():
    model = derive("gaussian")
    assert model.layout.independence.to_dict() == {
        "local": ["theta", "obs"],
        "cross": [("mu", "obs"), ("obs", "mu")],
        "cross_local": [("theta", "obs", "site")],
    }
    assert model.layout["obs"].dims == ("site", "visit")
    assert model.target_keys == ("mu", "theta")
    assert set(model.exchangeable) == {"mu", "theta", "obs"}


def test_each_rule_is_explained():
    text = derive("gaussian").explain()
    assert max(map(len, text.splitlines())) < 80
    for line in (
        "  open mu, theta: theta depends on mu; all probes agree",
        "  local theta: given all else, no token of theta depends on another",
        "  cross_local theta, obs on site: obs depends on theta, there only;"
        " all probes",
    ):
        assert line in text.splitlines(), text


def test_groups_are_read_from_indexing_and_composed():
    school_of, class_of = np.array([1, 0, 1]), np.array([2, 0, 1, 1, 2])
    model = read(three_level, school_of, class_of)
    found = {group.name: group for group in model.layout["obs"].groups}
    assert np.array_equal(found["class"].ids, class_of)
    assert np.array_equal(found["school"].ids, school_of[class_of])
    assert model.layout["class_effect"].groups[0].name == "school"


def test_two_groups_along_one_plate_have_two_names():
    layout = derive("football").layout
    names = {group.name for group in layout["obs"].groups}
    assert names == {"team", "defence_team"}
    assert layout["defence"].dims == ("defence_team",)


def test_arguments_that_enter_token_by_token_are_functional_inputs():
    x, offset = np.arange(6.0).reshape(3, 2) + 1, np.array([5.0, 7.0, 4.0])
    model = read(regression, x, offset)
    tokens = model.simulate(jax.random.key(0), 2)
    expected = np.column_stack([offset, x])
    # The order of coefficients has a meaning, which only x tells.
    assert np.array_equal(
        tokens.select_tokens(["obs"]).functional_inputs[0], expected
    )
    assert "inputs obs: offset, x[0], x[1]" in model.explain()


def test_times_enter_by_way_of_an_index():
    times = np.array([1.0, 4.0, 9.0])
    model = read(seir, times, 2)
    assert np.array_equal(inputs_of(model)[..., 0], np.stack([times, times]))


def with_equation(times, n):
    with plate("site", n):
        rate = sample("rate", dist.HalfNormal(1))

    # As a solver, from each time to the next.
    elapsed = jnp.cumsum(jnp.diff(times, prepend=0.0))
    with plate("site", n, dim=-2), plate("time", len(times), dim=-1):
        sample("obs", dist.Normal(jnp.exp(-rate[:, None] * elapsed), 0.1))


def test_times_of_a_differential_equation_are_inputs():
    times = jnp.array([0.0, 1.0, 4.0])
    model = read(with_equation, times, 2)
    assert np.array_equal(inputs_of(model)[..., 0], np.stack([times, times]))
    rules = model.layout.independence.to_dict()
    assert rules["cross_local"] == [("rate", "obs", "site")]
    assert rules["local"] == ["rate", "obs"]


def with_standardized(x):
    slope = sample("slope", dist.Normal(0, 1).expand([2]).to_event(1))
    x = (x - x.mean(0)) / x.std(0)
    with plate("row", len(x)):
        sample("obs", dist.Normal(x @ slope, 1))


def test_covariates_that_a_model_standardizes_are_inputs():
    x = np.array([[0.0, 3.0], [1.0, 5.0], [4.0, 4.0]])
    model = read(with_standardized, x)
    assert np.array_equal(inputs_of(model), x)


def test_covariates_of_groups_are_inputs_of_the_members_they_enter():
    model, case = derive("standardized_effects"), CASES["standardized_effects"]
    school_of, class_of, funding, income = case.arguments
    expected = np.column_stack([funding[school_of][class_of], income])
    assert np.array_equal(inputs_of(model), expected.astype(np.float32))
    assert model.layout["class_effect"].groups[0].name == "school"
    assert "obs" in model.exchangeable


ELSEWHERE = np.array([0.5, 2.0, -1.0])


@pytest.mark.parametrize(
    ("means_of", "x"),
    [
        (lambda slope, x: slope * ELSEWHERE + x, [3.0, 1.0, 0.5]),
        # A covariate of zero does not hide the other.
        (lambda slope, x: slope * ELSEWHERE * x, [0.0, 1.0, -2.0]),
    ],
)
def test_tokens_get_positions_if_not_all_covariates_are_arguments(means_of, x):
    found = read(with_slope(means_of), np.array(x))
    expected = np.column_stack([x, np.arange(3)])
    assert np.array_equal(inputs_of(found), expected)


@pytest.mark.parametrize(
    ("means_of", "indices"),
    [
        (
            lambda slope, x, first, second: slope * (x[first] - x[second]),
            [[2, 0, 3, 1, 3], [0, 1, 1, 2, 0]],
        ),
        (lambda slope, x: slope * (x - jnp.roll(x, 1)), []),
        (lambda slope, x: slope * jnp.diff(x, prepend=0.0), []),
    ],
)
def test_values_whose_order_a_network_would_not_know_are_no_inputs(
    means_of, indices
):
    x = np.array([0.0, 1.0, 2.5, 4.0])
    found = read(with_slope(means_of), x, *map(np.array, indices))
    assert found.functional_input_fn is None
    assert "obs" not in found.exchangeable


def test_an_index_as_long_as_what_it_selects_from_selects():
    model = with_slope(lambda slope, x, group: slope * x[group])
    x, group = jnp.array([0.0, 1.0, 2.5, 4.0]), jnp.array([3, 3, 0, 1])
    found = read(model, x, group)
    assert np.array_equal(inputs_of(found)[:, 0], [4.0, 4.0, 0.0, 1.0])


def test_columns_of_a_matrix_may_be_tokens():
    def model(x):
        slope = sample("slope", dist.Normal(0, 1).expand([2]).to_event(1))
        with plate("column", x.shape[1]):
            sample("obs", dist.Normal(slope @ x, 1))

    x = np.arange(6.0).reshape(2, 3)
    found = read(model, x)
    assert np.array_equal(inputs_of(found), x.T)


def with_integers(dose, region):
    with plate("region", 3):
        rate = sample("rate", dist.Normal(0, 1))
    with plate("case", len(dose)):
        logits = rate[region] * dose
        sample("obs", dist.Bernoulli(logits=logits))


def test_integers_are_inputs_unless_they_are_groups():
    dose, region = np.array([3, 4, 5, 3]), np.array([0, 2, 1, 1])
    model = read(with_integers, dose, region)
    tokens = model.simulate(jax.random.key(0), 3)
    obs = tokens.select_tokens(["obs"])
    assert np.array_equal(obs.functional_inputs[0], dose[:, None])
    assert model.layout["obs"].groups[0].name == "region"
    # Discrete observations become floats.
    assert obs.decode()["obs"].dtype == jnp.float32


def test_tokens_in_an_order_get_positions():
    model = derive("state_space")
    assert model.layout["z"].n_inputs == 1
    assert "z" not in model.exchangeable
    assert derive("walk").layout["obs"].n_inputs == 1


def walks(n_sites, n_times):
    with plate("site", n_sites, dim=-2), plate("time", n_times, dim=-1):
        d = sample("d", dist.Normal(0, 1))
        sample("obs", dist.Normal(jnp.cumsum(d, -1), 0.1))


def shifted(n_sites, n_times):
    with plate("site", n_sites, dim=-2), plate("time", n_times, dim=-1):
        d = sample("d", dist.Normal(0, 1))
        sample("obs", dist.Normal(d + jnp.roll(d, 1, -1), 0.1))


def transposed(n_sites, n_times):
    with plate("row", n_sites, dim=-2), plate("column", n_times, dim=-1):
        d = sample("d", dist.Normal(0, 1))
        sample("obs", dist.Normal(d.T, 0.1))


@pytest.mark.parametrize(
    ("model", "shape"),
    [(walks, (2, 3)), (shifted, (2, 4)), (transposed, (3, 3))],
)
def test_tokens_in_an_order_within_a_plate_get_positions(model, shape):
    layout = read(model, *shape).layout
    assert layout["d"].n_inputs == layout["obs"].n_inputs == 1


def test_tokens_with_different_weights_within_a_plate_get_positions():
    def model(weights):
        with plate("site", 3, dim=-2), plate("time", 4, dim=-1):
            d = sample("d", dist.Normal(0, 1))
        with plate("site", 3):
            sample("obs", dist.Normal(d @ weights, 1))

    found = read(model, jnp.array([1.0, 2.0, 2.0, 1.0]))
    assert found.layout["d"].n_inputs == 1
    found = read(model, jnp.ones(4))
    assert found.exchangeable == ("d", "obs")


def test_tokens_in_an_order_within_groups_get_positions():
    group, before = np.array([0, 0, 0, 1, 1]), np.array([0, 0, 1, 3, 3])

    def model():
        with plate("group", 2):
            mu = sample("mu", dist.Normal(0, 1))
        with plate("row", 5):
            z = sample("z", dist.Normal(mu[group], 1))
            mean = mu[group] + z + 2 * z[before]
            sample("obs", dist.Normal(mean, 1))

    layout = read(model).layout
    assert ("z", "obs", "group") in layout.independence.to_dict()["cross_local"]
    assert layout["z"].n_inputs == layout["obs"].n_inputs == 1


@pytest.mark.parametrize("name", ["eight_schools", "state_space"])
def test_density_is_that_of_numpyro(name):
    model, case = derive(name), CASES[name]
    tokens = model.simulate(jax.random.key(1), 3)

    @jax.jit
    @jax.vmap
    def expected(values):
        return log_density(case.model, case.arguments, {}, values)[0]

    # Sums of a few float32 terms in another order.
    np.testing.assert_allclose(
        model.log_density(tokens), expected(tokens.decode()), rtol=1e-5
    )
    for key, factor in model.log_factors(tokens).items():
        assert factor.shape == (3, *model.layout[key].event_shape)


def test_simulations_in_a_scan_follow_the_parameters():
    values = derive("state_space").simulate(jax.random.key(1), 2_000).decode()
    z, phi = values["z"], values["phi"][:, None]
    for error in (values["obs"] - z, z[:, 1:] - phi * z[:, :-1]):
        # Standard normal: five standard errors of 8,000 values.
        assert abs(error.mean()) < 5 / np.sqrt(error.size)
        assert abs(error.std() - 1) < 5 / np.sqrt(2 * error.size)


def test_the_index_of_a_plate_may_select_from_numpy_arrays():
    def indexed(x, group, y=None):
        with plate("group", 2):
            a = sample("a", dist.Normal(0, 1))
        with plate("row", len(x)) as rows:
            y = None if y is None else y[rows]
            sample("obs", dist.Normal(a[group[rows]] + x[rows], 1), obs=y)

    x, group = np.arange(4.0), np.array([0, 1, 1, 0])
    layout = from_numpyro(indexed, x, group, np.zeros(4)).layout
    assert layout["obs"].n_inputs == 1
    assert np.array_equal(layout["obs"].groups[0].ids, group)


@pytest.mark.parametrize("site", ["a", "obs"])
def test_a_delta_distribution_is_a_simulator_without_density(site):
    def model():
        a = sample("a", dist.Normal(0, 1))
        with plate("n", 2):
            noise = sample("noise", dist.Normal(a, 1))
            if site == "a":
                noise = sample("exact", dist.Delta(noise))
                sample("obs", dist.Normal(noise, 1))
            else:
                sample(
                    "obs", dist.Delta(jnp.stack([noise] * 2, -1), event_dim=1)
                )

    found = read(model)
    assert not found.has_density
    assert "depends on noise, there only" in found.explain()


def test_bounded_sites_get_the_bijectors_of_their_supports():
    def model():
        a = sample("a", dist.HalfNormal(1))
        b = sample("b", dist.Uniform(-1, 3))
        c = sample("c", dist.Normal(0, 1).expand([2]).to_event(1))
        with plate("n", 3):
            d = sample("d", dist.Beta(jnp.ones(3), 2))
            sample("obs", dist.Normal(a + b * d + c.sum(), 1))

    found = read(model).bijectors
    assert set(found) == {"a", "b", "d"}
    assert np.allclose(found["b"](jnp.array([-1e3, 0.0, 1e3])), [-1, 1, 3])


def test_a_simulator_needs_no_density():
    model = derive("black_box")
    assert not model.has_density
    assert "simulator obs: has no density" in model.explain()
    tokens = model.simulate(jax.random.key(0), 5)
    assert tokens.decode()["obs"].shape == (5, 4, 2)


def simulated_decay(n):
    rate = sample("rate", dist.HalfNormal(1))
    with plate("time", n):
        sample("obs", Simulated(rate * jnp.exp(-jnp.arange(n))))


def simulated_rare(n):
    shift = sample("shift", dist.Normal(0, 1e-3))
    with plate("site", n):
        sample("obs", Rare(shift + jnp.zeros(n)))


class Rare(dist.Distribution):
    """A simulator that rarely draws anything but 0."""

    support = dist.constraints.real
    pytree_data_fields = ("shift",)

    def __init__(self, shift):
        self.shift = shift
        super().__init__(batch_shape=jnp.shape(shift))

    def sample(self, key, sample_shape=()):
        """Draw 1 once in 100,000 times."""
        drawn = jax.random.uniform(key, (*sample_shape, *self.batch_shape))
        return (drawn + self.shift * 1e-9 < 1e-5).astype(float)


def test_rare_events_leave_a_simulator_exchangeable():
    found = read(simulated_rare, 200)
    assert found.exchangeable == ("shift", "obs")


def test_simulators_that_differ_between_tokens_get_positions():
    found = read(simulated_decay, 5)
    assert found.layout["obs"].n_inputs == 1
    assert found.exchangeable == ("rate",)


def test_observed_sites_are_those_with_values():
    y = np.zeros(3)
    model = from_numpyro(eight_schools, np.ones(3) + np.arange(3), y)
    assert model.conditioning_keys == ("obs",)
    drawn = model.simulate(jax.random.key(0), 2).decode()["obs"]
    assert drawn.std() > 0


def test_numpyro_is_named_if_it_is_missing(monkeypatch):
    monkeypatch.setitem(sys.modules, "numpyro", None)
    with pytest.raises(ImportError, match=r"pip install 'tfmpe\[numpyro\]'"):
        read(gaussian, 2, 2)


def observe(mean=0.0):
    sample("obs", dist.Normal(mean, 1))


def observe_mean():
    observe(sample("mu", dist.Normal(0, 1)))


def with_factor():
    mu = sample("mu", dist.Normal(0, 1))
    numpyro.factor("push", -(mu**2))
    observe(mu)


def with_factor_of_each():
    mu = sample("mu", dist.Normal(0, 1))
    with plate("n", 2):
        numpyro.factor("push", -(mu**2))
    observe(mu)


def with_delta_factor():
    mu = sample("mu", dist.Normal(0, 1))
    sample("push", dist.Delta(0.0, log_density=-(mu**2)))
    observe(mu)


def with_parameter():
    observe(numpyro.param("loc", 0.0) + sample("mu", dist.Normal(0, 1)))


def with_mask():
    mu = sample("mu", dist.Normal(0, 1))
    with plate("n", 2), numpyro.handlers.mask(mask=jnp.array([True, False])):
        observe(mu)


def with_mask_of_a_plate():
    mu = sample("mu", dist.Normal(0, 1))
    with plate("n", 2), numpyro.handlers.mask(mask=False):
        observe(mu)


def with_mask_of_a_distribution():
    mu = sample("mu", dist.Normal(0, 1))
    masked = dist.Normal(mu, jnp.ones(2)).mask(jnp.array([True, False]))
    sample("obs", masked.to_event(1))


def with_censored():
    mu = sample("mu", dist.Normal(0, 1))
    if not hasattr(dist, "RightCensoredDistribution"):
        pytest.skip("this release of NumPyro has no censored distributions")
    with plate("n", 2):
        sample(
            "obs",
            dist.RightCensoredDistribution(
                dist.Normal(mu, 1), jnp.array([True, False])
            ),
        )


def with_scale():
    with numpyro.handlers.scale(scale=2.0):
        mu = sample("mu", dist.Normal(0, 1))
    observe(mu)


def with_subsample():
    mu = sample("mu", dist.Normal(0, 1))
    with plate("n", 10, subsample_size=2):
        observe(mu)


def with_discrete():
    observe(sample("kind", dist.Bernoulli(0.5)))


def with_simplex():
    observe(sample("weights", dist.Dirichlet(jnp.ones(3)))[0])


def with_moving_bounds():
    low = sample("low", dist.Normal(0, 1))
    observe(sample("x", dist.Uniform(low, low + 1)))


def with_rarely_moving_bounds():
    mu = sample("mu", dist.Normal(0, 1))
    observe(sample("x", dist.Uniform(0, jnp.where(mu > 1, 2.0, 1.0))))


def with_branch():
    observe(1.0 if sample("mu", dist.Normal(0, 1)) > 0 else -1.0)


def with_late_latent():
    x = sample("obs", dist.Normal(0, 1))
    sample("mu", dist.Normal(x, 1))


def without_plate(y):
    mu = sample("mu", dist.Normal(0, 1))
    sample("obs", dist.Normal(mu, 1), obs=y)


def with_own_past(y):
    phi = sample("phi", dist.Normal(0, 1))
    with plate("t", len(y)):
        before = jnp.concatenate([jnp.zeros(1), y[:-1]])
        sample("obs", dist.Normal(phi * before, 1), obs=y)


def with_scanned_values(y):
    phi = sample("phi", dist.Normal(0, 1))

    def step(last, value):
        value = sample("obs", dist.Normal(phi * last, 1), obs=value)
        return value, None

    scan(step, 0.0, y)


def scanned_in_a_plate():
    with numpyro.plate("site", 2):
        start = numpyro.sample("start", dist.Normal(0, 1))

        def step(last, _):
            return numpyro.sample("obs", dist.Normal(last, 1)), None

        scan(step, start, None, length=3)


def improper():
    observe(sample("mu", dist.ImproperUniform(dist.constraints.real, (), ())))


def hidden():
    mu = sample("mu", dist.Normal(0, 1))
    observe(mu + jax.random.normal(numpyro.prng_key()))


@pytest.mark.parametrize(
    ("model", "arguments", "words"),
    [
        (with_factor, (), "'push' is a factor"),
        (with_factor_of_each, (), "'push' is a factor"),
        (with_delta_factor, (), "'push' is a factor"),
        (with_parameter, (), "'loc' is a param site"),
        (with_mask, (), "'obs' is masked"),
        (with_mask_of_a_plate, (), "'obs' is masked"),
        (with_mask_of_a_distribution, (), "'obs' is masked"),
        (with_censored, (), "'obs' has a censored density"),
        (with_scale, (), "'mu' has a scaled density"),
        (with_subsample, (), "plate 'n' has subsample_size 2"),
        (with_discrete, (), "'kind' is discrete"),
        (with_simplex, (), "the support of 'weights'"),
        (with_moving_bounds, (), "the bounds of 'x'"),
        (with_rarely_moving_bounds, (), "the bounds of 'x'"),
        (with_branch, (), r"uses values of \['mu'\]"),
        (with_late_latent, (), "'mu' depends on the observed site 'obs'"),
        (without_plate, (np.zeros(3),), r"'obs' is given .* shape \(3,\)"),
        (with_own_past, (np.arange(3.0),), "argument 'y' holds"),
        (with_scanned_values, (np.zeros(3),), "inside NumPyro's scan"),
        (improper, (), "'mu' cannot be simulated: its distribution has"),
        (
            scanned_in_a_plate,
            (),
            r"at or after 'start': .* body function\. .* more information\.$",
        ),
        (hidden, (), "outside of sample sites"),
        (numpyro.handlers.seed(observe_mean, 0), (), "handlers.seed"),
        (
            numpyro.handlers.substitute(gaussian, {"theta": jnp.zeros((2, 1))}),
            (2, 2),
            "'theta' has a given value",
        ),
    ],
)
def test_what_is_not_supported_is_named(model, arguments, words):
    with pytest.raises(ValueError, match=words):
        read(model, *arguments)


def test_arguments_that_do_not_fit_the_model():
    def houses(county, x):
        with numpyro.plate("county", 3):
            theta = numpyro.sample("theta", dist.Normal(0, 1))
        with numpyro.plate("house", 4):
            numpyro.sample("obs", dist.Normal(theta[county] + x, 1))

    for county, x, words in (
        ([0, 1, 2, 2], np.zeros(4), r"county \(list\), x \(ndarray \(4,\)\)"),
        (np.arange(4) % 3, np.zeros(5), r"x \(ndarray \(5,\)\)"),
    ):
        with pytest.raises(TypeError, match=f"after the site 'theta'.*{words}"):
            read(houses, county, x)


@pytest.mark.parametrize(
    ("observed", "words"),
    [
        (["ops"], "Did you mean 'obs'"),
        (["mu", "theta", "obs"], "nothing is to be inferred"),
        (None, r"observed=\['obs'\]"),
    ],
)
def test_observed_sites_must_exist(observed, words):
    with pytest.raises(ValueError, match=words):
        from_numpyro(gaussian, 2, 2, observed=observed)


@pytest.mark.parametrize(
    ("observed", "words"),
    [
        ("obs", r"got the string 'obs'. Write \['obs'\]"),
        (
            {"obs": np.zeros((2, 2))},
            r"values of \['obs'\], expected names.*observed=\['obs'\], and",
        ),
    ],
)
def test_observed_sites_are_names(observed, words):
    def fails():
        raise AssertionError("The model must not run.")

    with pytest.raises(TypeError, match=words):
        from_numpyro(fails, observed=observed)


def empty():
    pass


def test_what_is_not_a_model_with_its_arguments():
    with pytest.raises(
        TypeError,
        match=r"do not fit gaussian\(.*\): missing a required argument: '.*"
        "None for observed values",
    ):
        from_numpyro(gaussian, 2, observed=["obs"])
    with pytest.raises(TypeError, match="too many positional"):
        from_numpyro(gaussian, 2, 2, 2, 2, observed=["obs"])
    with pytest.raises(ValueError, match=r"empty has no numpyro\.sample sites"):
        from_numpyro(empty, observed=["obs"])
    # With public functions, this fails at their annotations in tests.
    kernel = numpyro.infer.NUTS(gaussian)
    with pytest.raises(TypeError, match="is of type NUTS, expected a function"):
        bound(kernel, (2, 2), {})
