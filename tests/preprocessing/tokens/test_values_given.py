"""Values from users: kept unchanged, or refused with a remedy."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from tfmpe import (
    Standardizer,
    Tokens,
    concatenate_tokens,
    flatten_pytree,
    update_flat_array,
)

MASKED = np.ma.masked_equal(np.array([[[1.0], [-999.0], [2.0]]]), -999.0)


def of(value, **options):
    return Tokens.from_pytree({"y": value}, {}, **options)


def zeros(dtype=np.float32, shape=(1, 3, 1)):
    return of(np.zeros(shape, dtype))


def flat_zeros(value):
    flat, slices = flatten_pytree(
        {"y": np.zeros((1, 3, 1), np.float32)}, 1, None, -1.0, 1
    )
    return update_flat_array(flat, slices, "y", value)


WAYS_IN = {
    "from_pytree": of,
    "functional inputs": lambda value: of(
        np.zeros((1, 3, 1)), functional_inputs={"y": value}
    ),
    "with_values": lambda value: zeros().with_values(y=value),
    "with_data": lambda value: zeros().with_data(value),
    "view": lambda value: zeros().select_tokens(["y"]).with_data(value),
    "flatten_pytree": lambda value: flatten_pytree(
        {"y": value}, 1, None, -1.0, 1
    ),
    "update_flat_array": flat_zeros,
    "standardizer": lambda value: Standardizer.fit(
        of(np.array([[[1.0], [2.0], [4.0]]]))
    ).forward(value, like=zeros()),
}


@pytest.mark.parametrize("way", WAYS_IN)
def test_masked_values_are_refused(way):
    with pytest.raises(ValueError, match=r"1 of 3 values masked.*event_shape"):
        WAYS_IN[way](MASKED)


def test_a_mask_that_hides_nothing_is_no_mask():
    whole = np.ma.masked_array(np.ones((1, 3, 1)), mask=False)
    assert of(whole).data.tolist() == [[[1.0], [1.0], [1.0]]]


def test_masked_sizes_are_refused():
    sizes = np.ma.masked_array([[2]], mask=True)
    with pytest.raises(ValueError, match="event_shapes of 'y' is a masked"):
        of(np.zeros((1, 3, 1)), event_shapes={"y": sizes})


@pytest.mark.parametrize(
    "ids",
    [np.ma.array([0, 1, 1], mask=[0, 1, 0]), [0, np.ma.array(1, mask=True), 1]],
)
def test_masked_groups_are_refused(ids):
    with pytest.raises(ValueError, match="groups of 'y' for 's' is a masked"):
        of(np.zeros((1, 3, 1)), groups={"y": {"s": ids}})


@pytest.mark.parametrize("label", [2**31, 2**40, -(2**31) - 1])
def test_labels_that_32_bits_cannot_hold_are_refused(label):
    with pytest.raises(ValueError, match=f"labels of 'y' is {label}.*2147483"):
        of(np.zeros((1, 3, 1)), labels={"y": label})
    edge = 2**31 - 1
    tokens = of(np.zeros((1, 3, 1)), labels={"y": edge})
    assert tokens.labels.tolist() == [[edge] * 3]


def test_masked_labels_are_refused():
    label = np.ma.array(3, mask=True)
    with pytest.raises(ValueError, match="labels of 'y' is a masked"):
        of(np.zeros((1, 3, 1)), labels={"y": label})


def three(*values):
    return np.array(values).reshape(1, 3, 1)


STAMPS = np.array(
    ["2024-01-01", "2024-01-02", "2024-01-03"], "datetime64[ns]"
).astype("int64")


@pytest.mark.parametrize("way", WAYS_IN)
@pytest.mark.parametrize(
    ("value", "message"),
    [
        (three(*STAMPS), "170.*int32 cannot hold"),
        (three(0, 1, 2**40), "1099511627776, which int32"),
        (three(0, 1, -(2**31) - 1), "-2147483649, which int32"),
        (np.uint64([[[0], [1], [2**32]]]), "4294967296, which uint32"),
        (three(0.0, 1.0, 1e40), "1e\\+40, which float32"),
        (three(0.0, 1.0, -1e300), "-1e\\+300, which float32"),
        (three(0.0, 1.0, 1e-46), "1e-46, which float32"),
        (1.7e9 + three(0.0, 60.0, 120.0), "so close to one another"),
        (1.7e18 + three(0.0, 1e9, 2e9), "so close to one another"),
        (three(np.nan, 1.7e9, 1.7e9 + 1), "so close to one another"),
        (three(np.inf, 1.7e9, 1.7e9 + 1), "so close to one another"),
        (three(0.0, 1.7e9, 1.7e9 + 1), "neighboring|so close"),
    ],
)
def test_values_that_32_bits_cannot_hold_are_refused(way, value, message):
    if way == "standardizer" and value.dtype.kind in "iu":
        pytest.skip("takes floats only")
    with pytest.raises(ValueError, match=message):
        WAYS_IN[way](value)


@pytest.mark.parametrize(
    "value",
    [
        three(0.1 + 0.2, 0.3, 0.3),  # equal but for rounding
        three(np.nan, np.inf, -np.inf),
        three(np.nan, 1e30, 1e-30),
        three(1e6, 1e6 + 10, 1e6 + 20),
        three(2**31 - 1, -(2**31), 0),
        three(True, False, True),
        np.array([[[3.0], [4.0], [5.0]]], ">f8"),
        np.array([[[3], [4], [5]]], ">i4"),
        np.zeros((1, 0, 1)),
    ],
)
def test_values_that_fit_are_kept(value):
    np.testing.assert_array_equal(
        of(value).data, value.astype(of(value).data.dtype)
    )


def test_integers_beside_floats():
    """The joined dtype is checked as well as the dtype of the key."""
    floats = np.zeros((1, 2, 1), np.float16)
    with pytest.raises(ValueError, match="70000, which float16 cannot hold"):
        Tokens.from_pytree(
            {"x": floats, "n": [[[70000]]]} | {"n": np.array([[[70000]]])}, {}
        )
    ids = np.array([[[2**24], [2**24 + 1]]])
    with pytest.raises(ValueError, match="so close to one another"):
        Tokens.from_pytree({"x": np.zeros((1, 2, 1)), "n": ids}, {})


@pytest.mark.parametrize(
    ("integers", "dtype", "message"),
    [
        (np.uint32([2**32 - 1, 0]), np.int32, "4294967295, which int32"),
        (np.int32([70000, 0]), np.float16, "70000, which float16"),
        (np.int32([2**24 + 1, 2**24]), np.float32, "so close to one another"),
    ],
)
def test_joined_dtypes(integers, dtype, message):
    parts = of(integers.reshape(1, 2, 1)), of(np.zeros((1, 2, 1), dtype))
    with pytest.raises(ValueError, match=f"^Operand 0 h.*{message}"):
        concatenate_tokens(*parts)


def test_times_of_rows_that_begin_years_apart():
    starts = np.array([1.5e9, 1.6e9])[:, None, None]
    times = starts + np.arange(5.0)[None, :, None]
    with pytest.raises(ValueError, match="makes most neighboring values equal"):
        of(times)
    of(times - starts)
    of(np.random.default_rng(0).normal(size=(100, 100, 1)))


def test_traced_values_are_not_looked_at():
    data = jax.jit(lambda x: of(x).data)(jnp.full((1, 3, 1), 1e30))
    assert data.dtype == jnp.float32


def test_64_bits_are_kept_with_x64(x64):
    with x64():
        assert of(three(0.0, 1.0, 1e40)).data[0, 2, 0] == 1e40
        assert of(three(0, 1, 2**40)).data[0, 2, 0] == 2**40
