"""Predictive checks: calibrated for a correct model, and only for it."""

from dataclasses import replace
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from estimators.exact_gaussian import (
    N_OBS,
    N_SITES,
    ExactGaussian,
    simulate,
    simulate_padded,
    simulator,
)
from refusals import refused
from tfmpe import Tokens, UnknownKeyError
from tfmpe.estimators._checks.predictive import posterior_predictive

KEY = jax.random.key(1)
PARAMETERS = ["mu", "theta"]


def predict(tokens, simulator=simulator, estimator=None, **options):
    return posterior_predictive(
        estimator or ExactGaussian(),
        tokens,
        PARAMETERS,
        ["obs"],
        simulator,
        key=KEY,
        **options,
    )


class Given:
    """An estimator that draws every target value from a fixed normal."""

    def __init__(self, mean=0.0, sd=1.0):
        self.mean, self.sd = mean, sd

    def sample(self, tokens, target, given, *, key, n_samples, batch_size=None):
        view = tokens.select_tokens(target)
        shape = (n_samples, *view.data.shape)
        noise = jax.random.normal(key, shape)
        padding = view.padding
        values = self.mean + self.sd * noise
        if padding is not None:
            padding = jnp.broadcast_to(padding, shape[:-1])
            values = jnp.where(padding[..., None], values, -1e8)
        return Tokens(values, view.layout, None, padding)


def test_right_draws_cover_the_data():
    predicted = predict(simulate(200))
    assert predicted.draws.sample_shape == (200, 200)
    assert predicted.simulated["obs"].shape == (200, 200, N_SITES, N_OBS, 1)
    # Conditioning on the data makes predictions closer: measured 0.55 and 0.93
    # with four seeds, within 0.005.
    assert 0.5 < predicted.share_inside(0.5)["obs"] < 0.62
    assert 0.9 < predicted.share_inside(0.9)["obs"] < 0.96


@pytest.mark.parametrize(
    ("wrong", "low", "high"),
    [({"shift": 5.0}, 0, 0.6), ({"scale": 6.0}, 0.99, 1)],
)
def test_wrong_draws_do_not(wrong, low, high):
    predicted = predict(simulate(200), estimator=ExactGaussian(**wrong))
    assert low <= predicted.share_inside(0.9)["obs"] <= high


def test_the_simulator_is_handed_the_draws():
    seen = []

    def record(key, parameters):
        seen.append((key, parameters))
        return simulator(key, parameters)

    tokens = simulate(2)
    predicted = predict(tokens, record, n_samples=20)
    ((_, parameters),) = seen
    assert list(parameters) == PARAMETERS
    draws = ExactGaussian().sample(
        tokens, PARAMETERS, ["obs"], key=jax.random.split(KEY)[0], n_samples=20
    )
    for name in PARAMETERS:
        wanted = draws.decode()[name]
        np.testing.assert_array_equal(predicted.draws.decode()[name], wanted)
        found = parameters[name]
        assert isinstance(found, jax.Array)
        np.testing.assert_array_equal(found.reshape(wanted.shape), wanted)
    wanted = simulator(*seen[0])["obs"]
    np.testing.assert_array_equal(
        predicted.simulated["obs"].reshape(wanted.shape), wanted
    )


def test_batches():
    seen = []

    def record(key, parameters):
        seen.append((key, len(parameters["mu"])))
        return simulator(key, parameters)

    estimator = ExactGaussian()
    predicted = predict(
        simulate(3), record, estimator, n_samples=20, batch_size=25
    )
    assert [n for _, n in seen] == [25, 25, 10]
    assert estimator.calls == [(20, 25)]
    keys = {tuple(jax.random.key_data(key).tolist()) for key, _ in seen}
    assert len(keys) == 3
    assert predicted.simulated["obs"].shape[:2] == (20, 3)


