"""Densities of flows: those of the sampled distribution."""

import itertools
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats

from estimators.known_flows import (
    KEY,
    Counted,
    linear,
    linear_log_prob,
    make_tokens,
    normal,
    padded_with,
    spoil_padding,
)
from refusals import refused
from stored_calls import one_of_each, stored_cases
from tfmpe import Tokens
from tfmpe.estimators import ContinuousFlow
from tfmpe.migrate.oracle.fields import FIELDS

TARGET, GIVEN = ["site", "mu"], ["obs"]
VALUES = normal(4, 5, 3, 2)
# Tolerance for eight steps of order 4 over a unit of time, with rate 1/2 and
# up to nine values.
EIGHT_STEPS = 2e-5
ROUNDING = 1e-5
# The documented error of the recordings.
RECORDED = 2e-3


@pytest.fixture(scope="module")
def tokens():
    return make_tokens(5)


def density(tokens, values=VALUES, field=linear, **options):
    """Return the log density of sites and mu, given the observations."""
    return ContinuousFlow(field).log_prob(
        tokens, TARGET, GIVEN, values=values, **options
    )


@pytest.fixture(scope="module")
def densities(tokens):
    return density(tokens)


def test_density_of_a_linear_flow(tokens, densities):
    given = tokens.select_tokens(GIVEN)
    for values, found in zip(VALUES, densities, strict=True):
        moved = tokens.select_tokens(TARGET).with_data(values)
        target = moved.select_tokens(TARGET)
        expected = linear_log_prob(target, given)
        np.testing.assert_allclose(found, expected, atol=EIGHT_STEPS)
    assert densities.shape == (4, 5)


def test_density_of_the_values_in_the_tokens(tokens, densities):
    own = tokens.select_tokens(TARGET).with_data(VALUES[2])
    found = ContinuousFlow(linear).log_prob(own, TARGET, GIVEN)
    assert found.shape == (5,)
    np.testing.assert_allclose(found, densities[2], atol=ROUNDING)


@pytest.mark.slow
def test_batches_change_nothing(tokens, densities):
    found = density(tokens, batch_size=2)
    np.testing.assert_allclose(found, densities, atol=ROUNDING)


def test_progress_changes_nothing(tokens, capsys):
    """Nor which of the probes belong to a value."""
    probes = np.sign(normal(2, *VALUES.shape))
    expected = density(tokens, probes=probes)
    options = {"probes": probes, "batch_size": 7, "progress": True}
    found = density(tokens, **options)
    np.testing.assert_allclose(found, expected, atol=ROUNDING)
    out, err = capsys.readouterr()
    assert out == ""
    assert "20/20" in err
    assert "log_prob: 100%" in err


def test_what_padding_holds_does_not_matter(tokens, densities):
    values = padded_with(VALUES, tokens.select_tokens(TARGET), np.nan)
    found = density(spoil_padding(tokens), values)
    np.testing.assert_array_equal(found, densities)


def test_compiled_once():
    counted = Counted(linear)
    first = density(make_tokens(5), VALUES[:2], counted)
    traced = counted.count
    assert traced
    again = density(make_tokens(5), VALUES[:2], counted)
    density(make_tokens(5, seed=1), VALUES[2:], counted)
    assert counted.count == traced
    np.testing.assert_array_equal(again, first)
    density(make_tokens(5), VALUES[:3], counted)
    assert counted.count == 2 * traced


@pytest.mark.slow
def test_under_jit_and_vmap(tokens, densities):
    found = jax.jit(jax.vmap(density, (0, 1), 1))(tokens, VALUES)
    np.testing.assert_allclose(found, densities, atol=ROUNDING)


@pytest.mark.slow
def test_gradients(tokens):
    def total(values):
        return density(tokens, values[None]).sum()

    def expected(values):
        moved = target.with_data(values).select_tokens(TARGET)
        return linear_log_prob(moved, tokens.select_tokens(GIVEN)).sum()

    target = tokens.select_tokens(TARGET)
    found = np.asarray(jax.jit(jax.grad(total))(VALUES[0]))
    assert (found == 0)[~np.asarray(target.value_mask)].all()
    np.testing.assert_allclose(
        found, jax.jit(jax.grad(expected))(VALUES[0]), atol=EIGHT_STEPS
    )


def bent(target, conditioning, time):
    del conditioning
    n = target.data.shape[-2]
    mixing = jnp.sin(1.0 + jnp.arange(n * n * 1.0).reshape((n, n)))
    return jnp.tanh(mixing @ target.data + time[..., None, None])


def test_density_is_that_of_what_sample_draws():
    data = {"mu": np.zeros((1, 1)), "site": np.zeros((2, 1))}
    tokens = Tokens.from_pytree(data, {}, sample_ndims=0)
    flow = ContinuousFlow(bent)
    noise, step = normal(3), 0.02
    moved = noise + step * np.concatenate([0 * np.eye(1, 3), *_both(np.eye(3))])
    ends = flow.sample(
        tokens,
        ["mu", "site"],
        theta_0=moved[..., None],
        n_samples=7,
        n_steps=16,
    )
    ends = np.asarray(ends)[..., 0]
    slopes = (ends[1:4] - ends[4:]) / (2 * step)
    base = stats.norm.logpdf(noise).sum()
    expected = base - np.linalg.slogdet(slopes)[1]
    found = flow.log_prob(
        tokens, ["mu", "site"], values=ends[:1, :, None], n_steps=16
    )
    # Differences of second order in the step size.
    assert abs(found.item() - expected) < 1e-3
    assert abs(found.item() - base) > 0.1


