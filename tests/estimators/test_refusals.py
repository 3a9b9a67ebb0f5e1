"""Invalid requests, refused before any computation."""

import copy
import dataclasses
import itertools
import re
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from flax import nnx

from refusals import refused
from tfmpe import (
    DatasetWriter,
    Model,
    Standardizer,
    Tokens,
    UnknownKeyError,
    open_dataset,
)
from tfmpe.estimators import (
    ContinuousFlow,
    FlowMatchingEstimator,
    UntrainedWarning,
    calibration_ranks,
    corrected,
    expected_coverage,
    mmd_test,
    posterior_predictive,
    train_bottom_up,
)
from tfmpe.estimators._arguments import real_number
from tfmpe.nn import Transformer


class Field(nnx.Module):
    """A field with four parameters that compiles quickly."""

    def __init__(self, dtype=jnp.float32):
        self.w = nnx.Param(jnp.full((4,), 0.1, dtype))

    def __call__(self, target, conditioning, time):
        real = conditioning.value_mask
        mean = jnp.where(real, conditioning.data, 0).mean((-2, -1))
        w, t = self.w[...], time[..., None, None]
        return w[0] * target.data + w[1] * mean[..., None, None] + w[2] * t


def simulations(n=32, seed=0):
    rng = np.random.default_rng(seed)
    mu = rng.normal(size=(n, 1, 1)).astype(np.float32)
    obs = mu + rng.normal(size=(n, 3, 1)).astype(np.float32)
    return Tokens.from_pytree({"mu": np.exp(mu), "obs": obs}, {})


def fit(estimator, data, **options):
    options = {
        "n_epochs": 2,
        "batch_size": 16,
        "key": jax.random.key(1),
    } | options
    return estimator.fit(data, ["mu"], ["obs"], **options)


def fit_field(data, **options):
    return fit(FlowMatchingEstimator(Field()), data, **options)


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"learning_rate": -1e-3}, ValueError, "learning_rate is -0.001"),
        ({"learning_rate": 0}, ValueError, "learning_rate is 0.0"),
        ({"learning_rate": float("nan")}, ValueError, "learning_rate is nan"),
        (
            {"learning_rate": optax.constant_schedule(1e-3)},
            TypeError,
            "learning_rate",
        ),
        ({"validation": np.float32(1.5)}, ValueError, "validation is 1.5"),
        ({"validation": 1}, ValueError, "validation is 1.0"),
        ({"steps_per_epoch": 3}, ValueError, "is for batches only"),
        ({"steps_per_epoch": 0}, ValueError, "steps_per_epoch is 0"),
        ({"n_epochs": 0}, ValueError, "n_epochs is 0"),
        ({"n_epochs": True}, TypeError, "n_epochs must be an integer"),
        ({"learning_rate": True}, TypeError, "learning_rate is True"),
        ({"learning_rate": 1e-50}, ValueError, "learning_rate is 1e-50"),
        ({"learning_rate": 1e39}, ValueError, r"learning_rate is 1e\+39"),
        (
            {"learning_rate": 0.5, "optimizer": optax.sgd(0.1)},
            ValueError,
            r"learning_rate=0\.5 has no effect with optimizer=",
        ),
    ],
)
def test_numbers_of_a_training_that_make_no_sense(options, error, message):
    with pytest.raises(error, match=message):
        fit_field(simulations(), **options)


def test_discrete_keys_hold_integers():
    data, message = simulations(), "32 of 32 values of 'mu' are not$"
    with pytest.raises(ValueError, match=message):
        fit(FlowMatchingEstimator(Field(), discrete=["mu"]), data)
    with pytest.raises(UnknownKeyError, match="'nu' not found"):
        fit(FlowMatchingEstimator(Field(), discrete=["nu"]), data)
    whole = np.ones((1, 1, 1), int)
    whole = Tokens.from_pytree({"mu": whole, "obs": whole}, {})
    raw = FlowMatchingEstimator(Field(), standardize=False, discrete=["mu"])
    with pytest.raises(TypeError, match=r"int.* keys \['mu'\]"):
        fit(raw, whole)


