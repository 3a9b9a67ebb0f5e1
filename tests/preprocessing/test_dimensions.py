"""Named dimensions and ragged groups: coordinates, masks, errors."""

import re

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from tfmpe import (
    DynamicShapeError,
    Tokens,
    UnknownKeyError,
    build_cross_attention_mask,
    build_self_attention_mask,
    draw_mask,
    flatten_pytree,
)
from tfmpe.preprocessing._dimensions import (
    dimension_size,
    matched_dims,
    token_coordinates,
)
from tfmpe.preprocessing._independence import Independence

COUNTY = [0, 0, 2, 1, 2]
RULES = {
    "local": ["theta", "obs"],
    "cross_local": [("theta", "obs", "county")],
}


def _build(ids=COUNTY, rules=RULES, n_counties=3, **options):
    data = {
        "mu": np.zeros((2, 1, 1)),
        "theta": np.zeros((2, n_counties, 1)),
        "obs": np.arange(2.0 * len(ids)).reshape(2, len(ids), 1),
    }
    options = {"dims": {"theta": ["county"]}} | options
    groups = {"obs": {"county": ids}}
    return Tokens.from_pytree(data, rules, **{"groups": groups} | options)


def test_a_rule_names_a_dimension():
    """Each county and its houses see one another, whatever their order."""
    tokens = _build()
    assert draw_mask(tokens).splitlines() == [
        "      |mu|theta|obs",
        "mu    |# |# # #|# # # # #",
        "------+--+-----+---------",
        "theta |# |. . .|# # . . .",
        "      |# |. . .|. . . # .",
        "      |# |. . .|. . # . #",
        "------+--+-----+---------",
        "obs   |# |# . .|. . . . .",
        "      |# |# . .|. . . . .",
        "      |# |. . #|. . . . .",
        "      |# |. # .|. . . . .",
        "      |# |. . #|. . . . .",
    ]
    one_way = tokens.cross_attention_mask(["theta"], ["obs"])
    both = tokens.select_tokens(["theta"]).attention_mask(
        tokens.select_tokens(["obs"])
    )
    np.testing.assert_array_equal(one_way, both[0, 0])


def test_within_a_group():
    """A rule of a key with itself is attention within each group."""
    tokens = _build(rules={"cross_local": [("obs", "obs", "county")]})
    view = tokens.select_tokens(["obs"])
    ids = np.array(COUNTY)
    np.testing.assert_array_equal(view.self_attention_mask, ids[:, None] == ids)


def test_radon():
    """919 houses in 85 counties cost 919 tokens, not 85 times 116."""
    rng = np.random.default_rng(0)
    rest = rng.multinomial(919 - 117 - 83, rng.dirichlet(np.ones(83)))
    sizes = np.array([116, 1, *(1 + rest)])
    ids = rng.permutation(np.repeat(np.arange(85), sizes))
    assert (sizes.min(), sizes.max(), len(ids)) == (1, 116, 919)
    data = {
        "mu": np.zeros((1, 1, 1)),
        "sigma": np.ones((1, 1, 1)),
        "theta": np.zeros((1, 85, 1)),
        "obs": np.ones((1, 919, 1)),
    }
    tokens = Tokens.from_pytree(
        data,
        RULES,
        dims={"theta": ["county"]},
        groups={"obs": {"county": ids}},
    )
    assert tokens.n_tokens == 919 + 85 + 2
    assert tokens.data.nbytes == 4 * (919 + 85 + 2)
    mask = tokens.self_attention_mask
    expected = np.ones((1006, 1006), bool)
    expected[2:, 2:] = False
    for house, county in enumerate(ids):
        expected[2 + county, 87 + house] = expected[87 + house, 2 + county] = 1
    np.testing.assert_array_equal(mask, expected)


def test_coordinates():
    """Along an axis by number or name, and of a group index."""
    tokens = Tokens.from_pytree(
        {"obs": np.zeros((2, 3)), "long": np.zeros(4)},
        {},
        sample_ndims=0,
        batch_ndims=0,
        dims={"obs": ("county", "house"), "long": ("row",)},
        groups={"long": {"county": [1, 0, 0, 1], "district": [0, 4, 4, 0]}},
    )
    obs, long = tokens.layout.keys
    for dim in ("house", 1, -1):
        coordinates = token_coordinates(obs, dim)
        assert coordinates.dtype == np.int32
        assert coordinates.tolist() == [0, 1, 2, 0, 1, 2]
        assert dimension_size(obs, dim) == 3
    assert token_coordinates(long, "row").tolist() == [0, 1, 2, 3]
    assert token_coordinates(long, "county").tolist() == [1, 0, 0, 1]
    assert dimension_size(long, "county") == 2
    assert dimension_size(long, "district") == 5


def test_matched_dims():
    """One name stands for both keys."""
    rules = [("a", "b", "x"), ("a", "b", (0, -1)), ("a", "b", None)]
    parsed = Independence.parse({"cross_local": rules})
    assert [matched_dims(rule) for rule in parsed.cross_local] == [
        ("x", "x"),
        (0, -1),
        None,
    ]
    assert Independence.parse(parsed.to_dict()) == parsed


