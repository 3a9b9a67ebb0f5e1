"""Padding masks of real tokens where event shapes vary."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from preprocessing.slices import slices_of
from tfmpe import PAD_VALUE, Tokens, build_padding_mask

SLICES = slices_of(mu=(1,), obs=(2, 3), theta=(2,))


def test_padding_mask_by_hand(picture):
    """A token is real if it is below the true size along every event axis."""
    sizes = {"obs": np.array([[2, 3], [1, 2], [2, 1], [0, 3]])}
    mask = build_padding_mask(SLICES, sizes)
    assert isinstance(mask, np.ndarray)
    assert picture(mask) == [
        "#########",
        "###....##",
        "##..#..##",
        "#......##",
    ]


def test_padding_mask_of_selected_keys(picture):
    """Keys have the requested order."""
    sizes = {"obs": np.array([[1, 2]]), "theta": np.array([[1]])}
    mask = build_padding_mask(SLICES, sizes, ["theta", "obs"])
    assert picture(mask) == ["#.##...."]


@pytest.mark.parametrize("selected", [[], ["mu"]])
def test_padding_mask_without_any_size(selected):
    """Keys without sizes are real; without keys there are no tokens."""
    mask = build_padding_mask(SLICES, {}, selected)
    assert mask.dtype == bool
    assert mask.shape == (len(selected),)
    assert mask.all()


def test_sizes_given_once_are_broadcast(picture):
    """Sizes of other keys may differ between samples."""
    sizes = {"obs": np.array([1, 1]), "theta": np.array([[1], [2]])}
    assert picture(build_padding_mask(SLICES, sizes)) == [
        "##.....#.",
        "##.....##",
    ]


def test_traced_sizes():
    """Sizes are data: jit and vmap agree with eager code."""
    sizes = {"obs": jnp.array([[2, 3], [1, 2], [0, 0]])}
    expected = build_padding_mask(SLICES, sizes)

    def build(sizes):
        return build_padding_mask(SLICES, sizes)

    np.testing.assert_array_equal(jax.jit(build)(sizes), expected)
    np.testing.assert_array_equal(jax.vmap(build)(sizes), expected)


def test_tokens_with_event_shapes(picture):
    """The mask exists, views select it, and values below it are kept."""
    data = {
        "theta": np.arange(4.0).reshape(2, 2, 1),
        "obs": np.arange(12.0).reshape(2, 2, 3, 1),
    }
    sizes = {"obs": np.array([[2, 2], [1, 3]])}
    tokens = Tokens.from_pytree(data, {}, event_shapes=sizes)
    assert isinstance(tokens.padding, jax.Array)
    assert picture(tokens.padding_mask) == ["####.##.", "#####..."]
    obs = tokens.select_tokens(["obs"])
    assert picture(obs.padding_mask) == ["##.##.", "###..."]
    both = tokens.select_tokens(["obs", "theta"])
    assert picture(both.padding_mask) == ["##.##.##", "###...##"]
    np.testing.assert_array_equal(tokens.decode()["obs"], data["obs"])
    assert not (tokens.data == PAD_VALUE).any()


def test_tokens_without_event_shapes_are_all_real():
    """No mask is stored, and none is needed."""
    data = {"obs": np.zeros((2, 3, 1))}
    for event_shapes in (None, {}):
        tokens = Tokens.from_pytree(data, {}, event_shapes=event_shapes)
        assert tokens.padding is None
        assert tokens.padding_mask.shape == (2, 3)
        assert tokens.padding_mask.all()


@pytest.mark.parametrize(
    ("sample_ndims", "sample_shape"), [(0, ()), (1, (3,)), (2, (3, 2))]
)
def test_sizes_with_any_number_of_sample_axes(sample_ndims, sample_shape):
    """There is one size per sample, or one for all samples."""
    data = {"obs": np.zeros((*sample_shape, 4, 1))}
    n = int(np.prod(sample_shape))
    sizes = np.arange(n).reshape((*sample_shape, 1)) % 5
    for given in (sizes, np.array([2])):
        tokens = Tokens.from_pytree(
            data, {}, None, sample_ndims, event_shapes={"obs": given}
        )
        assert tokens.padding_mask.shape == (*sample_shape, 4)
        counts = np.broadcast_to(given, (*sample_shape, 1))[..., 0]
        np.testing.assert_array_equal(tokens.padding_mask.sum(-1), counts)


def test_an_event_shape_of_one_token_is_always_real():
    """It has no axis along which it could be smaller."""
    data = {"mu": np.zeros((2, 1)), "obs": np.zeros((2, 2, 1))}
    sizes = {"mu": np.zeros((2, 0), int), "obs": np.array([[0], [1]])}
    tokens = Tokens.from_pytree(data, {}, event_shapes=sizes)
    assert tokens.padding_mask.tolist() == [
        [True, False, False],
        [True, True, False],
    ]


def test_real_values(picture):
    """Padding tokens and unused columns of narrow keys are not real."""
    data = {
        "mu": np.zeros((2, 1, 1)),
        "theta": np.zeros((2, 2, 2)),
    }
    sizes = {"theta": np.array([[2], [1]])}
    tokens = Tokens.from_pytree(data, {}, event_shapes=sizes)
    assert picture(tokens.value_mask[0]) == ["#.", "##", "##"]
    assert picture(tokens.value_mask[1]) == ["#.", "##", ".."]
    view = tokens.select_tokens(["theta", "mu"])
    assert picture(view.value_mask[1]) == ["##", "..", "#."]
    assert picture(tokens.select_tokens(["mu"]).value_mask[0]) == ["#."]
    assert tokens.select_tokens([]).value_mask.shape == (2, 0, 2)


@pytest.mark.parametrize("sample_shape", [(), (3,), (3, 2)])
def test_real_values_without_padding(sample_shape):
    """The layout is sufficient: a NumPy result, also under jit."""
    data = {
        "mu": jnp.zeros((*sample_shape, 1, 1)),
        "theta": jnp.zeros((*sample_shape, 2, 2)),
    }
    tokens = Tokens.from_pytree(data, {}, sample_ndims=len(sample_shape))

    @jax.jit
    def read(tokens):
        assert isinstance(tokens.value_mask, np.ndarray)
        return tokens.value_mask

    mask = read(tokens)
    assert mask.dtype == bool
    assert mask.shape == tokens.data.shape
    np.testing.assert_array_equal(mask, tokens.data == 0)


def test_real_values_of_wider_arrays():
    """Columns beyond the widest key are not real."""
    tokens = Tokens.from_pytree({"mu": np.zeros((2, 1, 1))}, {})
    wider = Tokens(np.zeros((2, 1, 3)), tokens.layout)
    assert wider.value_mask.tolist() == [[[True, False, False]]] * 2
    assert tokens.value_mask.tolist() == [[[True]]] * 2


def from_pytree(sizes):
    data = {"obs": np.zeros((2, 4, 1))}
    return Tokens.from_pytree(data, {}, event_shapes={"obs": sizes})


def build_mask(sizes):
    return build_padding_mask(slices_of(obs=(4,)), {"obs": sizes})


@pytest.mark.parametrize("build", [from_pytree, build_mask])
@pytest.mark.parametrize("convert", [np.asarray, jnp.asarray])
@pytest.mark.parametrize(
    ("sizes", "value"),
    [
        ([[1], [5]], "5"),
        ([[-1], [2]], "-1"),
        ([[3.0], [np.nan]], "nan"),
        ([[2.5], [2.0]], "2.5"),
        ([[np.inf], [2.0]], "inf"),
        ([[True], [False]], "True"),
        ([[1 + 0j], [2 + 0j]], r"\(1\+0j\)"),
    ],
)
def test_sizes_are_whole_numbers_up_to_the_event_shape(
    build, convert, sizes, value
):
    message = f"event_shapes of 'obs' holds {value} .*whole numbers from 0 to 4"
    with pytest.raises(ValueError, match=message):
        build(convert(sizes))


@pytest.mark.parametrize("build", [from_pytree, build_mask])
@pytest.mark.parametrize("size", [2**40, 2**63])
def test_sizes_beyond_32_bits(build, size):
    with pytest.raises(ValueError, match=f"'obs' holds {size} "):
        build(np.array([[size]], np.uint64))


def test_weakly_typed_sizes_are_checked():
    """Arrays from `jnp.full` are an example."""
    with pytest.raises(ValueError, match="'obs' holds 5 "):
        build_mask(jnp.full((2, 1), 5))


def test_sizes_of_several_axes():
    """Each axis has its own limit, which the message states."""
    message = "holds 3 for axis 0 .*event shape \\(2, 3\\).*from 0 to 2"
    with pytest.raises(ValueError, match=message):
        build_padding_mask(SLICES, {"obs": np.array([[2, 3], [3, 2]])})


@pytest.mark.parametrize("dtype", ["int8", "uint64", "float16", "bfloat16"])
def test_sizes_of_any_dtype_of_whole_numbers(dtype):
    sizes = np.array([[0], [4]]).astype(jnp.dtype(dtype))
    assert build_mask(sizes).sum(-1).tolist() == [0, 4]
