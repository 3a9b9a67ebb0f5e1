"""Arrays of xarray: names and labels decide, never positions."""

import numpy as np
import pytest

from tfmpe import Tokens

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
    with pytest.raises(ValueError, match=r"\['site', 'year'\] are expected"):
        tokens_of(data, functional_inputs={"a": inputs})


def test_axes_of_new_values_stand_as_those_of_the_key():
    tokens = tokens_of({"a": grid(("draw", "site", "year"))})
    tokens.with_values(a=grid(("draw", "site", "year")))
    with pytest.raises(ValueError, match=r"\['site', 'year'\] are expected"):
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


def test_labels_that_a_dimension_lacks():
    with pytest.raises(ValueError, match=r"labels \['9'\], which 'county'"):
        tokens_of(
            ragged([1, 2, 9, 2], [1, 2, 3]),
            RULES,
            groups={"obs": {"county": "county_of"}},
        )


def test_integers_that_may_be_labels_or_positions():
    groups = {"obs": {"county": [1, 2, 1, 2]}}
    with pytest.raises(ValueError, match="may be positions or labels"):
        tokens_of(ragged([1, 2, 1, 2], [1, 2, 3]), RULES, groups=groups)
    positions = tokens_of(
        ragged([1, 2, 1, 2], ["a", "b", "c"]), RULES, groups=groups
    )
    assert positions.layout["obs"].groups[0].ids.tolist() == [1, 2, 1, 2]