@pytest.mark.parametrize("sigma_min", [-1.0, float("nan"), float("inf")])
def test_settings_of_an_estimator_that_make_no_sense(sigma_min):
    with pytest.raises(ValueError, match=f"sigma_min is {sigma_min}, expected"):
        FlowMatchingEstimator(Field(), sigma_min=sigma_min)


# With public functions, these fail at their annotations in tests.
@pytest.mark.parametrize("value", ["0.1", None, [0.1], True, np.array([0.1])])
def test_what_is_not_a_number(value):
    message = re.escape(f"rate is {value!r}, expected a number")
    with pytest.raises(TypeError, match=message):
        real_number(value, "rate")


@pytest.mark.parametrize("share", [np.float32(0.25), jnp.float32(0.25)])
def test_a_share_may_be_any_float(share):
    history = fit_field(simulations(), validation=share)
    assert len(history.validation) == 2


def test_a_stored_dataset_is_trained_on(tmp_path):
    parts = [simulations(20, seed) for seed in range(3)]
    with DatasetWriter(tmp_path / "set") as writer:
        for part in parts:
            writer.append(part)
    stored = fit_field(open_dataset(tmp_path / "set"))
    whole = jax.tree.map(lambda *leaves: jnp.concatenate(leaves), *parts)
    listed = fit_field([whole])
    assert stored.training == pytest.approx(listed.training)


def passes(counted):
    class Batches:
        def __iter__(self):
            counted.append(None)
            yield from (simulations(16, seed) for seed in range(2))

    return Batches()


def test_batches_without_a_length_are_not_counted():
    counted = []
    with pytest.raises(TypeError, match=r"Batches has no length.*steps_per_ep"):
        fit_field(passes(counted))
    with pytest.raises(ValueError, match="steps_per_epoch is 0"):
        fit_field(passes(counted), steps_per_epoch=0)
    assert not counted


def test_an_epoch_of_so_many_steps_goes_on_where_the_last_one_stopped():
    def endless():
        for seed in itertools.count():
            seen.append(seed)
            yield simulations(16, seed)

    seen = []
    history = fit_field(endless(), steps_per_epoch=3, n_epochs=2)
    assert len(history.training) == 2
    assert seen == [0, 1, 2, 3, 4, 5]


def test_batches_begin_anew_within_an_epoch(tmp_path):
    options = {"steps_per_epoch": 3, "optimizer": optax.sgd(0.1)}
    interrupted = options | {"checkpoint": tmp_path / "checkpoint"}
    fit_field(passes([]), n_epochs=2, **interrupted)
    resumed = fit_field(passes([]), n_epochs=4, **interrupted)
    whole = fit_field(passes([]), n_epochs=4, **options)
    assert resumed.training == whole.training
    assert len(whole.training) == 4


def test_an_iterator_that_ends_or_has_a_checkpoint(tmp_path):
    two = [simulations(16), simulations(16, 1)]
    with pytest.raises(ValueError, match="ended after 0 of steps_per_epoch=2"):
        fit_field(iter(two), steps_per_epoch=2)
    with pytest.raises(ValueError, match="cannot start again"):
        fit_field(iter(two), steps_per_epoch=2, checkpoint=tmp_path)


def test_a_checkpoint_that_cannot_be_written_is_noticed_at_once(tmp_path):
    (tmp_path / "file").touch()
    counted = []

    class Batches(list):
        def __iter__(self):
            counted.append(None)
            return super().__iter__()

    with pytest.raises(FileExistsError, match="file"):
        fit_field(Batches([simulations()]), checkpoint=tmp_path / "file")
    assert not counted


@pytest.fixture(scope="module")
def trained():
    estimator = FlowMatchingEstimator(
        Field(), bijectors={"mu": (jnp.log, jnp.exp)}
    )
    fit(estimator, simulations())
    return estimator


