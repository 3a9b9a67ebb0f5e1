"""Samples with named axes: values, names, coordinates, errors."""

import re
import sys

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given

from strategies import cases, trees
from tfmpe import Tokens, UnknownKeyError, to_xarray

xarray = pytest.importorskip("xarray")


@pytest.fixture
def tokens() -> Tokens:
    """Return sites shared by theta and obs, which follow other keys."""
    return Tokens.from_pytree(
        {
            "mu": np.zeros((2, 1, 1)),
            "theta": np.zeros((2, 3, 1)),
            "obs": np.zeros((2, 4, 3, 1)),
            "place": np.zeros((2, 3, 2)),
        },
        {
            "local": ["theta", "obs"],
            "cross_local": [
                ("theta", "obs", (0, -1)),
                ("obs", "place", (1, 0)),
            ],
        },
    )


def _draws(tokens, *sample_shape, keys=None):
    """Return decoded samples in which all values are different."""
    layout = tokens.layout
    shape = (*sample_shape, layout.n_tokens, tokens.width)
    flat = jnp.arange(np.prod(shape), dtype=jnp.float32).reshape(shape)
    return tokens.decode_keys(flat, keys or layout.names)


def test_values_and_names(tokens):
    """Batch axes of size 1 are dropped, and the others are named."""
    draws = _draws(tokens, 2, 5)
    dataset = to_xarray(draws, tokens)
    assert isinstance(dataset, xarray.Dataset)
    assert {name: dataset[name].dims for name in dataset} == {
        "mu": ("chain", "draw", "mu_dim_0"),
        "theta": ("chain", "draw", "theta_dim_0"),
        "obs": ("chain", "draw", "obs_dim_0", "theta_dim_0"),
        "place": ("chain", "draw", "theta_dim_0", "place_value_0"),
    }
    for name, values in draws.items():
        expected = values if name == "place" else values[..., 0]
        np.testing.assert_array_equal(dataset[name], expected)
        assert dataset[name].dtype == np.float32
    assert {name: list(c.values) for name, c in dataset.coords.items()} == {
        "chain": [0, 1],
        "draw": [0, 1, 2, 3, 4],
        "mu_dim_0": [0],
        "theta_dim_0": [0, 1, 2],
        "obs_dim_0": [0, 1, 2, 3],
        "place_value_0": [0, 1],
    }


@given(trees())
@cases(100, 25)
@pytest.mark.filterwarnings("ignore::tfmpe.PaddingWarning")
def test_no_value_is_lost_or_moved(tree):
    """All kinds of keys are tested, from the tree and the token array."""
    tokens = Tokens.from_pytree(tree.data, **tree.kwargs)
    names = [f"sample_{i}" for i in range(len(tree.sample_shape))]
    # Padding becomes NaN.
    real = tokens.decode(np.asarray(tokens.value_mask))
    for samples in (tokens.decode(), tokens.data):
        dataset = to_xarray(samples, tokens, sample_dims=names)
        assert len(dataset) == len(tokens.layout.keys)
        for key in tokens.layout.keys:
            path = key.path
            values, kept = tokens.decode(), real
            for part in path:
                values, kept = values[part], kept[part]
            values = np.where(kept, values, np.nan)
            variable = dataset[key.name.replace("/", ".")]
            np.testing.assert_array_equal(
                np.ravel(variable.values), np.ravel(values)
            )
            assert variable.dims[: len(names)] == tuple(names)
            assert len(set(variable.dims)) == len(variable.dims)
            sizes = (*tree.sample_shape, *key.event_shape)
            assert variable.shape[: len(sizes)] == sizes


@pytest.mark.parametrize(
    ("shape", "dims"),
    [((), ()), ((4,), ("draw",)), ((2, 4), ("chain", "draw"))],
)
def test_sample_axes_have_names(tokens, shape, dims):
    assert to_xarray(_draws(tokens, *shape), tokens)["mu"].dims == (
        *dims,
        "mu_dim_0",
    )
    given_names = tuple(f"axis_{i}" for i in range(len(shape)))
    dataset = to_xarray(
        _draws(tokens, *shape), tokens, sample_dims=list(given_names)
    )
    assert dataset["mu"].dims == (*given_names, "mu_dim_0")


