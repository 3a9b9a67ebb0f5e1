"""Draws of flows: correct values, any chunk size, one compilation."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

from estimators.known_flows import (
    KEY,
    RATE,
    Counted,
    given_mean,
    linear,
    linear_end,
    make_tokens,
    normal,
    padded_with,
    spoil_padding,
)
from refusals import refused
from tfmpe import PAD_VALUE, Tokens, UnknownKeyError
from tfmpe.estimators import ContinuousFlow
from tfmpe.estimators._conditionals import Conditional
from tfmpe.estimators._flow import solution
from tfmpe.estimators._flow.chunks import map_chunks
from tfmpe.estimators._flow.ode import read_ode
from tfmpe.estimators._flow.solution import solve_draws
from tfmpe.estimators._flow.vector_field import split_field
from tfmpe.preprocessing.tokens.views import detach

TARGET, GIVEN = ["site", "mu"], ["obs"]
NOISE = normal(4, 5, 3, 2)
RK4 = {"solver": "rk4"}
# Error of four of its steps over one unit of time, with a rate of 1/2.
FOUR_STEPS = 2e-5
# Error of four steps of the midpoint method.
MIDPOINT = 1e-2
# For other shapes, the order of sums may differ.
ROUNDING = 1e-6

SLOW = partial(pytest.param, marks=pytest.mark.slow)


@pytest.fixture(scope="module")
def tokens():
    return make_tokens(5)


def draw(tokens, theta_0=NOISE, field=linear, **options):
    """Draw sites and mu from given noise."""
    return ContinuousFlow(field).sample(
        tokens,
        TARGET,
        GIVEN,
        theta_0=theta_0,
        n_samples=len(theta_0),
        **RK4 | options,
    )


@pytest.fixture(scope="module")
def draws(tokens):
    return draw(tokens)


def test_draws_end_where_the_equation_ends(tokens, draws):
    """Each draw has its own noise and conditioning; padding stays padding."""
    expected = linear_end(NOISE, tokens.select_tokens(GIVEN))
    expected = padded_with(expected, tokens.select_tokens(TARGET))
    assert draws.shape == (4, 5, 3, 2)
    assert draws.dtype == jnp.float32
    np.testing.assert_allclose(draws, expected, atol=FOUR_STEPS)
    assert (draws == PAD_VALUE).any()


def test_the_default_solver(tokens, draws):
    by_default = draw(tokens, solver=None)
    midpoint = draw(tokens, solver="midpoint", n_steps=4)
    np.testing.assert_array_equal(by_default, midpoint)
    error = abs(by_default - draws)
    assert FOUR_STEPS < error.max() < MIDPOINT


def test_draws_decode_to_the_tree(tokens, draws):
    """Tokens and views decode them, in the requested order."""
    by_tokens = tokens.decode_keys(draws, TARGET)
    by_view = tokens.select_tokens(TARGET).decode(draws)
    assert list(by_tokens) == list(by_view) == TARGET
    assert by_view["site"].shape == (4, 5, 2, 2)
    np.testing.assert_array_equal(by_tokens["mu"], draws[..., 2:, :1])


def still(target, conditioning, time):
    """Return zero velocities."""
    del conditioning, time
    return jnp.zeros_like(target.data)


@pytest.mark.parametrize(
    ("key", "n_samples"), [(KEY, 3), (jax.random.PRNGKey(3), 2)]
)
def test_noise_of_a_draw_follows_from_its_number(tokens, key, n_samples):
    """It is bit-identical for all numbers of draws and both kinds of keys."""
    draws = ContinuousFlow(still).sample(
        tokens, ["mu"], GIVEN, key=key, n_samples=n_samples
    )
    for i, drawn in enumerate(draws):
        noise = jax.random.normal(jax.random.fold_in(KEY, i), (5, 1, 2))
        noise = padded_with(noise, tokens.select_tokens(["mu"]))
        np.testing.assert_array_equal(drawn, noise)


@pytest.mark.parametrize("batch_size", [2, SLOW(15)])
def test_batches_change_nothing(tokens, draws, batch_size):
    """Rows and draws may be batched, and the last batch may be filled up."""
    again = draw(tokens, batch_size=batch_size)
    np.testing.assert_allclose(again, draws, atol=ROUNDING)


# One row in parts, whole rows with all draws, everything.
@pytest.mark.parametrize("batch_size", [3, 9, SLOW(100)])
def test_progress_changes_nothing(tokens, draws, batch_size, capsys):
    counted = Counted(linear)
    options = {"field": counted, "batch_size": batch_size, "progress": True}
    again = draw(tokens, **options)
    np.testing.assert_allclose(again, draws, atol=ROUNDING)
    out, err = capsys.readouterr()
    assert out == ""
    assert "compiling:   0%" in err
    assert "drawing: 100%" in err
    assert "20/20" in err
    traced = counted.count
    draw(tokens, NOISE[::-1], **options)
    assert counted.count == traced


def test_progress_under_jit(tokens, capsys):
    """Also where nothing is an argument: there is no bar."""
    function = partial(draw, tokens, NOISE, still, progress=True)
    found = jax.jit(function)()
    expected = padded_with(NOISE, tokens.select_tokens(TARGET))
    np.testing.assert_allclose(found, expected, atol=ROUNDING)
    assert capsys.readouterr() == ("", "")


def test_many_draws_are_solved_in_parts(monkeypatch):
    """The result is the same as for one part."""
    sizes = []

    def chunks(function, rows, size):
        sizes.append(size)
        return map_chunks(function, rows, size)

    monkeypatch.setattr(solution, "map_chunks", chunks)
    tokens = Tokens.from_pytree({"mu": np.zeros((2, 4, 1))}, {})
    flow = ContinuousFlow(lambda target, conditioning, time: target.data)
    options = {"key": KEY, "n_samples": 5000, "n_steps": 1}
    draws = flow.sample(tokens, ["mu"], **options)
    # Two rows of four tokens: 8,192 tokens in all.
    assert sizes == [2048, 1024]
    whole = flow.sample(tokens, ["mu"], **options, batch_size=10_000)
    np.testing.assert_allclose(draws, whole, rtol=1e-5)
    sizes.clear()
    flow.log_prob(tokens, ["mu"], values=draws[:600], n_steps=1)
    assert sizes == [512, 256]


@pytest.mark.parametrize("lead", [(), SLOW((1,))])
def test_one_observation_many_draws(tokens, draws, lead):
    """The observation may have a sample axis."""
    one = jax.tree.map(lambda x: x[3].reshape((*lead, *x.shape[1:])), tokens)
    again = draw(one, NOISE[:, 3].reshape((4, *lead, 3, 2)))
    expected = draws[:, 3].reshape((4, *lead, 3, 2))
    np.testing.assert_allclose(again, expected, atol=ROUNDING)


def test_two_sample_axes():
    """Each sample has its own conditioning."""
    tokens = make_tokens(2, 3)
    noise = normal(2, 2, 3, 3, 2)
    draws = draw(tokens, noise)
    expected = linear_end(noise, tokens.select_tokens(GIVEN))
    expected = padded_with(expected, tokens.select_tokens(TARGET))
    np.testing.assert_allclose(draws, expected, atol=FOUR_STEPS)


def test_backward_undoes_forward(tokens, draws):
    """The values are passed, or those in the tokens are used."""
    target = tokens.select_tokens(TARGET)
    expected = padded_with(NOISE, target)
    again = draw(tokens, draws, direction="backward")
    np.testing.assert_allclose(again, expected, atol=FOUR_STEPS)
    again = ContinuousFlow(linear).sample(
        target.with_data(draws[0]), TARGET, GIVEN, direction="backward", **RK4
    )
    np.testing.assert_allclose(again[0], expected[0], atol=FOUR_STEPS)


def test_what_padding_holds_does_not_matter(tokens, draws):
    """Padding of tokens and columns, and the target's values, are ignored."""
    spoiled = spoil_padding(tokens).with_values(mu=np.full((1, 1), np.nan))
    np.testing.assert_array_equal(draw(spoiled), draws)
    noise = padded_with(NOISE, tokens.select_tokens(TARGET), np.nan)
    np.testing.assert_array_equal(draw(tokens, noise), draws)