def test_progress(capsys):
    """Of the simulations; the estimator shows that of the draws."""
    seen = []

    class Shown(Given):
        def sample(self, *args, progress=False, **options):
            seen.append(progress)
            return super().sample(*args, **options)

    predict(simulate(3), n_samples=20, batch_size=25, estimator=Shown())
    assert capsys.readouterr() == ("", "")
    options = {"batch_size": 25, "progress": True, "estimator": Shown()}
    predict(simulate(3), n_samples=20, **options)
    assert seen == [False, True]
    out, err = capsys.readouterr()
    assert out == ""
    assert "simulating: 100%" in err
    assert "60/60" in err


@pytest.mark.parametrize("shape", [(), (1,), (2, 3)])
def test_any_sample_axes(shape):
    n = int(np.prod(shape, dtype=int))
    tokens = jax.tree.map(
        lambda leaf: leaf.reshape((*shape, *leaf.shape[1:])), simulate(n)
    )
    inner = (N_SITES, N_OBS, 1)
    for same in (
        tokens,
        jax.tree.map(np.asarray, tokens),
        tokens.select_tokens(["obs", "theta", "mu"]),
    ):
        predicted = predict(same, n_samples=30)
        assert predicted.simulated["obs"].shape == (30, *shape, *inner)
        lower, upper = predicted.interval(0.5)
        assert lower["obs"].shape == (*shape, *inner)
        np.testing.assert_allclose(
            upper["obs"], np.quantile(predicted.simulated["obs"], 0.75, 0)
        )
        observed = np.asarray(tokens.decode()["obs"])
        inside = (lower["obs"] <= observed) & (observed <= upper["obs"])
        assert predicted.share_inside(0.5) == {"obs": inside.mean()}


def test_equal_values_in_64_bits_are_inside():
    """Float64 values from a simulator are compared in the tokens' dtype."""
    tokens = simulate(2)
    tokens = tokens.with_values(obs=np.full((N_SITES, N_OBS, 1), 0.1))

    def constant(key, parameters):
        return {"obs": np.full((len(parameters["mu"]), N_SITES, N_OBS, 1), 0.1)}

    predicted = predict(tokens, constant, n_samples=20)
    assert predicted.share_inside(0.9) == {"obs": 1.0}


def test_a_simulator_gets_its_own_functional_inputs():
    given = {"obs": np.zeros(3)}

    def changes(key, parameters, inputs):
        assert not inputs["obs"].any()
        inputs["obs"] += 1
        return simulator(key, parameters)

    predict(
        simulate(2),
        changes,
        n_samples=20,
        functional_inputs=given,
        batch_size=5,
    )
    assert not given["obs"].any()


def test_padding_does_not_count():
    """Padded tokens are not passed to the simulator and not counted."""
    tokens = simulate_padded(40)
    handed = []

    def record(key, parameters):
        handed.append(parameters)
        return simulator(key, parameters)

    predicted = predict(tokens, record, n_samples=20)
    real = np.asarray(tokens.select_tokens(["theta"]).padding_mask)
    assert not real.all()
    theta = handed[0]["theta"][..., 0].reshape((20, 40, N_SITES))
    draws = predicted.draws.decode()["theta"][..., 0]
    np.testing.assert_array_equal(theta[:, real], draws[:, real])
    first = np.broadcast_to(draws[..., :1], draws.shape)
    np.testing.assert_array_equal(theta[:, ~real], first[:, ~real])
    lower, upper = predicted.interval(0.5)
    observed = np.asarray(tokens.decode()["obs"])
    inside = (lower["obs"] <= observed) & (observed <= upper["obs"])
    np.testing.assert_array_equal(
        np.isnan(lower["obs"]),
        np.broadcast_to(~real[..., None, None], lower["obs"].shape),
    )
    share = inside[real].mean()
    assert predicted.share_inside(0.5)["obs"] == pytest.approx(share)
    n = int(real.sum()) * N_OBS
    assert f"  obs  {n}  " in predicted.summary()


