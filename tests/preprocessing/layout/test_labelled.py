"""xarray arrays, matched by names and labels, not by position."""

import numpy as np
import pytest

from tfmpe import (
    Standardizer,
    Tokens,
    build_padding_mask,
    decode_pytree,
    flatten_functional_inputs,
    to_xarray,
    update_flat_array,
)

xarray = pytest.importorskip("xarray", reason="needs the extra xarray")

VALUES = np.arange(9.0).reshape(3, 3)


def array(dims, values=VALUES, **coords):
    return xarray.DataArray(values, dims=dims, coords=coords)


def tokens_of(data, rules=None, **options):
    return Tokens.from_pytree(data, rules or {}, batch_ndims=0, **options)


def test_sample_axes_have_one_name():
    data = {"a": array(("draw", "site")), "b": array(("site", "draw"))}
    with pytest.raises(ValueError, match=r"\['draw'\] in data\['a'\], but "):
        tokens_of(data)


@pytest.mark.parametrize("dim", ["draw", "site"])
def test_labels_agree(dim):
    dims = ("draw", "site")
    data = {
        "a": array(dims, **{dim: [0, 1, 2]}),
        "b": array(dims, **{dim: [2, 1, 0]}),
    }
    with pytest.raises(ValueError, match=f"along '{dim}' .*xarray.align|alig"):
        tokens_of(data)


def test_labels_of_functional_inputs_agree():
    data = {"a": array(("draw", "site"), site=["x", "y", "z"])}
    times = array(("site", "input"), site=["z", "y", "x"])
    with pytest.raises(ValueError, match=r"functional_inputs\['a'\] has"):
        tokens_of(data, functional_inputs={"a": times})


def grid(dims):
    return array(dims, np.zeros((2, 3, 3)))


def test_axes_of_functional_inputs_stand_as_those_of_the_key():
    data = {"a": grid(("draw", "site", "year"))}
    inputs = xarray.DataArray(
        np.zeros((3, 3, 1)), dims=("year", "site", "input")
    )
    with pytest.raises(ValueError, match=r"expected \['site', 'year', '\*'\]"):
        tokens_of(data, functional_inputs={"a": inputs})


def test_axes_of_new_values_stand_as_those_of_the_key():
    tokens = tokens_of({"a": grid(("draw", "site", "year"))})
    tokens.with_values(a=grid(("draw", "site", "year")))
    with pytest.raises(ValueError, match=r"expected \['\*', 'site', 'year'\]"):
        tokens.with_values(a=grid(("draw", "year", "site")))


def ragged(labels, index):
    return xarray.Dataset(
        {
            "theta": (("draw", "county"), np.zeros((1, 3))),
            "obs": (("draw", "house"), np.zeros((1, 4))),
        },
        coords={"county": index, "county_of": ("house", labels)},
    )


RULES = {"cross_local": [("theta", "obs", "county")]}


@pytest.mark.parametrize(
    ("labels", "index"),
    [
        ([1, 2, 1, 2], [1, 2, 3]),
        (["b", "c", "b", "c"], ["b", "c", "a"]),
        ([0, 1, 0, 1], [0, 1, 2]),
    ],
)
@pytest.mark.parametrize("how", ["name", "array"])
def test_groups_are_labels(labels, index, how):
    dataset = ragged(labels, index)
    ids = "county_of" if how == "name" else dataset["county_of"]
    tokens = tokens_of(dataset, RULES, groups={"obs": {"county": ids}})
    seen = tokens.cross_attention_mask(["theta"], ["obs"]).astype(int)
    assert seen.tolist() == [[1, 0, 1, 0], [0, 1, 0, 1], [0, 0, 0, 0]]


@pytest.mark.parametrize(
    ("labels", "index", "message"),
    [
        ([1, 2, 9, 2], [1, 2, 3], r"labels \['9'\], which 'county'"),
        (list("ABAB"), list("ABA"), r"'county' has the labels \[A\] twice"),
    ],
)
def test_labels_that_a_dimension_lacks_or_has_twice(labels, index, message):
    groups = {"obs": {"county": "county_of"}}
    with pytest.raises(ValueError, match=message):
        tokens_of(ragged(labels, index), RULES, groups=groups)