def test_views_and_host_arrays(tokens, draws):
    """By default, all other keys are the conditioning."""
    view = tokens.select_tokens(["obs", "mu", "site"])
    host = jax.tree.map(np.asarray, tokens)
    for given in (view, host):
        again = ContinuousFlow(linear).sample(
            given, TARGET, theta_0=NOISE, n_samples=4, **RK4
        )
        np.testing.assert_array_equal(again, draws)


def test_nothing_given(tokens):
    """Draws are from the distribution of the target alone."""
    noise = normal(1, 5, 6, 2)
    draws = ContinuousFlow(linear).sample(
        tokens, ["obs"], [], theta_0=noise, **RK4
    )
    expected = linear_end(noise, tokens.select_tokens([]))
    expected = padded_with(expected, tokens.select_tokens(["obs"]))
    np.testing.assert_allclose(draws, expected, atol=FOUR_STEPS)


def test_whole_numbers():
    """Integer data and starting values are converted to floats."""
    data = {"mu": np.arange(3).reshape(3, 1, 1), "obs": np.ones((3, 2, 1), int)}
    tokens = Tokens.from_pytree(data, {})
    ends = ContinuousFlow(linear).sample(
        tokens, ["mu"], theta_0=np.ones((1, 3, 1, 1), int), **RK4
    )
    expected = linear_end(np.ones((3, 1, 1)), tokens.select_tokens(["obs"]))
    np.testing.assert_allclose(ends[0], expected, atol=FOUR_STEPS)