def timed_tokens(n=2, n_sites=3, n_times=5, width=1, padded=False) -> Tokens:
    """Return Tokens of a line per site, observed at times of its own."""
    rng = np.random.default_rng(0)
    slope = rng.normal(size=(n, n_sites, 1))
    times = np.sort(rng.uniform(size=(n, n_sites, n_times, 1)), 2)
    obs = np.repeat(slope[:, :, None] * times, width, -1)
    sizes = None
    if padded:
        sizes = {
            "slope": np.full((n, 1), 2),
            "obs": np.tile([2, n_times], (n, 1)),
        }
    return Tokens.from_pytree(
        {"slope": slope, "obs": obs}, {}, {"obs": times}, event_shapes=sizes
    )


def lines(key, parameters, inputs, width=1):
    """Observe without noise; all values of a token are equal."""
    slope, times = parameters["slope"][:, :, None], inputs["obs"]
    obs = slope * times[(None,) * (slope.ndim - times.ndim)]
    return {"obs": jnp.repeat(obs, width, -1)}


def predict_lines(tokens, simulator=lines, **options):
    return posterior_predictive(
        Given(), tokens, ["slope"], ["obs"], simulator, key=KEY, **options
    )


def test_inputs_of_the_tokens_are_handed_on():
    tokens = timed_tokens()
    slopes = (
        Given()
        .sample(
            tokens,
            ["slope"],
            ["obs"],
            key=jax.random.split(KEY)[0],
            n_samples=20,
        )
        .decode()["slope"]
    )
    times = tokens.select_tokens(["obs"]).functional_inputs
    wanted = slopes[..., None] * times.reshape((1, 2, 3, 5, 1))
    for batch_size in (None, 7):
        found = predict_lines(tokens, n_samples=20, batch_size=batch_size)
        np.testing.assert_allclose(found.simulated["obs"], wanted, rtol=1e-6)


def test_a_simulator_without_inputs():
    """It is called as in training, where only the network has positions."""
    tokens = Tokens.from_pytree(
        timed_tokens().decode(), {}, positions={"obs": [1]}
    )

    def simulator(key, parameters):
        return lines(key, parameters, {"obs": jnp.ones((40, 3, 5, 1))})

    found = predict_lines(tokens, simulator, n_samples=20)
    assert found.simulated["obs"].shape == (20, 2, 3, 5, 1)
    assert found.key("obs").inputs[0, :, 0].tolist() == [*range(5)] * 3


def test_padded_inputs_are_not_handed_on():
    tokens = timed_tokens(padded=True)

    def simulator(key, parameters, inputs):
        assert inputs["obs"].min() >= 0
        assert jnp.abs(parameters["slope"]).max() < 10
        return lines(key, parameters, inputs)

    predict_lines(tokens, simulator)


def test_conditioning_parameters_are_handed_on():
    """The simulator may need mu as well, for p(theta | mu, obs)."""
    tokens = simulate(2)

    def simulator(key, parameters):
        assert list(parameters) == ["theta", "mu"]
        mu = np.asarray(parameters["mu"]).reshape((20, 2, 1, 1))
        np.testing.assert_array_equal(
            mu, np.broadcast_to(tokens.decode()["mu"], mu.shape)
        )
        noise = jax.random.normal(key, (40, N_SITES, N_OBS, 1))
        return {"obs": parameters["theta"][:, :, None] + noise}

    posterior_predictive(
        Given(),
        tokens,
        ["theta"],
        ["mu", "obs"],
        simulator,
        key=KEY,
        n_samples=20,
        parameter_keys=["mu"],
    )


def test_keys_that_were_not_observed_are_kept():
    """They are kept but not compared; nested keys stay nested."""
    data = {"a": np.zeros((2, 1)), "site": {"y": np.ones((2, 3, 1))}}
    tokens = Tokens.from_pytree(data, {})

    def simulator(key, parameters):
        n = len(parameters["a"])
        return {"site": {"y": jnp.zeros((n, 3, 1))}, "z": jnp.zeros((n, 7))}

    predicted = posterior_predictive(
        Given(), tokens, ["a"], ["site/y"], simulator, key=KEY
    )
    assert predicted.simulated["z"].shape == (200, 2, 7)
    assert predicted.simulated["site"]["y"].shape == (200, 2, 3, 1)
    assert predicted.share_inside(0.9) == {"site/y": 0.0}


