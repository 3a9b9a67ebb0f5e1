"""Structured estimator: draws, densities, training."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from flax import nnx

from compat.values import normal
from refusals import refused
from tfmpe.compat import decode_theta, flatten_structured, split_data
from tfmpe.compat._flow.epochs import _run_epochs
from tfmpe.compat._flow.loss import legacy_loss
from tfmpe.compat.sfmpe import SFMPE
from tfmpe.compat.structured_cnf import StructuredCNF
from tfmpe.migrate import oracle

pytestmark = pytest.mark.usefixtures("quiet")

FIELD = oracle.FIELDS["closed_form_v1"]

# Tolerance for two adaptive solutions with tolerances of 1e-5.
CLOSE = 1e-4

RULES = {"local": ["obs"], "cross_local": [("theta", "obs", (0, 0))]}


@pytest.fixture
def data():
    """Return flat data of 8 simulations, and their slices."""
    sides = {
        "theta": {
            "mu": normal(8, 1, 1),
            "theta": normal(8, 2, 1, seed=1),
        },
        "y": {"obs": normal(8, 2, 3, 1, seed=2)},
    }
    index = {"mu": sides["theta"]["mu"], "theta": sides["theta"]["theta"]}
    return flatten_structured(
        sides,
        index={**index, "obs": sides["y"]["obs"]},
        independence=RULES,
    )


@pytest.fixture
def call(data):
    """Return the arguments for a draw given the first simulation."""
    flat, slices = data
    return {
        "context": flat["data"]["y"][:1],
        "labels": flat["labels"],
        "theta_slices": slices["theta"],
        "masks": flat["masks"],
        "index": {side: rows[:1] for side, rows in flat["index"].items()},
    }


def _estimator(field=FIELD, **options):
    rngs = nnx.Rngs(3)
    return SFMPE(StructuredCNF(field, rngs, **options), rngs, **options)


def _noise(shape, count=0):
    key = jax.random.fold_in(jax.random.key(3), count)
    return jax.random.normal(key, shape)


@pytest.mark.parametrize("direction", ["forward", "backward"])
def test_encoded_draws(direction, call):
    theta_0 = normal(5, 3, 1, seed=4)
    arguments = {**call, "n_samples": 5, "theta_0": theta_0}
    found = _estimator().sample_posterior_encoded(
        **arguments, direction=direction
    )
    wanted = oracle.sample_posterior_encoded(
        FIELD, **arguments, direction=direction
    )
    np.testing.assert_allclose(found, wanted, atol=CLOSE)


def test_decoded_draws_follow_the_slices(call):
    estimator = _estimator()
    call["theta_slices"] = dict(reversed(call["theta_slices"].items()))
    encoded = estimator.sample_posterior_encoded(**call, n_samples=5)
    decoded = estimator.sample_posterior(**call, n_samples=5)
    wanted = decode_theta(encoded, call["theta_slices"], (5,))
    assert list(decoded) == list(wanted) == ["theta", "mu"]
    for name, leaf in decoded.items():
        np.testing.assert_array_equal(leaf, wanted[name])
    assert decoded["theta"].shape == (5, 2, 1)


def test_arguments_go_by_position(call):
    estimator = _estimator()
    by_name = estimator.sample_posterior(**call, n_samples=5)
    found = estimator.sample_posterior(
        *call.values(), 5, _noise((5, 3, 1)), "forward"
    )
    np.testing.assert_array_equal(found["theta"], by_name["theta"])


def test_base_draws_pairwise(call, data):
    flat, _ = data
    theta, context = flat["data"]["theta"][:2], flat["data"]["y"][:2]
    given = {name: call[name] for name in ("labels", "masks", "index")}
    found = _estimator().sample_base_dist(
        theta, context, theta_slices=call["theta_slices"], **given
    )
    wanted = oracle.sample_base_dist(
        FIELD, theta, context, theta_slices=call["theta_slices"], **given
    )
    assert list(found) == list(wanted)
    for name, leaf in found.items():
        assert leaf.shape == wanted[name].shape
        np.testing.assert_allclose(leaf, wanted[name], atol=CLOSE)


def test_densities(call):
    theta = normal(4, 3, 1, seed=5)
    given = {k: v for k, v in call.items() if k != "theta_slices"}
    found = _estimator().log_prob_posterior_samples(theta, **given)
    key = jax.random.fold_in(jax.random.key(3), 0)
    wanted = oracle.log_prob_posterior_samples(FIELD, theta, **given, key=key)
    np.testing.assert_allclose(found, wanted, atol=1e-3)


def test_noise_repeats_until_it_is_trained_again(call, data, affine):
    """Noise of draws, also under vmap, and probes repeat (L19)."""
    flat, _ = data
    estimator = _estimator(affine())
    arguments = {**call, "n_samples": 5}
    first = estimator.sample_posterior_encoded(**arguments)
    # A velocity of zero leaves the noise unchanged; programs round differently.
    np.testing.assert_allclose(first, _noise((5, 3, 1)), rtol=1e-5)
    second = estimator.sample_posterior_encoded(**arguments)
    np.testing.assert_array_equal(second, first)

    def draw(context):
        given = {**arguments, "context": context[None]}
        return estimator.sample_posterior_encoded(**given)

    for row in jax.vmap(draw)(flat["data"]["y"][:2]):
        np.testing.assert_allclose(row, first, rtol=1e-5)
    _train(estimator, data, optimizer=optax.sgd(0.0))
    # One key for the order of rows and everything else.
    after = estimator.sample_posterior_encoded(**arguments)
    np.testing.assert_allclose(after, _noise((5, 3, 1), count=1), rtol=1e-5)


def test_a_second_call_compiles_nothing(call, traced):
    field, seen = traced(FIELD)
    estimator = _estimator(field)
    estimator.sample_posterior(**call, n_samples=5)
    n = len(seen)
    call["context"] = call["context"] + 1
    call["masks"] = jax.tree.map(lambda mask: 1 - mask, call["masks"])
    estimator.sample_posterior(**call, n_samples=5)
    assert 0 < len(seen) == n


def test_width_is_that_of_theta_alone(call, affine):
    """The context may be wider (L21)."""
    call["context"] = jnp.concatenate([call["context"]] * 2, -1)
    found = _estimator(affine()).sample_posterior_encoded(**call, n_samples=2)
    assert found.shape == (2, 3, 1)


def _split(data):
    flat, _ = data
    return split_data(flat, 8, 0.5, jax.random.key(0))


def _train(estimator, data, **options):
    options = {"n_iter": 1, "batch_size": 2, **options}
    return estimator.fit(*_split(data), **options)


def _plain_loss(net, batch, times, noise):
    """Compute the loss token by token."""
    total, count = 0.0, 0
    for row in range(len(times)):
        t = times[row, 0, 0]
        theta = batch["data"]["theta"][row]
        position = (1 - 0.999 * t) * noise[row] + t * theta
        velocity = net(
            theta=position[None],
            time=t.reshape((1, 1, 1)),
            context=batch["data"]["y"][row][None],
        )[0]
        wanted = theta - 0.999 * noise[row]
        padding = batch["masks"].get("padding")
        for token in range(theta.shape[0]):
            if padding is None or padding["theta"][row, token]:
                total += ((velocity - wanted)[token] ** 2).sum()
                count += 1
    return total / count


@pytest.mark.parametrize("padded", [False, True])
def test_the_loss_is_flow_matching(padded, data, affine):
    net = affine((0.5, -0.2, 0.3, 0.1))
    batch, _ = _split(data)
    times = jnp.linspace(0.0, 1.0, 4).reshape((4, 1, 1))
    noise = normal(4, 3, 1, seed=6)
    if padded:
        real = jnp.asarray([[1, 1, 1], [1, 0, 0], [1, 1, 0], [0, 1, 1]])
        batch["masks"]["padding"] = {
            "theta": real.astype(jnp.float32),
            "y": jnp.ones((4, 6)),
        }
    found = legacy_loss(StructuredCNF(net, nnx.Rngs(0)), batch, times, noise)
    wanted = _plain_loss(net, batch, times, noise)
    np.testing.assert_allclose(found, wanted, rtol=1e-5)


def test_the_field_sees_the_whole_batch_in_training(data, traced, affine):
    net, seen = affine(), []

    class Looking(nnx.Module):
        def __init__(self):
            self.net = net

        def __call__(self, **given):
            seen.append({name: x.shape for name, x in given.items()})
            return self.net(**given)

    _train(_estimator(Looking()), data)
    assert seen[0] == {
        "theta": (2, 3, 1),
        "theta_label": (2, 3),
        "theta_index": (2, 3, 1),
        "theta_mask": (2, 1, 3, 3),
        "time": (2, 1, 1),
        "context": (2, 6, 1),
        "context_label": (2, 6),
        "context_index": (2, 6, 1),
        "context_mask": (2, 1, 6, 6),
        "cross_mask": (2, 1, 3, 6),
    }


def test_training_learns_the_target(data, affine):
    """Theta is always 2, so the flow moves noise there."""
    (train, val), slices = _split(data), data[1]
    for part in (train, val):
        theta = part["data"]["theta"]
        part["data"]["theta"] = 2 + 0.01 * normal(*theta.shape, seed=7)
    net = affine()
    estimator = _estimator(net)
    losses, val_losses = estimator.fit(
        train, val, optimizer=optax.adam(0.1), n_iter=300, batch_size=2
    )
    assert losses.shape == val_losses.shape == (300,)
    # Two batches with squared errors of initially 5, that is 2 squared and 1.
    # The losses are both and their mean.
    assert losses[0] == pytest.approx(15, rel=0.5)
    assert losses[-50:].mean() < 0.5 * losses[:3].mean()
    assert val_losses[-50:].mean() < 0.5 * val_losses[:3].mean()
    draws = estimator.sample_posterior(
        val["data"]["y"][:1],
        jax.tree.map(lambda leaf: leaf[:1], val["labels"]),
        slices["theta"],
        jax.tree.map(lambda leaf: leaf[:1], val["masks"]),
        n_samples=200,
    )
    assert draws["theta"].mean() == pytest.approx(2, abs=0.3)
    assert draws["theta"].std() < 0.6


def test_training_is_compiled_once(data, affine):
    net = affine()
    estimator = _estimator(net)
    _train(estimator, data)
    n = _run_epochs.cache_info().misses
    _train(estimator, data)
    assert _run_epochs.cache_info().misses == n
    before = np.array(net.weights[...])
    _train(estimator, data, optimizer=optax.sgd(0.1))
    assert np.abs(net.weights[...] - before).min() > 0


def test_dropout_is_on_in_training_and_counts(data):
    class Noisy(nnx.Module):
        def __init__(self):
            self.weight = nnx.Param(jnp.ones(()))
            self.dropout = nnx.Dropout(0.5, rngs=nnx.Rngs(0))

        def __call__(self, *, theta, **_):
            return self.weight * self.dropout(jnp.ones_like(theta))

    net = Noisy()
    net.eval()
    counts = []
    for _ in range(2):
        _train(_estimator(net), data)
        state = nnx.state(net.dropout, nnx.RngCount)
        counts.append([int(leaf) for leaf in jax.tree.leaves(state)])
    assert counts[1] > counts[0] > [0]
    assert not net.dropout.deterministic


def test_rows_that_do_not_fill_a_batch(data, affine):
    """As in the legacy code, a reshape raises TypeError (L24)."""
    message = (
        "Cannot reshape 4 training rows into batches of 3: choose a "
        "batch_size that divides 4, or pass fix=['L24']."
    )
    with refused(TypeError, message):
        _train(_estimator(affine()), data, batch_size=3)
    with pytest.raises(TypeError, match="batches of 100"):
        _estimator(affine()).fit(*_split(data))
