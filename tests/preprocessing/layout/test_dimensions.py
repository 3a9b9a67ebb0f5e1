"""Named dimensions and ragged groups: coordinates, masks, errors."""

import re

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given

from strategies import cases, trees
from tfmpe import (
    DatasetWriter,
    DynamicShapeError,
    TokenGenerator,
    Tokens,
    UnknownKeyError,
    build_cross_attention_mask,
    build_self_attention_mask,
    draw_mask,
    flatten_pytree,
    generate_static_dataset,
    open_dataset,
    plot_layout,
    plot_mask,
)
from tfmpe.preprocessing.layout.dimensions import (
    dimension_size,
    matched_dims,
    token_coordinates,
)
from tfmpe.preprocessing.layout.independence import Independence

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
    """Each county and its houses see one another, in any order."""
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


def test_coordinates():
    """They exist along an axis, by number or name, and for a group index."""
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
    """One name applies to both keys."""
    rules = [("a", "b", "x"), ("a", "b", (0, -1)), ("a", "b", None)]
    parsed = Independence.parse({"cross_local": rules})
    assert [matched_dims(rule) for rule in parsed.cross_local] == [
        ("x", "x"),
        (0, -1),
        None,
    ]
    assert Independence.parse(parsed.to_dict()) == parsed


def test_nested_keys():
    """Dimensions are given as nested dictionaries or by paths."""
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
    """A group may have no tokens, and so may a key."""
    tokens = _build([2, 2], n_counties=4)
    assert tokens.self_attention_mask[1:5, 5:].sum(1).tolist() == [0, 0, 2, 0]
    assert tokens.attention_mask().any(-1).all()
    assert _build([]).n_tokens == 4


def test_slices_know_dimensions():
    """The low-level functions read them from slices."""
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
    """Ids are compared by value, so a second layout compiles nothing."""
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
            "coordinate, but the values are not an xarray.DataArray. Pass "
            "an array of integers.",
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
            "'county'; none of its dimensions has a name. Pass dims= or "
            "groups=.",
        ),
    ],
)
def test_errors(change, error, message):
    """Messages have names, numbers, and a remedy."""
    with pytest.raises(error, match=re.escape(message)):
        _build(**change)


def test_traced_ids_are_refused():
    """They are part of the layout, which must be static."""
    with pytest.raises(DynamicShapeError) as caught:
        jax.jit(lambda ids: _build(groups={"obs": {"county": ids}}).data)(
            jnp.array(COUNTY)
        )
    assert "groups of 'obs' for 'county'" in caught.value.__notes__[0]


def _coordinates(layout):
    """Return (key, {dimension: coordinate}, position) of every token."""
    rows = []
    for key in layout.keys:
        for i, at in enumerate(np.ndindex(key.event_shape)):
            places = dict(enumerate(at)) | dict(zip(key.dims, at, strict=False))
            places |= {j - len(at): n for j, n in enumerate(at)}
            places |= {g.name: int(g.ids[i]) for g in key.groups}
            rows.append((key.name, places, i))
    return rows


def _agree(dims, one, other):
    if dims is None:
        return one[2] == other[2]
    a, b = (dims, dims) if isinstance(dims, str) else dims
    return one[1][a] == other[1][b]