def test_nothing_to_draw(tokens):
    """There are no samples, or no tokens."""
    none = jax.tree.map(lambda x: x[:0], tokens)
    assert draw(none, NOISE[:, :0], batch_size=2).shape == (4, 0, 3, 2)
    data = {"none": np.zeros((3, 0, 1)), "obs": np.ones((3, 2, 1))}
    tokens = Tokens.from_pytree(data, {})
    draws = ContinuousFlow(linear).sample(tokens, ["none"], key=KEY)
    assert draws.shape == (1, 3, 0, 1)


def test_compiled_once():
    """Programs depend on layout and shape, not on calls, values or objects."""
    counted = Counted(linear)
    first = draw(make_tokens(5), NOISE[:2], counted)
    traced = counted.count
    assert traced
    again = draw(make_tokens(5), NOISE[:2], counted)
    other = draw(make_tokens(5, seed=1), NOISE[2:], counted)
    assert counted.count == traced
    np.testing.assert_array_equal(again, first)
    assert not jnp.array_equal(other, first)
    draw(make_tokens(5), NOISE[:3], counted)
    assert counted.count == 2 * traced


class Shift(nnx.Module):
    """A network that counts its traces."""

    traces = 0

    def __init__(self, shift):
        self.shift = nnx.Param(jnp.asarray(shift))

    def __call__(self, target, conditioning, time):
        """Shift every value by the same number."""
        del conditioning, time
        Shift.traces += 1
        return jnp.ones_like(target.data) * self.shift[...]


def test_other_parameters_compile_nothing(tokens):
    """The result does not use the parameters of the first call."""

    def end(network):
        return draw(tokens, NOISE[:1], network)[0, 0, 2, 0] - NOISE[0, 0, 2, 0]

    network = Shift(1.0)
    assert end(network) == pytest.approx(1.0)
    traced = Shift.traces
    nnx.update(network, nnx.state(Shift(3.0)))
    assert end(network) == pytest.approx(3.0)
    assert end(Shift(4.0)) == pytest.approx(4.0)
    assert Shift.traces == traced


class Encoding:
    """A field that counts its encodings at run time."""

    def __init__(self):
        self.encoded, self.moved = [], []

    def encode(self, conditioning):
        """Return the conditioning mean."""
        jax.debug.callback(lambda: self.encoded.append(1))
        return given_mean(conditioning)

    def velocity(self, target, conditioning, encoded, time):
        """Return the velocities of the linear field."""
        del conditioning
        jax.debug.callback(lambda: self.moved.append(1))
        return RATE * target.data + (encoded + time)[..., None, None]


@pytest.mark.parametrize(("batch_size", "chunks"), [(None, 1), SLOW(2, 3)])
def test_conditioning_is_encoded_once(tokens, draws, batch_size, chunks):
    """There is one encoding per solution and, if chunked, chunk of rows."""
    field = Encoding()
    again = draw(tokens, field=field, batch_size=batch_size)
    jax.effects_barrier()
    np.testing.assert_allclose(again, draws, atol=ROUNDING)
    assert len(field.encoded) == chunks
    assert len(field.moved) >= 16 * chunks


def test_under_jit_and_vmap(tokens, draws):
    """Tokens and noise may be traced."""
    again = jax.jit(draw)(tokens, NOISE)
    np.testing.assert_allclose(again, draws, atol=ROUNDING)
    again = jax.vmap(draw, (0, 1), 1)(tokens, NOISE)
    np.testing.assert_allclose(again, draws, atol=ROUNDING)