def test_three_sample_axes_must_be_named(tokens):
    draws = _draws(tokens, 1, 2, 3)
    with pytest.raises(ValueError, match="have 3 sample axes") as caught:
        to_xarray(draws, tokens)
    assert str(caught.value) == (
        "The samples have 3 sample axes. Name them with sample_dims=."
    )
    dataset = to_xarray(
        draws, tokens, sample_dims=("observation", "chain", "draw")
    )
    assert dataset.sizes["observation"] == 1


def test_views_share_names_with_the_whole(tokens):
    """Posterior and data align, although the rule names an omitted key."""
    view = tokens.select_tokens(["place", "theta"])
    flat = np.arange(5.0 * 6 * 2).reshape(5, 6, 2)
    for samples in (flat, view.decode(flat)):
        posterior = to_xarray(samples, view)
        assert list(posterior) == ["place", "theta"]
        np.testing.assert_array_equal(posterior["place"], flat[:, :3])
        np.testing.assert_array_equal(posterior["theta"], flat[:, 3:, 0])
        assert posterior["theta"].dims == ("draw", "theta_dim_0")
        assert posterior["place"].dims[1] == "theta_dim_0"
    data = to_xarray({"obs": np.zeros((4, 3, 1))}, tokens)
    assert data["obs"].dims == ("obs_dim_0", "theta_dim_0")
    tree = xarray.DataTree.from_dict(
        {"posterior": posterior, "observed_data": data}
    )
    assert tree["posterior/theta"].sizes["theta_dim_0"] == 3
    assert set(tree.children) == {"posterior", "observed_data"}


def test_a_layout_is_enough(tokens):
    draws = _draws(tokens, 4, keys=["theta"])
    xarray.testing.assert_identical(
        to_xarray(draws, tokens.layout), to_xarray(draws, tokens)
    )


def test_names_can_be_chosen(tokens):
    """Matched axes get the same name; batch axes are named too."""
    dataset = to_xarray(
        _draws(tokens, 4),
        tokens,
        dims={"theta": ["site"], "place": ("site", "coordinate")},
        coords={"site": ["x", "y", "z"], "draw": np.arange(4) * 10},
    )
    assert dataset["theta"].dims == ("draw", "site")
    assert dataset["obs"].dims == ("draw", "obs_dim_0", "site")
    assert dataset["place"].dims == ("draw", "site", "coordinate")
    assert list(dataset["site"].values) == ["x", "y", "z"]
    assert list(dataset["draw"].values) == [0, 10, 20, 30]
    assert list(dataset["coordinate"].values) == [0, 1]
    np.testing.assert_array_equal(
        dataset["obs"].sel(site="y"), _draws(tokens, 4)["obs"][:, :, 1, 0]
    )


def test_a_name_goes_along_a_chain_of_ties(tokens):
    """The name is that of the last key; keys with own names keep them."""
    draws = _draws(tokens, 4)
    dataset = to_xarray(
        draws, tokens, dims={"place": ["site", "xy"], "theta": ["group"]}
    )
    assert dataset["theta"].dims == ("draw", "group")
    assert dataset["obs"].dims == ("draw", "obs_dim_0", "group")
    assert dataset["place"].dims == ("draw", "site", "xy")
    dataset = to_xarray(draws, tokens, dims={"place": ["site", "xy"]})
    assert dataset["theta"].dims == ("draw", "site")
    data = to_xarray(
        {"theta": draws["theta"]}, tokens, dims={"obs": ["time", "site"]}
    )
    assert data["theta"].dims == ("draw", "site")