@given(trees())
@cases(150, 15)
@pytest.mark.filterwarnings("ignore::tfmpe.PaddingWarning")
def test_masks_pair_by_pair(tree):
    """For all layouts and rules, eager and under jit, both masks agree."""
    tokens = Tokens.from_pytree(tree.data, **tree.kwargs)
    rules = tokens.independence
    rows = _coordinates(tokens.layout)
    n = len(rows)
    own, one_way = np.ones((2, n, n), bool)
    for i, query in enumerate(rows):
        for j, key in enumerate(rows):
            pair = (query[0], key[0])
            own[i, j] = pair not in rules.cross and not (
                query[0] == key[0] and query[0] in rules.local
            )
            one_way[i, j] = pair not in rules.cross
            for a, b, dims in rules.cross_local:
                if pair == (a, b) or pair == (b, a):
                    own[i, j] = (
                        pair == (a, b) and _agree(dims, query, key)
                    ) or (pair == (b, a) and _agree(dims, key, query))
                if pair == (a, b):
                    one_way[i, j] = _agree(dims, query, key)
    np.testing.assert_array_equal(tokens.self_attention_mask, own)
    names = tokens.key_order
    np.testing.assert_array_equal(
        tokens.cross_attention_mask(names, names), one_way
    )
    compiled = jax.jit(lambda tokens: tokens.attention_mask())(tokens)
    np.testing.assert_array_equal(compiled, tokens.attention_mask())
    slices = build_self_attention_mask(tokens.slices, rules)
    np.testing.assert_array_equal(slices, own)


def test_generated_tokens_have_dimensions():
    """The generator and the static dataset pass dimensions on."""
    options = {
        "dims": {"theta": ["county"]},
        "groups": {"obs": {"county": COUNTY}},
    }

    def prior(key, n):
        return {"theta": jax.random.normal(key, (n, 3, 1))}

    def simulator(key, parameters):
        return {"obs": parameters["theta"][:, jnp.array(COUNTY)]}

    rules = {"cross_local": [("theta", "obs", "county")]}
    batch = TokenGenerator(
        prior, simulator, None, rules, 4, 2, seed=0, **options
    )[1]
    whole = generate_static_dataset(
        jax.random.key(0), prior, simulator, None, rules, 4, **options
    )
    assert batch.layout == whole.layout
    assert whole.layout["obs"].groups[0].ids.tolist() == COUNTY
    mask = whole.cross_attention_mask(["theta"], ["obs"])
    assert mask.sum(1).tolist() == [2, 1, 2]


def test_words():
    """Summaries and tables show names, sizes and rules."""
    tokens = _build([0, 0, 2, 3, 2], n_counties=4)
    assert str(tokens).splitlines()[5:9] == [
        "  dims: theta (county)",
        "  groups: obs in 4 of county (0 to 2 tokens each)",
        "  local: theta, obs",
        "  cross_local: theta <-> obs on county",
    ]
    summary = tokens.summary()
    assert "county 4: theta, obs (ragged, 0 to 2 tokens each)" in summary
    assert "theta and obs see each other only at equal county" in summary
    assert "obs in 4 of county" in tokens._repr_html_()


def test_a_county_without_houses_is_warned_of():
    """Only the row of a group without tokens may be empty."""
    blind = {**RULES, "cross": [("theta", "mu")]}
    summary = _build([0, 0, 2, 2, 2], rules=blind).summary()
    assert "theta (1 row): nothing left to see" in summary


def test_pictures():
    """The table beside the token axis shows names and groups."""
    pytest.importorskip("matplotlib")
    from matplotlib.figure import Figure

    tokens = _build()
    ax = plot_layout(tokens, ax=Figure().add_subplot())
    texts = [text.get_text() for text in ax.texts]
    assert texts[2].startswith("(county 3)")
    assert texts[3].startswith("(5,) in county 3")
    assert plot_mask(tokens, ax=Figure().add_subplot()).images


@pytest.mark.parametrize("numpy", [False, True])
def test_a_stored_dataset(tmp_path, numpy):
    """Shards have one layout; different groups are refused by name."""
    pytest.importorskip("safetensors")
    tokens = _build()
    with DatasetWriter(tmp_path) as writer:
        writer.append(tokens)
        writer.append(tokens)
        with pytest.raises(ValueError, match="groups of 'obs' is"):
            writer.append(_build([0, 0, 1, 1, 2]))
    dataset = open_dataset(tmp_path, numpy=numpy)
    assert dataset.layout == tokens.layout
    assert dataset[1:3].layout == tokens.layout