@pytest.mark.slow
def test_gradients(tokens):
    """They exist for noise and conditioning, and are 0 for padding."""

    def total(noise, data):
        draws = draw(tokens.with_data(data), noise)
        return jnp.where(real, draws, 0).sum()

    real = tokens.select_tokens(TARGET).value_mask
    data = spoil_padding(tokens).data
    by_noise, by_data = jax.grad(total, (0, 1))(NOISE[:1], data)
    expected = jnp.where(real, np.exp(RATE), 0)[None]
    np.testing.assert_allclose(by_noise, expected, atol=FOUR_STEPS)

    given = tokens.select_tokens(GIVEN).value_mask
    moved = np.asarray(real).sum((1, 2)) * (np.exp(RATE) - 1) / RATE
    moved = moved / np.maximum(np.asarray(given).sum((1, 2)), 1)
    expected = np.where(given, moved[:, None, None], 0)
    obs = tokens.layout["obs"].block
    np.testing.assert_allclose(by_data[:, obs], expected, atol=FOUR_STEPS)
    np.testing.assert_array_equal(by_data[:, : obs.start], 0)


def wide(target, conditioning, time):
    """Return velocities that need much memory for every draw."""
    del conditioning, time
    features = jnp.sin(target.data @ jnp.ones((2, 256)))
    return jnp.tanh(features @ features.swapaxes(-1, -2)) @ target.data


@pytest.mark.slow
def test_batches_bound_the_memory(tokens):
    """The compiler reports the memory besides arguments and results."""
    keys = Conditional(tuple(TARGET), tuple(GIVEN))
    split = split_field(wide)

    def bytes_for(batch_size):
        solve = partial(
            solve_draws,
            static=split.static,
            times=(0.0, 1.0),
            ode=read_ode(None, None, None, None, 10, ("rk4", 4)),
            batch_size=batch_size,
        )
        lowered = jax.jit(solve).lower(
            (split.parameters, split.rest),
            *(detach(tokens, side) for side in keys),
            np.zeros((400, 5, 3, 2), np.float32),
        )
        return lowered.compile().memory_analysis().temp_size_in_bytes

    # Only the features: 3 tokens, 256 numbers of 4 bytes, for 5 x 400 draws.
    assert bytes_for(10**6) > 3 * 256 * 4 * 2000
    assert bytes_for(20) < bytes_for(10**6) / 10


@pytest.mark.parametrize(
    ("error", "options", "message"),
    [
        (
            TypeError,
            {"key": None},
            "sample needs a PRNG key: pass key=jax.random.key(0), or the "
            "initial noise as theta_0.",
        ),
        (
            ValueError,
            {"theta_0": np.zeros((5, 1, 2)), "n_samples": 3},
            "theta_0 has shape (5, 1, 2), expected (3, 5, 1, 2): n_samples, "
            "sample axes, target tokens, width.",
        ),
        (
            ValueError,
            {"direction": "up"},
            "Unknown direction: up. Expected 'forward' (noise to values) or "
            "'backward' (values to noise).",
        ),
        (ValueError, {"n_samples": 0}, "n_samples is 0, expected at least 1."),
        (
            ValueError,
            {"batch_size": -1},
            "batch_size is -1, expected at least 1.",
        ),
        (
            UnknownKeyError,
            {"target_keys": ["nu"]},
            "Key 'nu' not found. Available keys: ['mu', 'site', 'obs']",
        ),
    ],
)
def test_errors(tokens, error, options, message):
    with refused(error, message):
        ContinuousFlow(linear).sample(
            tokens, **{"target_keys": ["mu"], "key": KEY, **options}
        )


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (np.nan, "has 1 of .* NaN or infinite"),
        (1e40, "holds 1e\\+40, which float32"),
    ],
)
def test_draws_that_are_no_numbers(tokens, value, message):
    draws = NOISE.astype(float)
    draws[0, 0, 2, 0] = value
    with pytest.raises(ValueError, match=f"^theta_0 {message}"):
        draw(tokens, draws)
    with pytest.raises(ValueError, match=f"^values {message}"):
        ContinuousFlow(linear).log_prob(tokens, TARGET, values=draws)


def test_velocities_of_another_shape(tokens):
    """They would be broadcast silently."""

    def field(target, conditioning, time):
        return jnp.zeros(())

    with pytest.raises(ValueError, match="vector field returned") as caught:
        draw(tokens, field=field)
    assert str(caught.value) == (
        "The vector field returned the shape (), expected (5, 3, 2): one "
        "velocity for every target value (samples, tokens of ['site', 'mu'], "
        "width)."
    )