def test_summary():
    data = {"a": np.zeros((1, 1, 1)), "y": np.array([[[0.0], [0.4], [9]]])}
    tokens = Tokens.from_pytree(data, {})

    def simulator(key, parameters):
        n = len(parameters["a"])
        values = jnp.linspace(-1, 1, n)[:, None, None]
        return {"y": jnp.broadcast_to(values, (n, 3, 1))}

    predicted = posterior_predictive(
        Given(), tokens, ["a"], ["y"], simulator, key=KEY, n_samples=21
    )
    assert predicted.summary() == (
        "PosteriorPredictive(21 draws for 1 set of data)\n"
        "\n"
        "  key  values  inside 50%  inside 90%\n"
        "  y    3       67%         67%"
    )
    tied = tokens.with_values(y=predicted.interval(0.5)[1]["y"])
    predicted = posterior_predictive(
        Given(), tied, ["a"], ["y"], simulator, key=KEY, n_samples=21
    )
    assert predicted.summary().endswith(
        "\n  y    3       100%        100%\n\n"
        "Values equal to an end of an interval are inside, so that shares of "
        "discrete\nvalues, such as small counts, exceed the level."
    )


def test_refusals():
    tokens = simulate(2)

    def returning(**made):
        def simulator(key, parameters):
            n = len(parameters["mu"])
            return {name: np.full((n, *s), v) for name, (s, v) in made.items()}

        return simulator

    inner = (N_SITES, N_OBS, 1)
    cases = [
        (
            lambda: predict(tokens, n_samples=19),
            "n_samples is 19, expected at least 20.",
        ),
        (
            lambda: predict(tokens, batch_size=0),
            "batch_size is 0, expected at least 1.",
        ),
        (
            lambda: predict(tokens, parameter_keys=["tau"]),
            "Key 'tau' not found. Available keys: ['mu', 'theta', 'obs']",
        ),
        (
            lambda: predict(tokens, lambda key, parameters: jnp.zeros(3)),
            "The result of simulator_fn must be a dictionary of arrays, not "
            "ArrayImpl. Use a key for every array.",
        ),
        (
            lambda: predict(
                tokens, lambda key, parameters: {"obs": jnp.zeros((2, *inner))}
            ),
            "simulator_fn returned 'obs' of shape (2, 3, 4, 1) for 400 "
            "draws. The first axis of every array counts the draws.",
        ),
        (
            lambda: predict(tokens, returning(obs=((3, 2, 1), 0.0))),
            "simulator_fn returned 'obs' of shape (3, 2, 1) for each draw, "
            "but the observed array has shape (3, 4, 1).",
        ),
        (
            lambda: predict(tokens, returning(y=((1,), 0.0))),
            "simulator_fn returned ['y'], none of which was observed. Return "
            "values of one or more of ['obs'].",
        ),
        (
            lambda: predict(tokens, returning(obs=(inner, np.nan))),
            "simulator_fn returned 'obs' with values that are not finite for "
            "400 of 400 draws. Intervals need finite numbers.",
        ),
        (
            lambda: predict(tokens, n_samples=20).interval(95),
            "level is 95, expected a number between 0 and 1.",
        ),
    ]
    for call, message in cases:
        with refused((TypeError, ValueError, KeyError), message):
            call()


def dots(ax):
    """Return the observed values in a picture, inside and outside."""
    return [np.asarray(dots.get_offsets()) for dots in ax.collections[2:4]]


def bars(ax, which):
    """Return the ends of the bars: 0 for 90% of the draws, 1 for 50%."""
    segments = np.array(ax.collections[which].get_segments())
    return segments[:, 0, 0], segments[:, 0, 1], segments[:, 1, 1]


