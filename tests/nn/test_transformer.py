"""Transformer: masks, padding, exchangeable tokens, dtypes."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

from nightly import some_of
from nn.networks import GIVEN, TARGET, call, config, make_tokens, random_network
from tfmpe import Tokens, UnknownKeyError
from tfmpe.estimators import ContinuousFlow, EncodingVectorField
from tfmpe.nn import Transformer

# Tolerance for sums in a different order, over a few layers.
ROUNDING = 1e-4


@pytest.fixture(scope="module")
def tokens():
    return make_tokens()


@pytest.fixture(scope="module")
def network(tokens):
    return random_network(tokens, config())


@pytest.fixture(scope="module")
def velocities(network, tokens):
    return call(network, tokens)


def real_of(tokens):
    return np.asarray(tokens.select_tokens(TARGET).value_mask)


def test_a_velocity_for_every_value(velocities, tokens):
    assert velocities.shape == (4, 4, 2)
    assert velocities.dtype == jnp.float32
    assert jnp.isfinite(velocities).all()
    assert (velocities[:, 3, 1] == 0).all()
    assert (velocities != 0)[real_of(tokens)].all()


def test_padding_does_not_matter(velocities, network, tokens):
    real = tokens.padding_mask[..., None]
    spoiled = Tokens(
        jnp.where(tokens.value_mask, tokens.data, jnp.nan),
        tokens.layout,
        jnp.where(real, tokens.functional_inputs, jnp.nan),
        tokens.padding,
    )
    found = call(network, spoiled)
    mask = real_of(tokens)
    np.testing.assert_array_equal(found[mask], velocities[mask])


@pytest.mark.slow
def test_padded_and_smaller_tokens_are_the_same(velocities, network, tokens):
    """A sample with two real sites is also built without the third."""
    data = jax.tree.map(lambda x: x[1:2], tokens.decode())
    times = tokens.decode_keys(tokens.functional_inputs, ["obs"])["obs"]
    small = Tokens.from_pytree(
        {
            "mu": data["mu"],
            "site": data["site"][:, :2],
            "obs": data["obs"][:, :2],
        },
        tokens.independence,
        {"obs": times[1:2, :2]},
    )
    found = call(network, small)
    expected = velocities[1:2, jnp.array([0, 1, 3])]
    np.testing.assert_allclose(found, expected, atol=ROUNDING)


def _random_rules(seed):
    rng = np.random.default_rng(seed)
    names = ["mu", "site", "obs"]

    def pairs(n):
        picked = [rng.permutation(names)[:2].tolist() for _ in range(n)]
        return [tuple(pair) for pair in picked]

    return {
        "local": [name for name in names if rng.random() < 0.5],
        "cross": pairs(2),
        "cross_local": [
            [("site", "obs"), ("obs", "site")][seed % 2] + ((0, 0),)
        ],
    }


@pytest.mark.parametrize("seed", some_of(range(3), [0], "random cases"))
def test_attention_goes_where_the_mask_is_open(seed):
    """Velocities depend on exactly the tokens that layers of the mask lead to.

    Each row of the tokens differs from the first in one token.
    """
    rules = _random_rules(seed)
    one = make_tokens(1, rules, padded=False)
    n = one.n_tokens
    data = np.repeat(np.asarray(one.data), n + 1, 0)
    data[np.arange(1, n + 1), np.arange(n), 0] += 1.0
    inputs = np.repeat(np.asarray(one.functional_inputs), n + 1, 0)
    tokens = Tokens(jnp.asarray(data), one.layout, jnp.asarray(inputs))
    network = random_network(one, config(n_decoder_layers=2))
    velocities = call(network, tokens)
    changed = np.asarray(velocities != velocities[:1]).any(-1)[1:].T

    target, given = map(one.select_tokens, (TARGET, GIVEN))
    own = target.attention_mask()[0, 0] | np.eye(target.n_tokens, dtype=bool)
    among = given.attention_mask()[0, 0] | np.eye(given.n_tokens, dtype=bool)
    across = target.attention_mask(given, both_ways=True)[0, 0]
    # Two layers: the second passes on what the first read.
    order = np.concatenate([np.arange(1, 4), [0], np.arange(4, 10)])
    expected = np.concatenate([own @ own, own @ across @ among], 1)
    np.testing.assert_array_equal(changed[:, order], expected)


def test_exchangeable_tokens(network, tokens):
    """Sites may be exchanged, and observations within a site."""
    data = tokens.decode()
    times = tokens.decode_keys(tokens.functional_inputs, ["obs"])["obs"]
    whole = make_tokens(padded=False)
    expected = call(network, whole)

    def moved(order, within):
        return Tokens.from_pytree(
            {
                "mu": data["mu"],
                "site": data["site"][:, order],
                "obs": data["obs"][:, order][:, :, within],
            },
            tokens.independence,
            {"obs": times[:, order][:, :, within]},
        )

    plain = moved([0, 1, 2], [0, 1])
    np.testing.assert_array_equal(plain.data, whole.data)
    found = call(network, moved([2, 0, 1], [1, 0]))
    order = jnp.array([2, 0, 1, 3])
    np.testing.assert_allclose(found, expected[:, order], atol=ROUNDING)


def test_functional_inputs_matter(velocities, network, tokens):
    later = Tokens(
        tokens.data, tokens.layout, tokens.functional_inputs + 1, tokens.padding
    )
    found = call(network, later)
    assert (found != velocities)[:, :3][real_of(tokens)[:, :3]].all()


def test_time_matters(velocities, network, tokens):
    found = call(network, tokens, time=np.array([0.3, 0.3, 0.9, 0.3]))
    same = np.asarray(found == velocities).all((1, 2))
    assert same.tolist() == [True, True, False, True]


def test_the_encoder_does_not_see_the_time(velocities, network, tokens):
    """The decoder needs no more of the conditioning than what it returns."""
    assert isinstance(network, EncodingVectorField)
    target, given = map(tokens.select_tokens, (TARGET, GIVEN))
    network = nnx.merge(*nnx.split(network))
    encoded = jax.jit(lambda: network.encode(given))()
    shapes = jax.tree.map(jnp.shape, encoded)
    assert shapes == [((4, 6, 2, 4), (4, 6, 2, 4))]
    blank = tokens.with_values(obs=jnp.zeros((3, 2, 1)))

    @jax.jit
    def decode(encoded):
        return network.velocity(
            target, blank.select_tokens(GIVEN), encoded, jnp.full(4, 0.3)
        )

    np.testing.assert_allclose(decode(encoded), velocities, atol=ROUNDING)


def test_encoded_once_for_all_steps(network, tokens, monkeypatch):
    """The encoder is traced once, but velocities are traced at every stage."""
    calls = []
    for name in ("encode", "velocity"):
        plain = getattr(Transformer, name)

        def counted(*args, plain=plain, name=name):
            calls.append(name)
            return plain(*args)

        monkeypatch.setattr(Transformer, name, counted)
    ContinuousFlow(network).sample(tokens, TARGET, GIVEN, key=jax.random.key(0))
    assert calls.count("encode") == 1
    assert calls.count("velocity") >= 1


@pytest.mark.slow
def test_sample_axes(velocities, network, tokens):
    one = jax.tree.map(lambda x: x[2], tokens)
    found = call(network, one)
    np.testing.assert_allclose(found, velocities[2], atol=ROUNDING)
    two = jax.tree.map(lambda x: x.reshape((2, 2, *x.shape[1:])), tokens)
    found = call(network, two)
    np.testing.assert_allclose(
        found, velocities.reshape(found.shape), atol=ROUNDING
    )
    found = jax.vmap(lambda tokens: call(network, tokens))(tokens)
    np.testing.assert_allclose(found, velocities, atol=ROUNDING)


def test_nothing_given(network, tokens):
    found = call(network, tokens, given=())
    assert found.shape == (4, 4, 2)
    assert jnp.isfinite(found).all()
    assert network.encode(tokens.select_tokens([])) == []


@pytest.mark.slow
def test_other_numbers_of_tokens(network):
    found = call(network, make_tokens(2, sites=5))
    assert found.shape == (2, 6, 2)


@pytest.mark.slow
def test_bfloat16(velocities, tokens):
    network = random_network(tokens, config(compute_dtype="bfloat16"))
    dtypes = {leaf.dtype for leaf in jax.tree.leaves(nnx.state(network))}
    assert dtypes == {jnp.dtype("float32")}
    found = call(network, tokens)
    assert found.dtype == jnp.float32
    difference = np.abs(found - velocities)[real_of(tokens)]
    # Tolerance for eight bits, over a few layers.
    assert difference.max() < 0.1 * np.abs(velocities).max()
    assert difference.max() > 0


@pytest.mark.slow
def test_remat(tokens):
    """It does not change any number of velocities or gradients."""
    results = []
    for remat in (False, True):
        network = random_network(tokens, config(remat=remat))
        graph, state = nnx.split(network)

        @jax.jit
        def loss(state, graph=graph):
            network = nnx.merge(graph, state)
            target, given = map(tokens.select_tokens, (TARGET, GIVEN))
            moved = network(target, given, jnp.full(4, 0.3))
            return jnp.where(target.value_mask, moved, 0).sum()

        results.append(jax.value_and_grad(loss)(state))
    leaves = zip(*map(jax.tree.leaves, results), strict=True)
    for plain, again in leaves:
        np.testing.assert_allclose(again, plain, rtol=1e-4, atol=1e-4)


@pytest.mark.slow
def test_a_fresh_network(tokens):
    """It has zero velocities, depends only on its seed, and fits its tokens."""
    networks = [
        Transformer.for_tokens(given, config(), rngs=nnx.Rngs(seed))
        for given, seed in ((tokens, 0), (tokens.layout, 0), (tokens, 1))
    ]
    assert (call(networks[0], tokens) == 0).all()
    first, second, third = (
        jax.tree.leaves(nnx.state(network, nnx.Param)) for network in networks
    )
    assert all(map(jnp.array_equal, first, second))
    assert not all(map(jnp.array_equal, first, third))


def test_keys_that_it_does_not_know(network):
    data = {"mu": np.zeros((2, 1, 1)), "nu": np.zeros((2, 1, 1))}
    tokens = Tokens.from_pytree(data, {})
    for target, given in ((["mu"], ["nu"]), (["nu"], ["mu"])):
        with pytest.raises(UnknownKeyError) as caught:
            call(network, tokens, tuple(target), tuple(given))
        assert str(caught.value) == (
            "Key 'nu' not found. Available keys: ['mu', 'site', 'obs']"
        )
    wide = Tokens.from_pytree({"mu": np.zeros((2, 1, 3))}, {})
    with pytest.raises(ValueError, match="do not fit the network") as caught:
        call(network, wide, ("mu",), ())
    assert str(caught.value) == (
        "These tokens do not fit the network: 'mu' has 3 values and None "
        "functional inputs per token, but the network was built for 1 and "
        "None"
    )