@pytest.mark.parametrize(
    ("rules", "a", "b"),
    [
        ([], ("a_dim_0", "a_dim_1"), ("b_dim_0", "b_dim_1")),
        ([("a", "b", None)], ("a_dim_0", "a_dim_1"), ("b_dim_0", "b_dim_1")),
        ([("b", "a", (0, -1))], ("a_dim_0", "a_dim_1"), ("a_dim_1", "b_dim_1")),
        # The later of two rules between the same keys acts.
        (
            [("a", "b", (0, 0)), ("b", "a", (1, 1))],
            ("a_dim_0", "a_dim_1"),
            ("b_dim_0", "a_dim_1"),
        ),
        # An array cannot have the same name twice.
        ([("a", "a", (0, 1))], ("a_dim_0", "a_dim_1"), ("b_dim_0", "b_dim_1")),
    ],
)
def test_which_axes_share_a_name(rules, a, b):
    tokens = Tokens.from_pytree(
        {"a": np.zeros((2, 2, 1)), "b": np.zeros((2, 2, 1))},
        {"cross_local": rules},
        sample_ndims=0,
    )
    dataset = to_xarray(tokens.data, tokens)
    assert (dataset["a"].dims, dataset["b"].dims) == (a, b)


def test_one_array_never_gets_a_name_twice_through_others():
    """C is matched to both axes of a, by way of one key each."""
    tokens = Tokens.from_pytree(
        {
            "a": np.zeros((2, 2, 1)),
            "b": np.zeros((2, 1)),
            "c": np.zeros((2, 1)),
        },
        {
            "cross_local": [
                ("a", "b", (0, 0)),
                ("a", "c", (1, 0)),
                ("b", "c", (0, 0)),
            ]
        },
        sample_ndims=0,
    )
    dataset = to_xarray(tokens.data, tokens)
    assert {name: dataset[name].dims for name in dataset} == {
        "a": ("a_dim_0", "a_dim_1"),
        "b": ("a_dim_0",),
        "c": ("a_dim_1",),
    }


def test_nested_keys():
    """Names have dots, because a slash would be a group."""
    tokens = Tokens.from_pytree(
        {"site": {"theta": np.zeros((2, 3, 2))}, "obs": np.zeros((2, 3, 1))},
        {"cross_local": [("site/theta", "obs", (0, 0))]},
    )
    dataset = to_xarray(tokens.decode(), tokens)
    assert dataset["site.theta"].dims == (
        "draw",
        "site.theta_dim_0",
        "site.theta_value_0",
    )
    assert dataset["obs"].dims == ("draw", "site.theta_dim_0")
    chosen = to_xarray(
        tokens.decode(), tokens, dims={"site/theta": ["place", "xy"]}
    )
    assert chosen["obs"].dims == ("draw", "place")
    xarray.DataTree.from_dict({"posterior": chosen})


def test_values_are_copies(tokens):
    flat = np.zeros((4, tokens.n_tokens, tokens.width))
    dataset = to_xarray(flat, tokens)
    dataset["theta"][:] = 1.0
    assert not flat.any()
    to_xarray(jnp.asarray(flat), tokens)["mu"][:] = 1.0


def test_unknown_keys(tokens):
    """They may be among the samples, or among the names."""
    with pytest.raises(UnknownKeyError, match="Key 'thet' not found") as caught:
        to_xarray({"thet": np.zeros((3, 1))}, tokens)
    assert caught.value.__notes__ == ["Did you mean 'theta'?"]
    with pytest.raises(UnknownKeyError, match="Key 'ob' not found"):
        to_xarray(_draws(tokens, 4), tokens, dims={"ob": ["a", "b"]})
    view = tokens.select_tokens(["theta"])
    with pytest.raises(UnknownKeyError, match="Key 'obs' not found"):
        to_xarray({"obs": np.zeros((4, 3, 1))}, view)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            {"dims": {"obs": ["site"]}},
            "dims of 'obs' is ['site'], but must name 2 axes: event (4, 3), "
            "batch ().",
        ),
        (
            {"dims": {"place": ["site"]}},
            "dims of 'place' is ['site'], but must name 2 axes: event (3,), "
            "batch (2,).",
        ),
        (
            {"sample_dims": ["chain", "draw"]},
            "sample_dims is ['chain', 'draw'], but must name 1 axes: the 1 "
            "sample axes.",
        ),
        (
            {"dims": {"mu": ["site"], "theta": ["site"]}},
            "conflicting sizes for dimension 'site'",
        ),
        ({"dims": {"obs": ["site", "site"]}}, "['site'] would be names of"),
        ({"sample_dims": ["mu"]}, "['mu'] would be names of several keys"),
        (
            {"coords": {"thetadim_0": [1, 2, 3]}},
            "coords do not fit the axes: 'thetadim_0' is not an axis; the axes "
            "are ['draw', 'mu_dim_0', 'theta_dim_0', 'obs_dim_0', "
            "'place_value_0']. Did you mean 'theta_dim_0'?",
        ),
        ({"coords": {"draw": [1, 2]}}, "conflicting sizes for dimension 'draw"),
    ],
)
def test_names_that_do_not_fit(tokens, arguments, message):
    with pytest.raises(ValueError, match=f"^{re.escape(message)}"):
        to_xarray(_draws(tokens, 4), tokens, **arguments)


