"""The transformer: what it sees, what it does not, and in which form."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

from nn.conftest import RULES, SMALL, draw, trained
from tfmpe import Tokens, UnknownKeyError
from tfmpe.nn import Transformer, TransformerConfig

POSTERIOR = ("mu", "theta"), ("obs",)


def test_a_new_network_is_the_zero_field(tokens):
    network = Transformer.for_tokens(tokens, SMALL, rngs=nnx.Rngs(0))
    moved = network(
        tokens.select_tokens(["mu"]), tokens.select_tokens(["obs"]), 0.5
    )
    assert not moved.any()


def test_it_returns_a_velocity_for_every_target_value(tokens, velocity):
    moved = velocity(tokens, *POSTERIOR)
    assert moved.shape == (4, 4, 2)
    assert moved.dtype == jnp.float32
    assert moved[:, 0].all()
    assert not moved[:, 1:, 1].any(), "theta has one value in a token"


def test_one_network_answers_any_question(tokens, velocity):
    assert velocity(tokens, ("obs",), ("theta", "mu")).shape == (4, 6, 2)
    assert velocity(tokens, ("theta",), ("obs", "mu")).any()
    assert velocity(tokens, ("theta",), ()).any()


def test_the_order_of_keys_does_not_matter(tokens, velocity):
    moved = velocity(tokens, *POSTERIOR)
    other = velocity(tokens, ("theta", "mu"), ("obs",))
    np.testing.assert_allclose(moved[:, 1:], other[:, :3], atol=1e-5)


def test_samples_do_not_depend_on_one_another(tokens, velocity):
    one = jax.tree.map(lambda leaf: leaf[1:2], tokens)
    np.testing.assert_allclose(
        velocity(tokens, *POSTERIOR)[1:2], velocity(one, *POSTERIOR), atol=1e-5
    )


@pytest.mark.parametrize("shape", [(), (2, 2)])
def test_any_sample_axes(tokens, velocity, shape):
    n = int(np.prod(shape))
    part = jax.tree.map(
        lambda leaf: leaf[:n].reshape((*shape, *leaf.shape[1:])), tokens
    )
    expected = velocity(tokens, *POSTERIOR)[:n]
    np.testing.assert_allclose(
        velocity(part, *POSTERIOR),
        expected.reshape((*shape, *expected.shape[1:])),
        atol=1e-5,
    )


def test_what_may_not_be_seen_has_no_influence(tokens, velocity):
    """Of theta[0] the rules allow obs[0], mu, and what those two see."""
    layered = jax.jacobian(
        lambda obs: velocity(tokens.with_values(obs=obs), ("theta",), ("obs",))[
            :, 0, 0
        ].sum()
    )(tokens.decode()["obs"])
    assert layered[:, 0].any()
    assert not layered[:, 1:].any()


def test_the_encoder_does_not_see_the_time(tokens, network):
    given = tokens.select_tokens(["obs"])
    target = tokens.select_tokens(["theta"])
    encoded = network.encode(given)
    for time in (0.1, 0.9):
        times = jnp.full(4, time)
        np.testing.assert_allclose(
            network.velocity(target, given, encoded, times),
            network(target, given, times),
            atol=1e-6,
        )


def test_the_time_matters(tokens, velocity):
    early = velocity(tokens, *POSTERIOR, jnp.zeros(4))
    assert not np.allclose(early, velocity(tokens, *POSTERIOR, jnp.ones(4)))


def test_functional_inputs_matter_where_they_are_given(tokens, velocity):
    other = Tokens(tokens.data, tokens.layout, tokens.functional_inputs + 0.1)
    assert not np.allclose(
        velocity(tokens, *POSTERIOR), velocity(other, *POSTERIOR)
    )
    # Rows of keys without any hold padding, which is not read.
    np.testing.assert_array_equal(
        velocity(tokens, ("mu",), ("theta",)),
        velocity(other, ("mu",), ("theta",)),
    )


def test_exchangeable_tokens_may_change_places(network, velocity):
    data = {
        "mu": draw(0, 1, 1, 2),
        "theta": draw(1, 1, 3, 1),
        "obs": draw(2, 1, 3, 2, 1),
    }
    times = {"obs": draw(3, 1, 3, 2, 1)}
    order = np.array([2, 0, 1])
    turned = {
        name: array if name == "mu" else array[:, order]
        for name, array in data.items()
    }
    straight = Tokens.from_pytree(data, RULES, functional_inputs=times)
    changed = Tokens.from_pytree(
        turned, RULES, functional_inputs={"obs": times["obs"][:, order]}
    )
    np.testing.assert_allclose(
        velocity(straight, *POSTERIOR)[:, 1:][:, order],
        velocity(changed, *POSTERIOR)[:, 1:],
        atol=1e-5,
    )


def _padded(fill):
    """Return Tokens of which one has a site less, and ``fill`` in its place."""
    data = {
        "mu": draw(0, 2, 1, 2),
        "theta": draw(1, 2, 3, 1),
        "obs": draw(2, 2, 3, 2, 1),
    }
    for name in ("theta", "obs"):
        data[name] = data[name].at[1, 2].set(fill)
    return Tokens.from_pytree(
        data,
        RULES,
        functional_inputs={"obs": draw(3, 2, 3, 2, 1).at[1, 2].set(fill)},
        event_shapes={
            "theta": np.array([[3], [2]]),
            "obs": np.array([[3, 2], [2, 2]]),
        },
    )


@pytest.mark.parametrize("fill", [7.0, np.nan])
def test_padding_contributes_nothing(network, fill):
    def loss(network, tokens):
        target = tokens.select_tokens(["mu", "theta"])
        moved = network(target, tokens.select_tokens(["obs"]), jnp.ones(2))
        return jnp.where(target.value_mask, moved, 0).sum()

    graph, state = nnx.split(network)
    gradient = jax.jit(
        jax.value_and_grad(
            lambda state, tokens: loss(nnx.merge(graph, state), tokens)
        )
    )
    for one, other in zip(
        jax.tree.leaves(gradient(state, _padded(0.0))),
        jax.tree.leaves(gradient(state, _padded(fill))),
        strict=True,
    ):
        np.testing.assert_array_equal(one, other)


def test_remat_changes_no_number(tokens, network):
    config = dataclasses.replace(SMALL, remat=True)
    other = trained(Transformer.for_tokens(tokens, config, rngs=nnx.Rngs(0)))

    def slope(network):
        graph, state = nnx.split(network)

        def loss(state):
            moved = nnx.merge(graph, state)(
                tokens.select_tokens(["theta"]),
                tokens.select_tokens(["obs"]),
                jnp.full(4, 0.5),
            )
            return (moved**2).sum()

        return jax.tree.leaves(jax.jit(jax.grad(loss))(state))

    for kept, computed in zip(slope(network), slope(other), strict=True):
        np.testing.assert_allclose(kept, computed, rtol=1e-3, atol=1e-5)


def test_bfloat16_keeps_parameters_and_velocities_in_float32(tokens, velocity):
    config = dataclasses.replace(SMALL, compute_dtype="bfloat16")
    network = trained(Transformer.for_tokens(tokens, config, rngs=nnx.Rngs(0)))
    dtypes = {
        leaf.dtype for leaf in jax.tree.leaves(nnx.state(network, nnx.Param))
    }
    assert dtypes == {jnp.dtype("float32")}
    target, given = map(tokens.select_tokens, POSTERIOR)
    moved = network(target, given, jnp.full(4, 0.3))
    assert moved.dtype == jnp.float32
    exact = velocity(tokens, *POSTERIOR)
    assert not np.array_equal(moved, exact)
    assert np.abs(moved - exact).max() < 0.1 * np.abs(exact).max()


def test_an_unknown_key_is_an_error(network):
    tokens = Tokens.from_pytree(
        {"mu": draw(0, 1, 1, 2), "tau": draw(1, 1, 1)}, {}
    )
    with pytest.raises(UnknownKeyError) as raised:
        network(
            tokens.select_tokens(["mu"]), tokens.select_tokens(["tau"]), 0.0
        )
    assert str(raised.value) == (
        "Key 'tau' not found. Available keys: ['mu', 'theta', 'obs']"
    )


def test_another_width_is_an_error(network):
    tokens = Tokens.from_pytree({"mu": draw(0, 1, 1, 1)}, {})
    with pytest.raises(ValueError, match="do not fit the network") as raised:
        network(
            tokens.select_tokens(["mu"]), tokens.select_tokens([]), jnp.zeros(1)
        )
    assert str(raised.value) == (
        "These tokens do not fit the network: 'mu' has 1 values and None "
        "functional inputs in a token, the network was built for 2 and None"
    )


def test_a_bad_size_lists_every_fault():
    with pytest.raises(ValueError, match="Cannot build") as raised:
        TransformerConfig(latent_dim=10, n_heads=4, compute_dtype="float16")
    assert str(raised.value) == (
        "Cannot build a transformer:\n"
        "  - latent_dim 10 is not a multiple of n_heads 4\n"
        "  - compute_dtype is 'float16', expected 'float32' or 'bfloat16'"
    )
