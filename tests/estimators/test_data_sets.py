"""Data sets of different sizes under ``vmap``, compared one by one."""

import jax
import jax.numpy as jnp
import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from strategies import SEEDS, array_of, cases, rules
from tfmpe import Tokens, build_padding_mask
from tfmpe.estimators import flow_matching_loss
from tfmpe.preprocessing.tokens.views import detach

KEY = jax.random.key(5)
# Tolerance of the order of rounding, for at most a few dozen values.
ROUNDING = 1e-5
# Few shapes, so that most cases are compiled already.
SHAPES = [
    {"mu": (1,), "site": (2,), "obs": (2, 3)},
    {"mu": (1,), "site": (3,), "obs": (0, 2)},
]


@st.composite
def data_sets(draw, shapes=SHAPES):
    """Draw three sets of two simulations, most with different true sizes.

    Returns data, independence and event shapes; the sample axes are (3, 2).
    """
    shapes = draw(st.sampled_from(shapes))
    data, sizes = {}, {}
    for name, shape in shapes.items():
        width = 2 if name == "site" else 1
        values = array_of((3, 2, *shape, width), seed=draw(SEEDS))
        data[name] = np.nan_to_num(values, posinf=1, neginf=-1) / 900
        true = array_of((3, 2, len(shape)), "int32", draw(SEEDS))
        sizes[name] = np.abs(true) % (np.array(shape, np.int32) + 1)
    given = draw(st.sets(st.sampled_from(list(shapes)), min_size=1))
    sizes = {name: sizes[name] for name in shapes if name in given}
    return data, draw(rules(shapes)), sizes


def build(independence, data, sizes):
    return Tokens.from_pytree(data, independence, event_shapes=sizes)


def field(target, conditioning, time):
    """Return velocities that depend on visible tokens and on time."""
    among = target.attention_mask()[:, 0]
    across = target.attention_mask(conditioning, both_ways=True)[:, 0]
    values, seen = (
        jnp.where(jnp.asarray(side.value_mask), side.data, 0).sum(-1)
        for side in (target, conditioning)
    )
    moved = jnp.where(among, values[:, None], 0).sum(-1)
    moved += jnp.where(across, seen[:, None], 0).sum(-1)
    return 0.1 * target.data + (moved + time[:, None])[..., None]


def answers(tokens):
    """Return masks, the loss, and the number of values in the loss."""
    target, conditioning = ["mu", "site"], ["obs"]
    views = tokens.select_tokens(target), tokens.select_tokens(conditioning)

    loss = flow_matching_loss(
        field,
        detach(tokens, target),
        detach(tokens, conditioning),
        jnp.array([1.0, 0.5]),
        KEY,
        n_noise=2,
    )
    masks = (
        tokens.padding_mask,
        tokens.value_mask,
        tokens.attention_mask(),
        tokens.attention_mask(empty_rows="all"),
        views[0].attention_mask(views[1], both_ways=True),
    )
    return masks, loss


def _both_ways(function, *trees):
    """Call a function for all sets at once, and for each set."""
    at_once = jax.vmap(function)(*trees)
    one_by_one = [
        function(*jax.tree.map(lambda leaf, i=i: leaf[i], trees))
        for i in range(3)
    ]
    stacked = jax.tree.map(lambda *leaves: np.stack(leaves), *one_by_one)
    return at_once, stacked


@given(data_sets(SHAPES[:1]))
@cases(40, 10, costly=True)
def test_masks_and_loss_of_data_sets(drawn):
    data, independence, sizes = drawn
    tokens = Tokens.from_pytree(
        data, independence, sample_ndims=2, event_shapes=sizes
    )
    (masks, loss), (each_mask, each_loss) = _both_ways(answers, tokens)
    jax.tree.map(np.testing.assert_array_equal, masks, each_mask)
    np.testing.assert_allclose(loss, each_loss, rtol=ROUNDING, atol=ROUNDING)


@given(data_sets())
@cases(100, 20)
def test_tokens_and_padding_of_data_sets(drawn):
    data, independence, sizes = drawn
    found, wanted = _both_ways(
        lambda data, sizes: build(independence, data, sizes), data, sizes
    )
    assert found.layout == wanted.layout
    jax.tree.map(np.testing.assert_array_equal, found, wanted)
    slices = found.layout.slices
    found, wanted = _both_ways(
        lambda sizes: build_padding_mask(slices, sizes), sizes
    )
    np.testing.assert_array_equal(found, wanted)