def test_shapes_that_do_not_fit(tokens):
    """The error lists all of them."""
    with pytest.raises(ValueError, match="do not fit the layout") as caught:
        to_xarray(
            {
                "mu": np.zeros((4, 1, 1)),
                "theta": np.zeros((5, 3, 1)),
                "obs": np.zeros((4, 4, 2, 1)),
                "place": np.zeros(2),
            },
            tokens,
        )
    assert str(caught.value) == (
        "The samples do not fit the layout:"
        "\n  - 'obs' has shape (4, 4, 2, 1), but must end in (4, 3, 1) "
        "(event and batch axes)."
        "\n  - 'place' has shape (2,), but must end in (3, 2) (event and "
        "batch axes)."
        "\n  - the keys have different sample shapes, {'mu': (4,), "
        "'theta': (5,)}."
    )
    with pytest.raises(ValueError, match="specifies 19 tokens but"):
        to_xarray(np.zeros((4, 7, 2)), tokens)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"layout": 3}, "layout must be Tokens, a TokenView or a TokenLayout"),
        ({"dims": ["site"]}, "dims must be a mapping"),
        ({"dims": {"theta": "site"}}, "must be a list of names, not 'site'"),
        ({"dims": {"theta": [3]}}, "must be a list of names, not \\[3\\]"),
        ({"sample_dims": "draw"}, "sample_dims must be a list of names"),
        ({"coords": [1]}, "coords must be a mapping"),
        ({"samples": "draws"}, "expected numbers"),
    ],
)
def test_arguments_of_the_wrong_kind(tokens, arguments, message):
    call = {"samples": _draws(tokens, 4), "layout": tokens} | arguments
    with pytest.raises(TypeError, match=message):
        to_xarray(**call)


def test_without_xarray_the_error_says_what_to_install(tokens, monkeypatch):
    monkeypatch.setitem(sys.modules, "xarray", None)
    with pytest.raises(ImportError) as caught:
        to_xarray(tokens.data, tokens)
    assert str(caught.value) == (
        "to_xarray needs xarray. Install it with pip install 'tfmpe[xarray]'."
    )


@pytest.fixture
def counties() -> "xarray.Dataset":
    """Return two draws, three counties, and four houses in two of them."""
    return xarray.Dataset(
        {
            "mu": ("draw", [0.0, 1.0]),
            "theta": (("draw", "county"), np.arange(6.0).reshape(2, 3)),
            "grid": (("draw", "county", "year"), np.zeros((2, 3, 2))),
            "obs": (("draw", "house"), np.arange(8.0).reshape(2, 4)),
        },
        coords={"county_of": ("house", [2, 0, 0, 2]), "of": ("draw", [0, 1])},
    )


RAGGED = {"cross_local": [("theta", "obs", "county")]}