@pytest.mark.usefixtures("pyplot")
class TestPictures:
    def test_tokens_on_the_axis(self):
        tokens = simulate(2)
        predicted = predict(tokens)
        (ax,) = predicted.plot(sample=1)
        observed = np.asarray(tokens.decode()["obs"])[1].ravel()
        inside, outside = dots(ax)
        found = np.concatenate([inside, outside])
        found = found[found[:, 0].argsort()]
        np.testing.assert_allclose(found[:, 0], np.arange(N_SITES * N_OBS))
        np.testing.assert_allclose(found[:, 1], observed, rtol=1e-6)
        for which, level in ((0, 0.9), (1, 0.5)):
            lower, upper = predicted.interval(level)
            x, low, high = bars(ax, which)
            np.testing.assert_allclose(x, np.arange(N_SITES * N_OBS))
            np.testing.assert_allclose(low, lower["obs"][1].ravel())
            np.testing.assert_allclose(high, upper["obs"][1].ravel())
        assert ax.get_xlabel() == "token"
        ax.figure.canvas.draw()

    def test_values_outside_are_set_apart(self):
        tokens = simulate(1)
        obs = np.zeros((1, N_SITES, N_OBS, 1))
        obs[0, 1, 2] = 100
        predicted = predict(tokens)
        changed = Tokens.from_pytree({"obs": obs}, {})
        (ax,) = replace(predicted, observed=changed).plot()
        inside, outside = dots(ax)
        np.testing.assert_allclose(outside[-1], [1 * N_OBS + 2, 100])
        assert 100 not in inside
        form = [c.get_paths()[0].vertices.shape for c in ax.collections[2:4]]
        assert form[0] != form[1]

    def test_times_on_the_axis(self):
        tokens = timed_tokens()
        axes = predict_lines(tokens).plot(sample=1)
        assert [ax.get_title() for ax in axes] == ["obs[0]", "obs[1]", "obs[2]"]
        times = np.asarray(tokens.select_tokens(["obs"]).functional_inputs)
        for ax, wanted in zip(axes, times[1].reshape((3, 5)), strict=True):
            np.testing.assert_allclose(bars(ax, 0)[0], wanted)
            assert ax.get_xlabel() == "functional input"
        axes[0].figure.canvas.draw()

    def test_groups(self):
        predicted = predict_lines(timed_tokens(n_sites=30))
        titles = [ax.get_title() for ax in predicted.plot(groups=[7, 2])]
        assert titles == ["obs[7]", "obs[2]"]
        titles = [ax.get_title() for ax in predicted.plot()]
        assert len(titles) == 12
        assert titles[0] == "obs[0]"
        assert titles[-1] == "obs[29]"

    def test_values_of_a_token_have_their_own_axes(self):
        tokens = timed_tokens(width=2)
        predicted = predict_lines(tokens, partial(lines, width=2))
        axes = predicted.plot(groups=[1])
        titles = [ax.get_title() for ax in axes]
        assert titles == ["obs[1], value 0", "obs[1], value 1"]

    def test_padding_is_not_drawn(self):
        axes = predict_lines(timed_tokens(padded=True)).plot()
        numbers = [len(ax.collections[0].get_segments()) for ax in axes]
        assert numbers == [5, 5, 0]

    def test_given_axes(self, pyplot):
        """One axes contains all groups side by side; several, one each."""
        figure, axes = pyplot.subplots(1, 4)
        predicted = predict_lines(timed_tokens())
        assert list(predicted.plot(ax=axes)) == list(axes[:3])
        assert list(predicted.plot("obs", ax=axes[3])) == [axes[3]]
        np.testing.assert_allclose(bars(axes[3], 0)[0], np.arange(15))
        assert axes[3].get_xlabel() == "token"
        assert pyplot.get_fignums() == [figure.number]

    @pytest.mark.parametrize("options", [{"sample": 2}, {"groups": [3]}])
    def test_refusals(self, options):
        predicted = predict_lines(timed_tokens())
        with pytest.raises(IndexError):
            predicted.plot(**options)
        with refused(
            UnknownKeyError, "Key 'slope' not found. Available keys: ['obs']"
        ):
            predicted.plot("slope")