def test_names_that_dims_puts_elsewhere():
    """The names may be new, but not those of another axis."""
    data = {"a": grid(("draw", "site", "year"))}
    tokens = tokens_of(data, dims={"a": ["place", "year"]})
    assert tokens.layout["a"].dims == ("place", "year")
    with pytest.raises(ValueError, match=r"dims of 'a' is \['year', 'site'\]"):
        tokens_of(data, dims={"a": ["year", "site"]})


def test_integers_that_may_be_labels_or_positions():
    groups = {"obs": {"county": [1, 2, 1, 2]}}
    with pytest.raises(ValueError, match="may be positions or labels"):
        tokens_of(ragged([1, 2, 1, 2], [1, 2, 3]), RULES, groups=groups)
    positions = tokens_of(
        ragged([1, 2, 1, 2], ["a", "b", "c"]), RULES, groups=groups
    )
    assert positions.layout["obs"].groups[0].ids.tolist() == [1, 2, 1, 2]


def ids_of(groups, **options):
    data = ragged(["A", "B", "A", "C"], ["A", "B", "C"])
    data = data.assign_coords(house=[10, 20, 30, 40])
    given = {"obs": {"county": groups}}
    tokens = tokens_of(data, RULES, groups=given, **options)
    return tokens.layout["obs"].groups[0].ids.tolist()


def houses(dims, **coords):
    return array(dims, np.array(["A", "B", "A", "C"]), **coords)


@pytest.mark.parametrize(
    "groups",
    [houses("house"), houses("house", house=[10, 20, 30, 40]), houses("dim_0")],
)
def test_groups_along_the_axis_of_the_key(groups):
    assert ids_of(groups) == [0, 1, 0, 2]


@pytest.mark.parametrize(
    ("groups", "message"),
    [
        (houses("house", house=[40, 30, 20, 10]), r"along 'house'.*groups\['o"),
        (houses("house", house=[1, 2, 3, 4]), r"align.* along 'house'"),
        (houses("person"), r"for 'county' has the axes \['person'\], e"),
    ],
)
def test_groups_along_something_else(groups, message):
    with pytest.raises(ValueError, match=message):
        ids_of(groups)


def test_groups_of_values_whose_axis_is_named_by_dims():
    data = {"theta": np.zeros((1, 3)), "obs": np.zeros((1, 4))}
    options = {"dims": {"theta": ["county"], "obs": ["house"]}}
    ids = np.array([0, 1, 0, 2])
    groups = {"obs": {"county": array("house", ids)}}
    tokens_of(data, RULES, groups=groups, **options)
    groups = {"obs": {"county": array("person", ids)}}
    with pytest.raises(ValueError, match=r"expected \['house'\]"):
        tokens_of(data, RULES, groups=groups, **options)


def counts(event_shapes, **coords):
    data = {"obs": array(("draw", "x"), np.zeros((2, 4)), **coords)}
    tokens = tokens_of(data, event_shapes=event_shapes)
    return tokens.padding_mask.sum(1).tolist()


def sizes(dims, **coords):
    return array(dims, np.array([[1], [4]]), **coords)


def test_sizes_by_name():
    dims = ("draw", "axis")
    assert counts({"obs": sizes(dims)}) == [1, 4]
    given = sizes(dims, draw=["a", "b"])
    assert counts({"obs": given}, draw=["a", "b"]) == [1, 4]
    assert counts({"obs": array("axis", np.array([3]))}) == [3, 3]


@pytest.mark.parametrize(
    "wrap", [lambda a: {"obs": a}, lambda a: a.to_dataset(name="obs")]
)
def test_labels_of_sizes_agree(wrap):
    given = wrap(sizes(("draw", "axis"), draw=["b", "a"]))
    with pytest.raises(ValueError, match=r"event_shapes\['obs'\] has \[b, a"):
        counts(given, draw=["a", "b"])