def test_nested_keys():
    """By nested dictionaries or by paths."""
    data = {"a": {"t": np.zeros((1, 2, 1)), "o": np.zeros((1, 3, 1))}}
    rules = {"cross_local": [("a/t", "a/o", "s")]}
    ids = np.array([1, 1, 0])
    nested, flat = (
        Tokens.from_pytree(data, rules, dims=dims, groups=groups)
        for dims, groups in (
            ({"a": {"t": ["s"]}}, {"a": {"o": {"s": ids}}}),
            ({"a/t": ["s"]}, {"a/o": {"s": jnp.array(ids)}}),
        )
    )
    assert nested.layout == flat.layout
    mask = nested.cross_attention_mask(["a/t"], ["a/o"])
    assert mask.astype(int).tolist() == [[0, 0, 1], [1, 1, 0]]


def test_empty_groups_and_no_tokens():
    """A group may have no token, and a key none at all."""
    tokens = _build([2, 2], n_counties=4)
    assert tokens.self_attention_mask[1:5, 5:].sum(1).tolist() == [0, 0, 2, 0]
    assert tokens.attention_mask().any(-1).all()
    assert _build([]).n_tokens == 4


def test_slices_know_dimensions():
    """The low-level functions take them from slices."""
    tokens = _build()
    _, slices = flatten_pytree(
        tokens.decode(),
        1,
        None,
        0.0,
        None,
        dims={"theta": ["county"]},
        groups={"obs": {"county": COUNTY}},
    )
    np.testing.assert_array_equal(
        build_self_attention_mask(slices, RULES), tokens.self_attention_mask
    )
    wide = _build([0, 1], n_counties=4)
    np.testing.assert_array_equal(
        build_cross_attention_mask(
            wide.select_tokens(["theta"]).slices,
            wide.select_tokens(["obs"]).slices,
            RULES,
        ),
        wide.cross_attention_mask(["theta"], ["obs"]),
    )


def test_equal_layouts_compile_once():
    """Ids are compared by value, so a second build compiles nothing."""
    traces = 0

    @jax.jit
    def masked(tokens):
        nonlocal traces
        traces += 1
        return tokens.attention_mask().sum()

    for _ in range(2):
        masked(_build(np.array(COUNTY)))
    assert traces == 1
    masked(_build([0, 0, 2, 2, 1]))
    assert traces == 2
    assert len({_build().layout, _build().layout, _build([0] * 5).layout}) == 2


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        (
            {"dims": {"theta": ["county"], "mu": ["county"]}},
            ValueError,
            "Named dimensions do not fit:\n"
            "  - 'county' has size 1 in 'mu' but 3 in 'theta'\n"
            "  - 'county' has size 1 in 'mu' but 3 in 'obs'",
        ),
        (
            {"dims": {"theta": ["county", "house"]}},
            ValueError,
            "Dimensions do not fit: dims of 'theta' is ['county', 'house'], "
            "but must name the 1 axes of the event shape (3,)",
        ),
        (
            {"dims": {"theta": "county"}},
            TypeError,
            "dims of 'theta' must be a list of names, not 'county'.",
        ),
        (
            {"dims": {"thata": ["county"]}},
            UnknownKeyError,
            "Key 'thata' not found. Available keys: ['mu', 'theta', 'obs']",
        ),
        (
            {"dims": {"theta": ["county"], "obs": ["county"]}},
            ValueError,
            "'obs' names ['county'] more than once",
        ),
        (
            {"ids": [0, 0, 3, -1, 1]},
            ValueError,
            "Group indices do not fit: the ids of 'obs' for 'county' lie "
            "between -1 and 3, but must be 0 or more and below 3, the size "
            "of 'county' in 'theta'",
        ),
        (
            {"groups": {"obs": {"county": [0, 1]}}},
            ValueError,
            "Dimensions do not fit: groups of 'obs' for 'county' has 2 ids, "
            "but 'obs' has the event shape (5,); it needs one event axis, "
            "and one id for every token along it",
        ),
        (
            {"groups": {"obs": {"county": np.zeros(5)}}},
            TypeError,
            "groups of 'obs' for 'county' must be a one-dimensional array of "
            "integers, not an array of shape (5,) and dtype float64.",
        ),
        (
            {"groups": {"obs": COUNTY}},
            TypeError,
            "Write groups={'obs': {'site': ids}}.",
        ),
        (
            {"groups": {"obs": {"county": "county_id"}}},
            TypeError,
            "groups of 'obs' for 'county' is 'county_id', the name of a "
            "coordinate, but the values are no xarray.DataArray. Give an "
            "array of integers.",
        ),
        (
            {"rules": {"cross_local": [("theta", "obs", "conty")]}},
            ValueError,
            "Cannot apply cross_local independence: 'theta' has no dimension "
            "'conty'; its dimensions are ['county']. Did you mean 'county'?",
        ),
        (
            {"rules": {"cross_local": [("mu", "obs", "county")]}},
            ValueError,
            "Cannot apply cross_local independence: 'mu' has no dimension "
            "'county'; none of its dimensions has a name. Give dims= or "
            "groups=.",
        ),
    ],
)
def test_errors(change, error, message):
    """Names, numbers, and what to do."""
    with pytest.raises(error, match=re.escape(message)):
        _build(**change)


def test_traced_ids_are_refused():
    """They are part of the layout, which has to be known."""
    with pytest.raises(DynamicShapeError) as caught:
        jax.jit(lambda ids: _build(groups={"obs": {"county": ids}}).data)(
            jnp.array(COUNTY)
        )
    assert "groups of 'obs' for 'county'" in caught.value.__notes__[0]