@pytest.mark.parametrize("key", [0, np.random.default_rng(0), jnp.zeros(2)])
@pytest.mark.parametrize(
    "call",
    [
        lambda estimator, key: fit(estimator, simulations(), key=key),
        lambda estimator, key: estimator.sample(simulations(), key=key),
        lambda estimator, key: estimator.check({}, key=key),
        lambda estimator, key: estimator.corrected({}, key=key),
        lambda estimator, key: posterior_predictive(estimator, {}, key=key),
        lambda estimator, key: train_bottom_up(estimator, key=key),
        lambda estimator, key: corrected(estimator, {}, key=key),
        lambda estimator, key: mmd_test(
            key, jnp.ones((2, 1)), jnp.ones((2, 1))
        ),
        lambda estimator, key: Model(dict, dict).simulate(key, 3),
    ],
)
def test_what_is_not_a_key(trained, call, key):
    with pytest.raises(TypeError) as caught:
        call(trained, key)
    what = "an array of shape (2,) and dtype float32"
    if not isinstance(key, jax.Array):
        what = repr(key)
    assert str(caught.value) == (
        f"key is {what}, expected one PRNG key. Pass jax.random.key(0)."
    )


def test_options_of_a_check_are_read_first(trained):
    with refused(
        TypeError,
        "check does not accept n_simulation=. Did you mean 'n_simulations'?",
    ):
        trained.check({}, key=jax.random.key(0), n_simulation=3)


@pytest.mark.parametrize("shape", [(5, 32, 2, 1), (5, 32, 1, 2), (32, 1, 1)])
def test_values_of_another_shape(trained, shape):
    with refused(
        ValueError,
        f"values have shape {shape}, expected (n, 32, 1, 1): draws, sample "
        "axes, target tokens, width.",
    ):
        trained.log_prob(simulations(), values=jnp.ones(shape))


UNKNOWN = jnp.array([[0.5], [jnp.nan], [jnp.inf]])


@pytest.mark.filterwarnings("ignore::tfmpe.estimators.UnlikeTrainingWarning")
@pytest.mark.parametrize("options", [{}, {"rtol": 1e-3}])
def test_an_observation_that_is_not_known_is_refused(trained, options):
    observed = jax.tree.map(lambda leaf: leaf[0], simulations())
    observed = observed.with_values(obs=UNKNOWN)
    message = "2 of 3 values of 'obs' are NaN or infinite"
    with pytest.raises(ValueError, match=message):
        trained.sample(
            observed, ["mu"], ["obs"], key=jax.random.key(0), **options
        )
    with pytest.raises(ValueError, match=message):
        trained.log_prob(observed, ["mu"], ["obs"], **options)
    real = jnp.isfinite(observed.data).all(-1)
    gaps = dataclasses.replace(observed, padding=real)
    draws = trained.sample(gaps, key=jax.random.key(0), **options)
    assert jnp.isfinite(draws.data).all()


def test_calibration_names_what_is_not_known(trained):
    data = simulations()
    with pytest.raises(ValueError, match="64 of 96 values of 'obs'"):
        calibration_ranks(
            trained,
            data.with_values(obs=UNKNOWN),
            ["mu"],
            key=jax.random.key(0),
        )


def with_inputs(key="obs", wrong=None, n_real=3):
    """Return simulations with times, the last of which may be wrong."""
    tokens = simulations().decode()
    n_tokens = tokens[key].shape[1]
    times = np.arange(n_tokens, dtype=np.float32)[:, None]
    if wrong is not None:
        times[-1] = wrong
    return Tokens.from_pytree(
        tokens,
        {},
        functional_inputs={key: times},
        event_shapes={"obs": np.full((32, 1), n_real)},
    )