def _both(directions):
    return directions, -directions


def skew(target, conditioning, time):
    """Return a rotation of the values; every probe has a divergence of zero."""
    del conditioning
    i = jnp.arange(target.data.shape[-2], dtype=target.data.dtype)
    turning = jnp.sign(i[:, None] - i[None, :])
    return turning @ target.data + time[..., None, None]


def test_estimated_divergence_of_a_skew_field():
    tokens = make_tokens(5, padded=False)
    exact = density(tokens, field=skew)
    probes = normal(2, *VALUES.shape)
    for_each = density(tokens, field=skew, probes=probes, batch_size=3)
    np.testing.assert_allclose(for_each, exact, atol=1e-4)


def test_estimated_divergence_is_unbiased():
    """Over all combinations of signs, its mean is the exact one."""
    data = {"mu": np.zeros((2, 3, 1))}
    tokens = Tokens.from_pytree(data, {})
    flow = ContinuousFlow(bent)
    signs = np.array(list(itertools.product([-1.0, 1.0], repeat=3)))
    probes = np.broadcast_to(signs[:, None, :, None], (8, 2, 3, 1))
    exact = flow.log_prob(tokens, ["mu"])
    found = flow.log_prob(tokens, ["mu"], probes=probes)
    np.testing.assert_allclose(found, exact, atol=ROUNDING)
    some = flow.log_prob(tokens, ["mu"], probes=probes[[1, *range(7)]])
    assert (abs(some - exact) > 0.01).all()


def test_drawn_probes(tokens, densities):
    """Probes are signs, so they are exact if values are independent."""
    own = tokens.select_tokens(TARGET).with_data(VALUES[0])
    found = ContinuousFlow(linear).log_prob(
        own, TARGET, GIVEN, n_probes=2, key=KEY
    )
    np.testing.assert_allclose(found, densities[0], atol=ROUNDING)


@partial(
    jax.tree_util.register_dataclass,
    data_fields=("given",),
    meta_fields=("name",),
)
class Recorded:
    """A stored closed-form field, with the arguments of its call."""

    def __init__(self, given, name):
        self.given, self.name = given, name

    def __call__(self, target, conditioning, time):
        def of_row(theta, context, time):
            # Written for the default flags of jax.
            with (
                jax.numpy_dtype_promotion("standard"),
                jax.numpy_rank_promotion("allow"),
            ):
                return FIELDS[self.name](
                    theta=theta[None],
                    context=context[None],
                    time=time.reshape((1, 1, 1)),
                    **self.given,
                )[0]

        return jax.vmap(of_row)(target.data, conditioning.data, time)


DENSITIES = stored_cases("StructuredCNF_log_prob")
DENSITIES = [stored for stored in DENSITIES if stored.extra is not None]


@pytest.mark.parametrize(
    "stored", one_of_each(DENSITIES, lambda stored: stored.extra["field"])
)
def test_recorded_densities(stored):
    """Compare with the exact values that are stored with the recordings."""
    given, extra = dict(stored.kwargs), stored.extra
    theta, context = given.pop("theta"), given.pop("context")
    del given["n_epsilon"]
    context = jnp.broadcast_to(context, (len(theta), *context.shape[1:]))
    tokens = Tokens.from_pytree({"theta": theta, "context": context}, {})
    flow = ContinuousFlow(Recorded(given, extra["field"]))
    found = flow.log_prob(tokens, ["theta"], rtol=1e-5)
    assert np.abs(found - extra["reference_true"]).max() < RECORDED


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            {"values": VALUES[0]},
            "values have shape (5, 3, 2), expected (n, 5, 3, 2): draws, "
            "sample axes, target tokens, width.",
        ),
        (
            {"probes": VALUES},
            "probes have shape (4, 5, 3, 2), expected (n_probes, 4, 5, 3, 2).",
        ),
        (
            {"probes": np.zeros((0, *VALUES.shape))},
            "probes have shape (0, 4, 5, 3, 2), expected (n_probes, 4, 5, 3, "
            "2).",
        ),
        (
            {"exact": True, "n_probes": 3},
            "exact=True needs no probes: omit n_probes and probes, or "
            "pass exact=False.",
        ),
        (
            {"exact": False},
            "exact=False needs a number of probes: pass n_probes=10.",
        ),
        (
            {"n_probes": 10},
            "n_probes=10 needs a PRNG key: pass key=jax.random.key(0).",
        ),
        ({"n_probes": 0, "key": KEY}, "n_probes is 0, expected at least 1."),
    ],
)
def test_errors(tokens, options, message):
    with refused((TypeError, ValueError, KeyError), message):
        density(tokens, **options)