@pytest.mark.parametrize("dims", [("axis", "draw"), ("chain", "axis")])
def test_axes_of_sizes_stand_as_those_of_the_data(dims):
    with pytest.raises(ValueError, match=r"of 'obs' .* \['draw', '\*'\]"):
        counts({"obs": sizes(dims)})


@pytest.mark.parametrize(
    ("samples", "dims"),
    [
        (("chain", "draw"), ("draw", "chain", "x", "input")),
        (("chain", "draw"), ("input", "draw", "x", "chain")),
        (("draw",), ("input", "x", "draw")),
        (("draw",), ("input", "x")),
        (("draw",), ("x", "draw")),
        (("draw",), ("time", "input")),
        (("draw",), ("dim_0", "draw", "input")),
    ],
)
def test_axes_of_functional_inputs_have_one_order(samples, dims):
    data = {"a": array((*samples, "x"), np.zeros((2,) * len(samples) + (2,)))}
    inputs = array(dims, np.zeros((2,) * len(dims)))
    options = {"sample_ndims": len(samples)}
    with pytest.raises(ValueError, match=r"of 'a' has the axes .*'x', '\*'"):
        tokens_of(data, functional_inputs={"a": inputs}, **options)
    right = (*samples, "x", "input")
    inputs = array(right, np.zeros((2,) * len(right)))
    tokens_of(data, functional_inputs={"a": inputs}, **options)
    once = array(("x", "input"), np.zeros((2, 2)))
    tokens_of(data, functional_inputs={"a": once}, **options)


SQUARE = Tokens.from_pytree({"a": np.zeros((2, 2, 2))}, {}, batch_ndims=1)
NAMED = array(("x", "draw", "v"), np.zeros((2, 2, 2)))
SLICES = SQUARE.slices

WAYS_IN = {
    "with_values": lambda value: SQUARE.with_values(a=value),
    "functional_inputs": lambda value: tokens_of(
        {"a": np.zeros((2, 2))}, functional_inputs={"a": value}
    ),
    "event_shapes": lambda value: tokens_of(
        {"a": np.zeros((2, 2, 2, 2))}, event_shapes={"a": value}, sample_ndims=2
    ),
    "build_padding_mask": lambda value: build_padding_mask(
        {"a": SLICES["a"] | {"event_shape": (2, 2)}}, {"a": value}
    ),
    "flatten_functional_inputs": lambda value: flatten_functional_inputs(
        {"a": value}, SLICES, 1
    ),
    "update_flat_array": lambda value: update_flat_array(
        SQUARE.data, SLICES, "a", value
    ),
    "to_xarray": lambda value: to_xarray({"a": value}, SQUARE),
    "to_xarray, tokens": lambda value: to_xarray(value, SQUARE),
    "decode": SQUARE.decode,
    "decode_keys": lambda value: SQUARE.decode_keys(value, ["a"]),
    "with_data": SQUARE.with_data,
    "view.decode": SQUARE.select_tokens(["a"]).decode,
    "view.with_data": SQUARE.select_tokens(["a"]).with_data,
    "decode_pytree": lambda value: decode_pytree(value, SLICES, (2,)),
    "standardizer": lambda value: Standardizer.fit(
        SQUARE.with_data(np.arange(8.0).reshape(2, 2, 2))
    ).forward(value, like=SQUARE),
}


@pytest.mark.parametrize("way", WAYS_IN)
def test_names_that_cannot_be_compared(way):
    """Named arrays are refused; their values, and unnamed arrays, are not."""
    message = r"\['x', 'draw', 'v'\].*\.transpose\(\.\.\.\)\.values"
    with pytest.raises(ValueError, match=message):
        WAYS_IN[way](NAMED)
    WAYS_IN[way](NAMED.values)
    WAYS_IN[way](xarray.DataArray(NAMED.values))


def test_samples_with_names_of_the_layout():
    tokens = tokens_of({"a": grid(("draw", "site", "year"))})
    draws = grid(("draw", "site", "year"))
    assert to_xarray({"a": draws}, tokens)["a"].dims == draws.dims
    with pytest.raises(ValueError, match=r"'a' has the axes .*'site', 'year'"):
        to_xarray({"a": grid(("draw", "year", "site"))}, tokens)