@pytest.mark.parametrize("wrong", [np.nan, np.inf])
@pytest.mark.parametrize("key", ["obs", "mu"])
def test_functional_inputs_that_are_not_known(key, wrong):
    trained = FlowMatchingEstimator(Field())
    fit(trained, with_inputs(key))
    data = with_inputs(key, wrong)
    message = f"Functional inputs must be finite: those of {key!r}"
    question, seed = (["mu"], ["obs"]), {"key": jax.random.key(0)}
    values = jnp.ones((1, 32, 1, 1))
    for use in (
        lambda: trained.sample(data, *question, **seed),
        lambda: trained.log_prob(data, *question),
        lambda: trained.log_prob(data, *question, values=values),
        lambda: calibration_ranks(trained, data, ["mu"], **seed),
        lambda: fit_field(data),
        lambda: fit_field([data]),
        lambda: fit_field(with_inputs(key), validation=data),
        lambda: Transformer.for_tokens(
            data, rngs=nnx.Rngs(0), exchangeable=["obs"]
        ),
    ):
        with pytest.raises(ValueError, match=message):
            use()


@pytest.mark.filterwarnings("ignore::tfmpe.estimators.UnlikeTrainingWarning")
def test_functional_inputs_of_padding_may_be_anything():
    trained = FlowMatchingEstimator(Field())
    fit(trained, with_inputs("obs"))
    one, other = with_inputs(n_real=2), with_inputs(wrong=np.nan, n_real=2)
    draws = [
        trained.sample(data, ["mu"], ["obs"], key=jax.random.key(0)).data
        for data in (one, other)
    ]
    np.testing.assert_array_equal(*draws)


@pytest.mark.parametrize("name", ["mu", "obs"])
@pytest.mark.parametrize("standardize", [True, False])
def test_training_names_what_is_not_known(name, standardize):
    """Faults are also found without a standardizer and in later batches."""
    good = simulations()
    wrong = UNKNOWN if name == "obs" else UNKNOWN[1:2]
    bad = good.with_values(**{name: wrong})
    for data, options in (
        (bad, {}),
        ([good, bad], {}),
        (good, {"validation": bad}),
    ):
        estimator = FlowMatchingEstimator(Field(), standardize=standardize)
        with pytest.raises(ValueError, match=f"{name!r} .*NaN or infinite"):
            fit(estimator, data, **options)


def test_training_again_names_what_is_not_known(trained):
    estimator = copy.copy(trained)
    good = simulations()
    outside = good.with_values(mu=jnp.full((1, 1), -1.0))
    for name, data in {
        "obs": good.with_values(obs=UNKNOWN),
        "mu": outside,
    }.items():
        with pytest.raises(ValueError, match=f"of {name!r} .*outside the supp"):
            fit(estimator, data)


def test_density_outside_the_support_of_a_bijector(trained):
    tokens = simulations(4)
    values = tokens.with_values(mu=jnp.array([1.0, -1, 2, -3]).reshape(4, 1, 1))
    density = trained.log_prob(values, ["mu"], ["obs"])
    assert np.isneginf(density).tolist() == [False, True, False, True]
    inside = trained.log_prob(
        tokens.with_values(mu=jnp.array([1.0, 1, 2, 1]).reshape(4, 1, 1)),
        ["mu"],
        ["obs"],
    )
    np.testing.assert_allclose(density[::2], inside[::2], rtol=1e-5)
    draws = values.select_tokens(["mu"]).data[None]
    several = trained.log_prob(tokens, ["mu"], ["obs"], values=draws)
    np.testing.assert_allclose(several[0], density)


def test_bijectors_that_do_not_undo_one_another():
    wrong = {"mu": (jnp.log, jnp.expm1)}
    with pytest.raises(ValueError, match=r"'mu' has .* are not inverses"):
        Standardizer.fit(simulations(), bijectors=wrong)