def test_a_dataset_is_data(counties):
    """Its axes are named dimensions, and a coordinate may be the groups."""
    groups = {"obs": {"county": "county_of"}}
    tokens = Tokens.from_pytree(counties, RAGGED, batch_ndims=0, groups=groups)
    assert {key.name: key.dims for key in tokens.layout.keys} == {
        "mu": (),
        "theta": ("county",),
        "grid": ("county", "year"),
        "obs": ("house",),
    }
    by_hand = Tokens.from_pytree(
        {name: array.values for name, array in counties.items()},
        RAGGED,
        batch_ndims=0,
        dims={
            "theta": ["county"],
            "grid": ["county", "year"],
            "obs": ["house"],
        },
        groups={"obs": {"county": [2, 0, 0, 2]}},
    )
    assert tokens.layout == by_hand.layout
    np.testing.assert_array_equal(tokens.data, by_hand.data)
    exported = to_xarray(tokens.decode(), tokens)
    assert exported["obs"].dims == ("draw", "house")
    assert exported["obs_county"].dims == ("house",)
    assert exported["obs_county"].values.tolist() == [2, 0, 0, 2]
    again = Tokens.from_pytree(
        exported,
        RAGGED,
        batch_ndims=0,
        groups={"obs": {"county": "obs_county"}},
    )
    assert again.layout == tokens.layout


def test_batch_axes_and_nested_arrays(counties):
    """Only event axes get names, for every kind of tree."""
    nested = xarray.DataTree.from_dict({"site": counties[["grid"]]})
    expected = ("county",)
    for data in (nested, {"site": {"grid": counties["grid"]}}):
        tokens = Tokens.from_pytree(data, {})
        assert tokens.layout["site/grid"].dims == expected
        assert tokens.layout["site/grid"].batch_shape == (2,)


def test_arrays_without_chosen_names():
    """The xarray names dim_0 and dim_1 are unrelated to the model."""
    data = {
        name: xarray.DataArray(np.zeros((2, size, 1)))
        for name, size in (("a", 1), ("b", 3))
    }
    tokens = Tokens.from_pytree(data, {})
    assert [key.dims for key in tokens.layout.keys] == [(), ()]


def test_coordinates_are_groups_only_if_asked_for(counties):
    """Without groups= the rule has nothing to match."""
    message = "'obs' has no dimension 'county'; its dimensions are ['house']"
    with pytest.raises(ValueError, match=re.escape(message)):
        Tokens.from_pytree(counties, RAGGED, batch_ndims=0)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("county_off", "Did you mean 'county_of'?"),
        ("of", "'of' along ['draw'], but the event axes are ['house']"),
    ],
)
def test_coordinates_that_are_no_groups(counties, name, message):
    """Some are missing, and some are along another axis."""
    with pytest.raises(ValueError, match=re.escape(message)):
        Tokens.from_pytree(
            counties, {}, batch_ndims=0, groups={"obs": {"county": name}}
        )


def test_named_axes_keep_their_names():
    """If the call renames an axis, all axes of that name are renamed."""
    tokens = Tokens.from_pytree(
        {"theta": np.zeros((1, 3, 1)), "obs": np.zeros((1, 3, 2, 1))},
        {},
        dims={"theta": ["site"], "obs": ["site", "unit"]},
    )
    draws = tokens.decode()
    assert to_xarray(draws, tokens)["obs"].dims == ("draw", "site", "unit")
    renamed = to_xarray(draws, tokens, dims={"theta": ["place"]})
    assert renamed["obs"].dims == ("draw", "place", "unit")


def test_padding_is_missing():
    """Data sets may have different padding, or the same."""
    sizes = np.array([[1], [3]])
    tokens = Tokens.from_pytree(
        {"mu": np.ones((2, 1, 1)), "obs": np.ones((2, 3, 1))},
        {},
        event_shapes={"obs": sizes},
    )
    own = to_xarray(tokens.data, tokens)
    assert np.isnan(own["obs"]).sum("obs_dim_0").values.tolist() == [2, 0]
    assert not np.isnan(own["mu"]).any()
    draws = np.ones((5, 2, 3, 1))
    many = to_xarray({"obs": draws}, tokens, sample_dims=["draw", "set"])
    assert np.isnan(many["obs"]).sum().item() == 10
    one = jax.tree.map(lambda leaf: leaf[:1], tokens)
    same = to_xarray({"obs": np.ones((4, 5, 3, 1))}, one)
    assert np.isnan(same["obs"]).sum().item() == 40
    with pytest.raises(ValueError, match="not known which tokens are padding"):
        to_xarray({"obs": np.ones((4, 5, 3, 1))}, tokens)
