"""Blocks, perceptrons and classifiers: layer order, keys, streams."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

from compat.values import normal
from tfmpe.compat.metrics._classifiers import (
    BinaryMLPClassifier,
    MultiBinaryMLPClassifier,
)
from tfmpe.compat.nn import _stacks
from tfmpe.compat.nn.mlp import MLPVectorField, VectorFieldModel
from tfmpe.compat.nn.smlp import MLPStructuredVectorField
from tfmpe.compat.nn.transformer import read_parameters
from tfmpe.compat.nn.transformer.encoder import (
    MLP,
    DecoderBlock,
    EncoderBlock,
    FFLayer,
)
from tfmpe.compat.svf import StructuredVectorFieldModel

# Tolerance for one call in float32.
CALL = 1e-5


def _counts(rngs):
    return {name: int(rngs[name].count[...]) for name in sorted(rngs)}


def test_dropout_comes_before_the_activation():
    """A dropped value therefore becomes cos(0), which is not 0."""
    layer = FFLayer(50, 0.5, jnp.cos, nnx.Rngs(0))
    x = normal(4, 50)
    keep = jax.random.bernoulli(
        jax.random.fold_in(jax.random.key(0), 2), 0.5, x.shape
    )
    wanted = jnp.cos(jnp.where(keep, layer.linear(x) / 0.5, 0))
    np.testing.assert_allclose(layer(x), wanted, atol=CALL)


def test_a_stack_is_its_layers_one_after_another():
    """Layer i has the weights of one layer created from part i of the key."""
    mlp = MLP(3, 2, 0.0, jnp.tanh, nnx.Rngs(7))
    keys = jax.random.split(jax.random.fold_in(jax.random.key(7), 0), 2)
    x = wanted = normal(5, 3)
    for key in keys:
        wanted = FFLayer(3, 0.0, jnp.tanh, nnx.Rngs(key))(wanted)
    np.testing.assert_allclose(mlp(x), wanted, atol=CALL)
    assert mlp.n_layers == 2
    assert read_parameters(mlp)["layers/linear/kernel"].shape == (2, 3, 3)


@pytest.mark.parametrize("mode", ["train", "eval"])
def test_every_call_counts_every_stream(mode):
    """Streams are also counted in evaluation (L34)."""
    rngs = nnx.Rngs(params=0, dropout=1, base_dist=2)
    network = MLPVectorField(2, 3, 4, 1, 0.3, nnx.relu, rngs)
    assert _counts(rngs) == {"base_dist": 1, "dropout": 1, "params": 5}
    getattr(network, mode)()
    network(normal(5, 2), normal(5, 1), normal(5, 3))
    assert _counts(rngs) == {"base_dist": 2, "dropout": 2, "params": 6}


def test_the_encoder_throws_its_attention_away_but_takes_its_key():
    """The key is used in training only (L22)."""
    rngs = nnx.Rngs(params=0, dropout=1)
    block = EncoderBlock(4, 1, 0.2, nnx.relu, 2, rngs)
    x = normal(1, 3, 4)
    before = _counts(rngs)["dropout"]
    block(x, jnp.zeros((1, 1, 3, 3)))
    assert _counts(rngs)["dropout"] == before + 2
    block.eval()
    without = block(x)
    np.testing.assert_array_equal(block(x, jnp.zeros((1, 1, 3, 3))), without)
    assert _counts(rngs)["dropout"] == before + 4


def test_the_decoder_obeys_its_mask():
    block = DecoderBlock(2, 4, 1, 0.0, nnx.relu, nnx.Rngs(0))
    x, context = normal(1, 3, 4), normal(1, 5, 4, seed=1)
    mask = jnp.zeros((1, 1, 3, 5)).at[..., :2].set(1)
    np.testing.assert_allclose(
        block(x, context, mask), block(x, context[:, :2]), atol=CALL
    )


@pytest.mark.parametrize("block", [EncoderBlock, DecoderBlock])
def test_heads_divide_the_width(block):
    with pytest.raises(ValueError, match=r"^dim is 5, expected a multiple"):
        block(dim=5, n_ff=1, dropout=0.0, activation=nnx.relu, n_heads=2)


def test_bases_of_fields_cannot_be_called():
    with pytest.raises(TypeError, match="VectorFieldModel has no __call__"):
        VectorFieldModel()(jnp.ones(1), 0.0, jnp.ones(1))
    with pytest.raises(TypeError, match="abstract"):
        StructuredVectorFieldModel()


def test_nothing_is_broadcast_by_the_plain_field():
    network = MLPVectorField(2, 3, 4, 1, 0.0, nnx.relu, nnx.Rngs(0))
    with pytest.raises(TypeError):
        network(normal(5, 2), normal(5, 1), normal(1, 3))


def test_the_structured_perceptron_reads_values_and_time_only():
    config = {
        "latent_dim": 6,
        "label_dim": 2,
        "index_out_dim": 4,
        "n_ff": 1,
        "dropout": 0.0,
        "activation": nnx.relu,
    }
    network = MLPStructuredVectorField(config, 3, 7, 2, 3, rngs=nnx.Rngs(0))
    context, theta, time = normal(2, 4, 2), normal(2, 3, 2), normal(2, 1, 1)
    given = [context, None, None, None, theta, None, None, None, None]
    velocity = network(*given, time)
    assert velocity.shape == (2, 3, 1)  # for any width (L50)
    given[1], given[3] = "anything", "else"
    np.testing.assert_array_equal(network(*given, time), velocity)


def test_classifiers_side_by_side_see_their_own_column():
    rngs = nnx.Rngs(3)
    many = MultiBinaryMLPClassifier(2, 4, 1, nnx.relu, 3, rngs)
    keys = jax.random.split(jax.random.fold_in(jax.random.key(3), 0), 3)
    u = normal(5, 3, 2)
    for i, key in enumerate(keys):
        one = BinaryMLPClassifier(2, 4, 1, nnx.relu, nnx.Rngs(key))
        np.testing.assert_allclose(many(u)[:, i], one(u[:, i]), atol=CALL)
    assert _counts(rngs) == {"default": 1}
    for wrong in (u[:, 0], u[:, :2]):
        with pytest.raises(AssertionError, match="expected"):
            many(wrong)


def test_a_stack_of_one_hundred_is_one_program():
    """There is no separate program for each classifier."""
    many = MultiBinaryMLPClassifier(2, 4, 1, nnx.relu, 100, nnx.Rngs(0))
    text = str(jax.make_jaxpr(many)(jnp.ones((3, 100, 2))))
    assert text.count("dot_general") == 3


def test_streams_from_outside_a_transformation_stay():
    rngs = nnx.Rngs(0)
    jax.jit(lambda: _stacks.split_streams(rngs, 2))()
    assert _counts(rngs) == {"default": 0}
    _stacks.split_streams(rngs, 2)
    assert _counts(rngs) == {"default": 1}
