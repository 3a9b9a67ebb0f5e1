"""Legacy network: stored outputs from stored weights."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

from compat.values import normal
from refusals import refused
from stored_calls import stored_cases
from tfmpe.compat.defects.l22_masks_without_effect import (
    MasksWithoutEffectWarning,
)
from tfmpe.compat.nn._layers import Dropout
from tfmpe.compat.nn.transformer import (
    Transformer,
    load_parameters,
    read_parameters,
)
from tfmpe.migrate import oracle

pytestmark = pytest.mark.usefixtures("quiet")

STORED = {str(case): case for case in stored_cases("Transformer_call")}
TRAINED = {
    str(case): case
    for case in stored_cases("SFMPE_log_prob_posterior_samples")
    if "__trace" in case.name
}

# Tolerance for one call in float32, as in the recordings.
CALL = 1e-5
# The seed from which the stored networks were created, found by search.
SEED = 33

CONFIG = {
    "latent_dim": 6,
    "label_dim": 3,
    "index_out_dim": 4,
    "n_encoder": 1,
    "n_decoder": 2,
    "n_heads": 3,
    "n_ff": 2,
    "dropout": 0.2,
    "activation": nnx.relu,
}
# None of these sizes occurs in a stored network.
SIZES = {"value_dim": 2, "n_labels": 4, "index_dim": 3}
N_THETA, N_CONTEXT = 3, 5


@pytest.fixture(params=STORED.values(), ids=STORED)
def stored(request):
    return request.param


def _sizes(parameters):
    return {
        "value_dim": len(parameters["linear/bias"]),
        "n_labels": len(parameters["embedding/embedding/embedding"]),
        "index_dim": len(parameters["embedding/gf_embedding/b"]),
    }


def _network(seed=0, **config):
    return Transformer(CONFIG | config, **SIZES, rngs=nnx.Rngs(seed))


def _arguments(n=2, **changed):
    """Return ten arguments; the masks of both sides allow everything."""
    cross = np.ones((n, 1, N_THETA, N_CONTEXT), np.float32)
    cross[:, :, 0, 1:] = cross[:, :, 1] = 0
    return {
        "theta": normal(n, N_THETA, 2),
        "theta_label": np.array([[0, 2, 2]], np.int8),
        "theta_index": normal(n, N_THETA, 3),
        "theta_mask": jnp.ones((1, 1, N_THETA, N_THETA)),
        "time": jnp.linspace(0.0, 1.0, n).reshape((n, 1, 1)),
        "context": normal(n, N_CONTEXT, 2, seed=1),
        "context_label": np.array([[1, 1, 3, 3, 3]], np.int8),
        "context_index": normal(1, N_CONTEXT, 3),
        "context_mask": None,
        "cross_mask": jnp.asarray(cross),
        **changed,
    }


@nnx.jit
def _call(network, arguments):
    return network(**arguments)


def _evaluate(network, **changed):
    network.eval()
    return np.asarray(_call(network, _arguments(**changed)))


def _created(stored, seed=0):
    """Return a new network of the sizes of a stored one."""
    config = stored.extra["config"] | {"activation": nnx.relu}
    sizes = _sizes(stored.extra["params"])
    return Transformer(config, **sizes, rngs=nnx.Rngs(seed))


def _loaded(stored):
    network = _created(stored)
    load_parameters(network, stored.extra["params"])
    network.eval()
    return network


def test_stored_output_comes_back(stored):
    velocity, expected = _call(_loaded(stored), stored.kwargs), stored.output
    assert (velocity.shape, velocity.dtype) == (expected.shape, expected.dtype)
    assert np.abs(np.asarray(velocity) - expected).max() < CALL


def test_weights_may_be_constants():
    """The other tests pass them as arguments of a compiled call."""
    stored = next(iter(STORED.values()))
    network = _loaded(stored)
    velocity = jax.jit(lambda kwargs: network(**kwargs))(stored.kwargs)
    assert np.abs(np.asarray(velocity) - stored.output).max() < CALL


@pytest.mark.slow
@pytest.mark.nightly("trainings")
def test_eager_call_is_the_same():
    network = _network()
    compiled = _evaluate(network)
    np.testing.assert_allclose(network(**_arguments()), compiled, atol=CALL)


def test_seed_gives_the_stored_initial_weights(stored):
    """Paths, shapes, dtypes and the drawn numbers are equal."""
    expected = stored.extra["params"]
    parameters = read_parameters(_created(stored, SEED))
    assert list(parameters) == sorted(expected)
    for path, value in parameters.items():
        assert value.shape == expected[path].shape, path
        assert value.dtype == expected[path].dtype, path
        np.testing.assert_allclose(value, expected[path], rtol=1e-6)


def test_eight_keys_are_drawn_for_the_weights():
    """Objects that share the random numbers therefore draw the same numbers."""
    rngs = nnx.Rngs(0)
    Transformer(CONFIG, **SIZES, rngs=rngs)
    expected = jax.random.fold_in(jax.random.key(0), 8)
    assert rngs.base_dist() == expected


@pytest.mark.parametrize("name", TRAINED)
def test_trained_weights_load(name):
    """The weights are from example runs with one feed-forward layer."""
    parameters = TRAINED[name].extra["params"]
    config = {
        "latent_dim": 8,
        "label_dim": 2,
        "index_out_dim": 2 * parameters["embedding/gf_embedding/b"].shape[1],
        "n_encoder": len(parameters["encoder/norm/bias"]),
        "n_decoder": len(parameters["decoder/norm/bias"]),
        "n_heads": parameters["encoder/attn/out/kernel"].shape[1],
        "n_ff": 1,
        "dropout": 0.1,
        "activation": nnx.relu,
    }
    network = Transformer(config, **_sizes(parameters), rngs=nnx.Rngs(0))
    load_parameters(network, parameters)
    loaded = read_parameters(network)
    assert loaded.keys() == parameters.keys()
    for path, value in loaded.items():
        np.testing.assert_array_equal(value, parameters[path])


@pytest.mark.parametrize("changed", [{}, {"cross_mask": None}])
def test_agrees_with_the_oracle_in_other_sizes(changed):
    network = _network()
    expected = jax.jit(oracle.transformer)(
        read_parameters(network), **_arguments(**changed)
    )
    velocity = _evaluate(network, **changed)
    assert velocity.shape == (2, N_THETA, 2)
    np.testing.assert_allclose(velocity, expected, atol=CALL)


def test_the_configuration_chooses_the_activation():
    plain = _evaluate(_network())
    other = _evaluate(_network(activation=nnx.gelu))
    assert np.abs(other - plain).max() > 0.01


def test_a_network_without_functional_inputs():
    network = Transformer(
        CONFIG | {"index_out_dim": 0},
        value_dim=2,
        n_labels=4,
        index_dim=0,
        rngs=nnx.Rngs(0),
    )
    assert read_parameters(network)["embedding/gf_embedding/b"].shape == (0, 0)
    velocity = _evaluate(network, theta_index=None, context_index=None)
    assert velocity.shape == (2, N_THETA, 2)


def test_a_call_is_encode_then_decode():
    """Every part splits the streams once, also in evaluation (L34)."""
    network = _network()
    network.eval()
    count = int(network.rngs.default.count[...])
    given, parts = _arguments(), ("", "_label", "_index", "_mask")
    whole = _call(network, given)
    assert int(network.rngs.default.count[...]) == count + 3
    encoded = nnx.jit(Transformer.encode)(
        network, *(given[f"context{part}"] for part in parts), given["time"]
    )
    assert int(network.rngs.default.count[...]) == count + 4
    velocity = nnx.jit(Transformer.decode)(
        network,
        *(given[f"theta{part}"] for part in parts),
        encoded,
        given["cross_mask"],
        given["time"],
    )
    np.testing.assert_allclose(velocity, whole, atol=CALL)


def test_only_the_cross_mask_acts():
    network = _network()
    plain = _evaluate(network)
    zeros = {
        "theta_mask": jnp.zeros((1, 1, N_THETA, N_THETA)),
        "context_mask": jnp.zeros((1, 1, N_CONTEXT, N_CONTEXT)),
    }
    np.testing.assert_array_equal(_evaluate(network, **zeros), plain)
    everything = _evaluate(network, cross_mask=None)
    differs = np.abs(everything - plain).max((0, 2)) > 1e-4
    # Row 0 sees one token, row 1 none and therefore all, row 2 all.
    assert differs.tolist() == [True, True, False]


def test_row_of_zeros_in_the_cross_mask_takes_the_mean():
    """Equal context tokens therefore act like a single one."""
    network = _network()
    one = normal(2, 1, 2)
    arguments = {
        "context": jnp.broadcast_to(one, (2, N_CONTEXT, 2)),
        "context_label": jnp.ones((1, N_CONTEXT), jnp.int8),
        "context_index": jnp.ones((1, N_CONTEXT, 3)),
    }
    nothing = jnp.zeros((1, 1, N_THETA, N_CONTEXT))
    np.testing.assert_allclose(
        _evaluate(network, cross_mask=nothing, **arguments),
        _evaluate(network, cross_mask=None, **arguments),
        atol=CALL,
    )


def test_vmap_gives_the_same_rows():
    network = _network()
    together = _evaluate(network)
    arguments = _arguments()

    names = ("theta", "theta_index", "time", "context", "cross_mask")

    def one(row):
        rows = {name: x[None] for name, x in row.items()}
        return network(**(arguments | rows))[0]

    apart = jax.jit(jax.vmap(one))({name: arguments[name] for name in names})
    np.testing.assert_allclose(apart, together, atol=CALL)


def test_gradient_reaches_all_weights_but_the_encoders_attention():
    """In the stored runs, training left exactly these weights unchanged."""
    network = _network()
    network.eval()

    def loss(network):
        return (network(**_arguments()) ** 2).mean()

    gradient = nnx.to_pure_dict(nnx.jit(nnx.grad(loss))(network))
    leaves = jax.tree_util.tree_leaves_with_path(gradient)
    zero = {
        "/".join(key.key for key in path)
        for path, leaf in leaves
        if not np.abs(np.asarray(leaf)).max() > 0
    }
    assert zero == {
        f"encoder/attn/{name}/kernel"
        for name in ("query", "key", "value", "out")
    }


def test_dropout_acts_in_training_alone():
    network = _network()
    plain = _evaluate(network)
    network.train()
    first, second = (np.asarray(_call(network, _arguments())) for _ in range(2))
    assert np.abs(first - second).max() > 0.01
    np.testing.assert_array_equal(_evaluate(network), plain)

    again = _network()
    _evaluate(again)
    again.train()
    np.testing.assert_array_equal(_call(again, _arguments()), first)

    without = _network(dropout=0.0)
    without.train()
    np.testing.assert_allclose(_call(without, _arguments()), plain, atol=CALL)


def test_dropout_drops_what_it_should():
    """A fifth of the values are dropped, and the others are scaled up."""
    dropped = np.asarray(Dropout(0.2, nnx.Rngs(0))(jnp.ones(20_000)))
    # Three standard deviations of the count.
    assert abs(float((dropped == 0).mean()) - 0.2) < 0.0085
    np.testing.assert_allclose(dropped[dropped != 0], 1.25, rtol=1e-6)


@pytest.mark.parametrize("name", [n for n in CONFIG if n != "activation"])
def test_an_incomplete_configuration_is_refused(name):
    config = {k: v for k, v in CONFIG.items() if k != name}
    with pytest.raises(KeyError, match=f"'{name}'"):
        Transformer(config, **SIZES, rngs=nnx.Rngs(0))


def test_columns_that_do_not_match_are_named():
    with pytest.raises(TypeError, match=r"have 7 columns, .* expects 11\."):
        _evaluate(_network(), context_index=None)


def test_unknown_label_gives_nan():
    """An unknown label does not select the row of another label."""
    label = jnp.array([[0, 4, 2]], jnp.int8)
    velocity = _evaluate(_network(), theta_label=label)
    assert np.isnan(velocity).any((0, 2)).tolist() == [False, True, False]


def test_every_fault_of_stored_weights_is_listed():
    network = _network()
    before = read_parameters(network)
    parameters = dict(before)
    parameters["linear/biases"] = parameters.pop("linear/bias")
    parameters["embedding/gf_embedding/b"] = np.ones((2, 3))
    message = (
        "Cannot load these parameters:\n"
        "  - 'linear/bias' is missing; its shape is (2,)\n"
        "  - 'embedding/gf_embedding/b' has shape (2, 3), expected (3, 2)\n"
        "  - 'linear/biases' is unknown. Did you mean 'linear/bias'?"
    )
    with refused(ValueError, message):
        load_parameters(network, parameters)
    for path, value in read_parameters(network).items():
        np.testing.assert_array_equal(value, before[path])


def test_loading_keeps_the_data_type():
    network = _network()
    other = read_parameters(_network(seed=1))
    load_parameters(
        network, {k: np.asarray(v, np.float64) for k, v in other.items()}
    )
    for path, value in read_parameters(network).items():
        assert value.dtype == jnp.float32
        np.testing.assert_array_equal(value, other[path])


def _trace(**changed):
    """Call a network under a trace, with masks whose values are known."""
    network, arguments = _network(), _arguments(**changed)
    network.eval()
    jax.eval_shape(lambda: network(**arguments))


def test_mask_that_forbids_something_is_warned_of(recwarn, monkeypatch):
    monkeypatch.delenv("TFMPE_COMPAT")
    _trace()
    assert not recwarn
    forbids = jnp.ones((1, 1, N_THETA, N_THETA)).at[0, 0, 1, 2].set(0)
    with pytest.warns(
        MasksWithoutEffectWarning, match="^L22: .* ignores theta_mask:"
    ):
        _trace(theta_mask=forbids)


def test_traced_masks_are_warned_of(monkeypatch):
    """The values of traced masks are not inspected."""
    monkeypatch.delenv("TFMPE_COMPAT")

    def call(mask, other):
        _trace(theta_mask=mask, context_mask=other)

    masks = [jnp.ones((1, 1, n, n)) for n in (N_THETA, N_CONTEXT)]
    with pytest.warns(
        MasksWithoutEffectWarning, match="theta_mask and context_mask"
    ):
        jax.eval_shape(call, *masks)
