"""Conversion of Tokens to the arguments of a legacy call."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

from compat.values import assert_identical
from refusals import refused
from tfmpe import Tokens
from tfmpe.compat import (
    _make_attention_masks,
    bridge,
    flatten_structured,
    nine_arguments,
)
from tfmpe.compat.structured_cnf import StructuredCNF
from tfmpe.migrate import oracle

pytestmark = pytest.mark.usefixtures("quiet")


def _legacy(example, index, event_shapes):
    """Return the nine arguments, created as in a legacy script."""
    side = {
        "theta": {name: leaf[:1] for name, leaf in example.theta.items()},
        "y": {name: leaf[:1] for name, leaf in example.y.items()},
    }
    flat, _ = flatten_structured(
        side,
        index=index,
        event_shapes=event_shapes,
        independence=example.independence,
    )
    theta_mask, y_mask, cross_mask = _make_attention_masks(flat["masks"])
    n_tokens = flat["data"]["theta"].shape[1]
    rows = flat.get("index", {"theta": None, "y": None})
    return {
        "context": flat["data"]["y"],
        "context_label": flat["labels"]["y"],
        "context_index": rows["y"],
        "context_mask": y_mask,
        "theta_shape": (n_tokens, 1),
        "theta_label": flat["labels"]["theta"],
        "theta_index": rows["theta"],
        "theta_mask": theta_mask,
        "cross_mask": cross_mask,
    }


def _inputs(example):
    """Return inputs for every key, which the legacy code requires."""
    if example.functional_inputs is None:
        return None
    zeros = {
        name: jnp.zeros((1, *leaf.shape[1:]))
        for name, leaf in example.data.items()
    }
    times = example.functional_inputs["obs"]
    return zeros | {"obs": times.reshape((-1, *times.shape[-3:]))[:1]}


def _tokens(example, inputs, **options):
    data = {name: leaf[:1] for name, leaf in example.data.items()}
    return Tokens.from_pytree(data, example.independence, inputs, **options)


@pytest.mark.parametrize("padded", [False, True])
def test_equal_to_the_legacy_way(example, padded):
    """Types, dtypes and bits are equal for the three examples."""
    inputs, shapes, sides = _inputs(example), None, None
    if padded:
        shapes = {
            name: jnp.asarray([[max(1, n - 1) for n in leaf.shape[1:-1]]])
            for name, leaf in example.data.items()
        }
        sides = {
            side: {name: shapes[name] for name in getattr(example, side)}
            for side in ("theta", "y")
        }
    tokens = _tokens(example, inputs, event_shapes=shapes)
    found = nine_arguments(tokens, list(example.theta), list(example.y))
    wanted = _legacy(example, inputs, sides)
    assert_identical(found, wanted)


def test_a_legacy_flow_takes_them(make_example):
    """The call also works with target and conditioning exchanged."""
    example = make_example("hierarchical_gaussian", n_sites=2)
    tokens = _tokens(example, None)
    cnf = StructuredCNF(oracle.FIELDS["closed_form_v1"], nnx.Rngs(0))
    arguments = nine_arguments(tokens, ["obs"], ["theta", "mu"])
    draws = cnf.sample(**arguments, sample_size=3)
    assert draws.shape == (3, 4, 1)
    decoded = tokens.select_tokens(["obs"]).decode(draws[:, None])
    assert decoded["obs"].shape == (3, 1, 2, 2, 1)


@pytest.mark.parametrize("shape", [(), (1, 1)])
def test_any_sample_axes_of_one_entry(shape, make_example):
    example = make_example("hierarchical_gaussian")
    one = _tokens(example, None)
    tokens = jax.tree.map(
        lambda leaf: leaf.reshape((*shape, *leaf.shape[1:])), one
    )
    for given in (tokens, tokens.select_tokens(["mu", "obs"])):
        wanted = nine_arguments(one, ["mu"], ["obs"])
        assert_identical(nine_arguments(given, ["mu"], ["obs"]), wanted)


def test_under_vmap(make_example):
    """Each row has one observation."""
    example = make_example("hierarchical_gaussian")
    tokens = Tokens.from_pytree(example.data, example.independence)
    contexts = jax.vmap(
        lambda row: nine_arguments(row, ["mu"], ["obs"])["context"]
    )(tokens)
    wanted = tokens.select_tokens(["obs"]).data
    np.testing.assert_array_equal(contexts[:, 0], wanted)


def test_without_rules_there_are_no_masks():
    tokens = Tokens.from_pytree(
        {"mu": jnp.zeros((1, 1, 1)), "obs": jnp.zeros((1, 2, 2))}, {}
    )
    found = nine_arguments(tokens, ["mu"], ["obs"])
    absent = [name for name, value in found.items() if value is None]
    assert absent == [
        "context_index",
        "context_mask",
        "theta_index",
        "theta_mask",
        "cross_mask",
    ]
    # Arguments have the width of the Tokens, whichever keys are chosen (L21).
    assert found["theta_shape"] == (1, 2)


def test_several_samples_are_an_error(make_example):
    example = make_example("hierarchical_gaussian")
    tokens = Tokens.from_pytree(example.data, example.independence)
    message = (
        "The tokens have the sample axes (4,), expected one sample. Take "
        "one with jax.tree.map(lambda x: x[i], tokens), or use jax.vmap."
    )
    with refused(ValueError, message):
        nine_arguments(tokens, ["mu"], ["obs"])


def test_it_is_part_of_the_bridge():
    assert bridge.nine_arguments is nine_arguments