@pytest.mark.parametrize(
    ("bijectors", "standardize"),
    [(None, True), (None, False), ({"mu": (jnp.log, jnp.exp)}, True)],
)
def test_an_estimator_saved_before_it_was_trained(
    tmp_path, bijectors, standardize
):
    path = tmp_path / "estimator"
    estimator = FlowMatchingEstimator(
        Field(), bijectors=bijectors, standardize=standardize
    )
    estimator.save(path)
    loaded = FlowMatchingEstimator.load(path, Field(), bijectors=bijectors)
    data = simulations()
    assert fit(loaded, data).training == fit(estimator, data).training
    assert (loaded.standardizer is not None) == standardize


def test_a_network_of_64_bits_is_loaded_with_32(tmp_path, x64):
    path = tmp_path / "estimator"
    with x64():
        FlowMatchingEstimator(Field(jnp.float64)).save(path)
    loaded = FlowMatchingEstimator.load(path, Field())
    assert loaded.vector_field.w[...].dtype == jnp.float32
    FlowMatchingEstimator(Field()).save(path)
    with x64():
        wide = FlowMatchingEstimator.load(path, Field(jnp.float64))
        assert wide.vector_field.w[...].dtype == jnp.float64
    np.testing.assert_allclose(loaded.vector_field.w[...], 0.1)


def test_no_rows_give_no_draws():
    flow = ContinuousFlow(lambda target, conditioning, time: target.data)
    none = jax.tree.map(lambda leaf: leaf[:0], simulations())
    draws = flow.sample(none, ["mu"], key=jax.random.key(0), n_samples=5)
    assert draws.shape == (5, 0, 1, 1)
    assert flow.log_prob(none, ["mu"]).shape == (0,)
    assert flow.log_prob(none, ["mu"], values=draws).shape == (5, 0)


class Constant:
    """An estimator with exact draws of a coin and a constant."""

    def sample(self, tokens, target, given, *, key, n_samples):
        data = self.draw(tokens.select_tokens(["obs"]).data, key, n_samples)
        view = tokens.select_tokens(target).to_tokens()
        return Tokens(data, view.layout)

    @staticmethod
    @partial(jax.jit, static_argnums=2)
    def draw(obs, key, n_samples):
        seen = obs[..., 0, 0]
        coin = jax.random.bernoulli(
            key, jax.nn.sigmoid(seen - 0.5), (n_samples, *seen.shape)
        )
        data = jnp.stack([coin, jnp.ones_like(coin)], -1).astype(float)
        return data[..., None]


def test_ties_have_a_random_place():
    rng = np.random.default_rng(0)
    coin = (rng.random((400, 1, 1)) < 0.5).astype(np.float32)
    obs = coin + rng.normal(size=(400, 1, 1)).astype(np.float32)
    tokens = Tokens.from_pytree(
        {"coin": coin, "one": np.ones((400, 1, 1)), "obs": obs}, {}
    )
    ranks = calibration_ranks(
        Constant(), tokens, ["coin", "one"], ["obs"], key=jax.random.key(2)
    )
    assert ranks.uniformity().p_value > 0.01
    coverage = expected_coverage(ranks)
    at_90 = np.argmin(np.abs(coverage.levels - 0.9))
    for name in ("coin", "one"):
        assert abs(coverage.central[name].reshape(-1)[at_90] - 0.9) < 0.05


def test_estimators_that_share_a_network_do_not_share_its_training():
    network = Field()
    one, other = FlowMatchingEstimator(network), FlowMatchingEstimator(network)
    fit(one, simulations())
    observed = simulations(2, 5)
    ask = {"key": jax.random.key(0), "n_samples": 3}
    before = one.sample(observed, ["mu"], ["obs"], **ask).data
    fit(other, simulations(32, 9), learning_rate=0.1)
    after = one.sample(observed, ["mu"], ["obs"], **ask).data
    np.testing.assert_array_equal(before, after)
    np.testing.assert_array_equal(network.w[...], Field().w[...])


def test_an_untrained_estimator_says_so():
    with pytest.warns(UntrainedWarning, match="never trained"):
        FlowMatchingEstimator(Field()).sample(
            simulations(2), ["mu"], ["obs"], key=jax.random.key(0)
        )
