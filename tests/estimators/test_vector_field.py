"""Vector fields, split for jit and merged again."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

from estimators.known_flows import given_mean, linear, make_tokens
from tfmpe.estimators import (
    ContinuousFlow,
    EncodingVectorField,
    FlowMatchingEstimator,
)
from tfmpe.estimators._flow.vector_field import (
    check_field,
    given,
    merge_field,
    split_field,
    with_arrays,
)


class Network(nnx.Module):
    """A network with parameters, another array, and random numbers."""

    def __init__(self, seed):
        rngs = nnx.Rngs(seed)
        self.linear = nnx.Linear(2, 2, rngs=rngs)
        self.waves = nnx.Variable(jax.random.normal(rngs.waves(), (2,)))
        self.dropout = nnx.Dropout(0.5, rngs=rngs)

    def __call__(self, target, conditioning, time):
        del conditioning, time
        return self.dropout(self.linear(target.data) * self.waves[None, None])


class Module(eqx.Module):
    """A module with jax and NumPy arrays, and other attributes."""

    weight: jax.Array
    grid: np.ndarray
    rows: jax.Array
    names: list
    squash: object

    def __init__(self, weight):
        self.weight = jnp.full(2, weight)
        self.grid = np.arange(2.0)
        self.rows = jnp.arange(2)
        self.names, self.squash = ["a", 2], jnp.tanh

    def __call__(self, target, conditioning, time):
        del conditioning, time
        scaled = target.data * self.weight[None, None]
        return self.squash(scaled + self.grid[self.rows][None, None])


@pytest.fixture(scope="module")
def tokens():
    return make_tokens(3)


@pytest.mark.parametrize(
    "build",
    [lambda seed: linear, Network, Module],
    ids=["function", "nnx", "eqx"],
)
def test_splitting_is_undone(build, tokens):
    field, other = build(1), build(2)
    for one in (field, other):
        if isinstance(one, nnx.Module):
            one.eval()
    static, parameters, rest = split_field(field)
    again = split_field(other)
    assert static == again.static
    assert hash(static) == hash(again.static)
    merged = merge_field(again.static, parameters, rest)
    target, conditioning = map(tokens.select_tokens, (["site"], ["obs"]))
    expected = field(target, conditioning, jnp.zeros(3))
    found = merged(target, conditioning, jnp.zeros(3))
    np.testing.assert_array_equal(found, expected)


def test_parameters_are_what_is_trained():
    def shapes(tree):
        return [leaf.shape for leaf in jax.tree.leaves(tree)]

    _, parameters, (others, random) = split_field(Network(0))
    assert shapes(parameters) == [(2,), (2, 2)]
    assert shapes(others) == [(2,)]
    assert jax.tree.leaves(random)
    _, parameters, (others, random) = split_field(Module(0.0))
    assert shapes(parameters) == [(2,), (2,)]
    assert [leaf.dtype for leaf in jax.tree.leaves(others)] == [jnp.int32]
    assert random is None
    _, parameters, rest = split_field(linear)
    assert not jax.tree.leaves((parameters, rest))


def test_other_architectures_are_other_fields():
    class Wider(Module):
        pass

    statics = [
        split_field(field).static
        for field in (linear, given_mean, Network(0), Module(0.0), Wider(0.0))
    ]
    assert len(set(statics)) == len(statics)


@pytest.mark.parametrize("build", [Network, Module])
def test_with_arrays(build):
    field, other = build(0), build(5)
    before = jax.tree.map(jnp.copy, split_field(field).parameters)
    _, parameters, (others, _) = split_field(other)
    changed = with_arrays(field, parameters, others)
    after = split_field(changed)
    for found, expected in (
        (after.parameters, parameters),
        (after.rest[0], others),
    ):
        assert jax.tree.all(jax.tree.map(jnp.array_equal, found, expected))
    own = split_field(field).parameters
    assert jax.tree.all(jax.tree.map(jnp.array_equal, own, before))


class Encoding:
    """A field that encodes the conditioning once."""

    def encode(self, conditioning):
        return given_mean(conditioning)

    def velocity(self, target, conditioning, encoded, time):
        del conditioning
        return target.data + (encoded * time)[..., None, None]


def test_a_field_may_encode(tokens):
    assert isinstance(Encoding(), EncodingVectorField)
    assert not isinstance(linear, EncodingVectorField)
    assert not isinstance(Network(0), EncodingVectorField)
    target, conditioning = map(tokens.select_tokens, (["site"], ["obs"]))
    time = jnp.ones(3)
    found = given(Encoding(), conditioning)(target, time)
    expected = target.data + given_mean(conditioning)[:, None, None]
    np.testing.assert_array_equal(found, expected)
    found = given(linear, conditioning)(target, time)
    np.testing.assert_array_equal(found, linear(target, conditioning, time))


def test_what_is_no_field():
    """A number as a public argument fails at its annotation in tests."""
    with pytest.raises(TypeError) as caught:
        check_field(3)
    assert str(caught.value) == (
        "The vector field is 3, expected a callable with the arguments "
        "(target, conditioning, time). Pass a model to fit, or to load as "
        "model=; a config to Transformer.for_tokens."
    )
    for build in (ContinuousFlow, FlowMatchingEstimator):
        with pytest.raises(TypeError) as caught:
            build(Network)
        assert str(caught.value) == (
            "The vector field is the class Network; pass an instance of it."
        )
    assert check_field(linear) is linear
