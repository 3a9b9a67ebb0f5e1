"""Two-way bridge between legacy dictionaries and Tokens."""

import copy
import re

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from compat.values import assert_identical
from refusals import refused
from strategies import NAMES, SEEDS, SIZES, array_of, cases, rules
from tfmpe import Tokens, UnknownKeyError, compat, concatenate_tokens
from tfmpe.compat import as_legacy, as_tokens, flatten_structured

pytestmark = [
    pytest.mark.usefixtures("quiet"),
    pytest.mark.filterwarnings("ignore:Warning. Batch size padding"),
]


def _assert_equal_tokens(found, wanted):
    """Check that layouts are equal, and leaves are equal in dtype and bits."""
    assert found.layout == wanted.layout
    assert hash(found.layout) == hash(wanted.layout)
    assert found.layout.keys == wanted.layout.keys
    for name in ("data", "functional_inputs", "padding"):
        new, old = getattr(found, name), getattr(wanted, name)
        assert (new is None) == (old is None), name
        if old is not None:
            assert_identical(jnp.asarray(new), jnp.asarray(old))
    assert_identical(found.labels, wanted.labels)


@st.composite
def _both_forms(draw, same_inputs=True):
    """Draw arguments of flatten_structured, and equal ones of from_pytree."""
    sample = tuple(draw(st.lists(st.integers(1, 3), max_size=2)))
    names = draw(
        st.lists(
            st.sampled_from([n for n in NAMES if n]),
            min_size=2,
            max_size=5,
            unique=True,
        )
    )
    at = draw(st.integers(1, len(names) - 1))
    sides = {"theta": names[:at], "y": names[at:]}
    dtype = draw(st.sampled_from(["float32", "int32", "int8", "float16"]))
    inputs = dict.fromkeys(sides, draw(st.integers(1, 2)))
    if not same_inputs:
        inputs = {side: draw(st.integers(1, 3)) for side in sides}
    data, ndims, index, true, shapes = {}, {}, {}, {}, {}
    for side, keys in sides.items():
        data[side], ndims[side], true[side] = {}, {}, {}
        for key in keys:
            event = tuple(draw(st.lists(SIZES, min_size=1, max_size=2)))
            batch = draw(st.lists(SIZES, min_size=1, max_size=2))
            shapes[key] = event
            seed = draw(SEEDS)
            data[side][key] = array_of((*sample, *event, *batch), dtype, seed)
            ndims[side][key] = len(batch)
            index[key] = array_of(
                (*sample, *event, inputs[side]), "float32", seed
            )
            sizes = array_of((*sample, len(event)), "int32", seed)
            true[side][key] = sizes % (np.array(event, "int32") + 1)
    independence = draw(rules(shapes))
    index = index if draw(st.booleans()) else None
    legacy = {
        "data_sample_ndims": len(sample),
        "data_batch_ndims": ndims,
        "index": index,
        "independence": independence,
        "event_shapes": true if draw(st.booleans()) else None,
    }
    core = {
        "independence": independence,
        "functional_inputs": index,
        "sample_ndims": len(sample),
        "batch_ndims": {**ndims["theta"], **ndims["y"]},
        "event_shapes": legacy["event_shapes"]
        and {**true["theta"], **true["y"]},
    }
    return data, legacy, core


def _flatten_both(forms):
    data, legacy, core = forms
    tokens = Tokens.from_pytree({**data["theta"], **data["y"]}, **core)
    try:
        flat = flatten_structured(data, **copy.deepcopy(legacy))
    except IndexError:
        # Legacy pairing does not implement these rules (L9).
        flat = None
    assume(flat is not None)
    return tokens, flat


@given(_both_forms())
@cases(100)
def test_as_legacy_gives_what_flatten_structured_gives(forms):
    """Dtypes, key order and bits are equal; index rows are sorted (L1)."""
    tokens, wanted = _flatten_both(forms)
    data = forms[0]
    assert_identical(as_legacy(tokens, data["theta"], data["y"]), wanted)


@given(_both_forms(same_inputs=False))
@cases(80)
def test_as_legacy_undoes_as_tokens(forms):
    """The result of flatten_structured is unchanged by the round trip."""
    _, flat = _flatten_both(forms)
    data, legacy, _ = forms
    tokens = as_tokens(*flat, legacy["independence"])
    assert_identical(as_legacy(tokens, data["theta"], data["y"]), flat)


@given(_both_forms())
@cases(80)
def test_as_tokens_undoes_as_legacy(forms):
    """Sides may have different numbers of inputs, and keys may be unsorted."""
    tokens, _ = _flatten_both(forms)
    data, legacy, _ = forms
    flat = as_legacy(tokens, data["theta"], data["y"])
    back = as_tokens(*flat, legacy["independence"])
    _assert_equal_tokens(back, tokens)


DATA = {
    "theta": {"z": array_of((4, 2, 1), seed=1), "a": array_of((4, 1, 1))},
    "y": {"obs": array_of((4, 2, 3, 2), seed=3)},
}
BOTH = DATA["theta"] | DATA["y"]
INDEX = {
    "z": np.full((4, 2, 1), 1.0, np.float32),
    "a": np.full((4, 1, 1), 2.0, np.float32),
    "obs": np.full((4, 2, 3, 1), 3.0, np.float32),
}
RULES = {"local": ["obs"], "cross_local": [("z", "obs", (0, 0))]}


def _ones_by_key(*lead):
    """Return true event shapes of 1 token, with these leading axes."""
    return {
        side: {
            name: np.ones((*lead, leaf.ndim - 2), np.int32)
            for name, leaf in keys.items()
        }
        for side, keys in DATA.items()
    }


def test_index_rows_return_to_their_tokens():
    """The rows of the legacy index are reordered (L1)."""
    flat, slices = flatten_structured(DATA, index=INDEX)
    assert flat["index"]["theta"][0, :, 0].tolist() == [2, 1, 1]
    tokens = as_tokens(flat, slices)
    rows = tokens.functional_inputs[0, :, 0].tolist()
    assert rows == [1, 1, 2, 3, 3, 3, 3, 3, 3]
    assert tokens.key_order == ["z", "a", "obs"]


def test_sides_with_other_numbers_of_inputs_round_trip():
    """Columns that a key does not have contain padding."""
    wide = {**INDEX, "obs": np.ones((4, 2, 3, 2), np.float32)}
    tokens = Tokens.from_pytree(BOTH, {}, functional_inputs=wide)
    flat, slices = as_legacy(tokens, ["z", "a"], ["obs"])
    assert flat["index"]["theta"].shape == (4, 3, 1)
    assert flat["index"]["y"].shape == (4, 6, 2)
    _assert_equal_tokens(as_tokens(flat, slices), tokens)


def test_an_index_given_once_is_repeated():
    once = {name: leaf[:1] for name, leaf in INDEX.items()}
    flat, slices = flatten_structured(DATA, index=once)
    assert flat["index"]["y"].shape == (1, 6, 1)
    repeated = as_tokens(flat, slices)
    full = as_tokens(*flatten_structured(DATA, index=INDEX))
    _assert_equal_tokens(repeated, full)


@pytest.mark.parametrize("lead", [(), (1,)])
def test_true_shapes_given_once_are_repeated(lead):
    flat = flatten_structured(DATA, event_shapes=_ones_by_key(*lead))
    tokens = as_tokens(*flat)
    row = [1, 0, 1, 1, 0, 0, 0, 0, 0]
    assert tokens.padding_mask.dtype == bool
    assert tokens.padding_mask.astype(int).tolist() == [row] * 4


@pytest.mark.parametrize("independence", [{"local": []}, {"cross": []}])
def test_empty_rules_still_make_masks(independence):
    """Any rules other than {} create legacy masks (L5)."""
    flat = flatten_structured(DATA, independence=independence)
    assert "attention" in flat[0]["masks"]
    tokens = Tokens.from_pytree(BOTH, independence)
    assert_identical(as_legacy(tokens, ["z", "a"], ["obs"]), flat)
    _assert_equal_tokens(as_tokens(*flat, independence), tokens)


def test_without_rules_there_are_no_masks():
    tokens = Tokens.from_pytree(BOTH, {})
    flat, _ = as_legacy(tokens, ["z", "a"], ["obs"])
    assert list(flat) == ["data", "labels"]


def test_named_dimensions_become_axes():
    """Legacy slices have no names, and legacy rules refer to axes by number."""
    named = {**RULES, "cross_local": [("z", "obs", "site")]}
    tokens = Tokens.from_pytree(
        BOTH, named, dims={"z": ["site"], "obs": ["site", "visit"]}
    )
    flat = flatten_structured(DATA, independence=RULES)
    assert_identical(as_legacy(tokens, ["z", "a"], ["obs"]), flat)


def test_groups_have_no_legacy_form():
    """Rules on groups are refused; a ragged key without rules is flattened."""
    data = {"theta": np.zeros((4, 2, 1)), "obs": np.ones((4, 3, 1))}
    groups = {"obs": {"site": [1, 0, 1]}}
    rules = {"cross_local": [("theta", "obs", "site")]}
    options = {"dims": {"theta": ["site"]}, "groups": groups}
    message = (
        "Legacy rules cannot match groups of ragged keys: the rule "
        "('theta', 'obs', 'site')"
    )
    tokens = Tokens.from_pytree(data, rules, **options)
    with pytest.raises(ValueError, match=re.escape(message)):
        as_legacy(tokens, ["theta"], ["obs"])
    sides = {"theta": {"theta": data["theta"]}, "y": {"obs": data["obs"]}}
    assert_identical(
        as_legacy(Tokens.from_pytree(data, {}, **options), ["theta"], ["obs"]),
        flatten_structured(sides),
    )


def test_sides_can_be_swapped_and_keys_left_out():
    """As in bottom-up training, observations become theta."""
    tokens = Tokens.from_pytree(BOTH, RULES)
    swapped = {"theta": DATA["y"], "y": {"z": DATA["theta"]["z"]}}
    flat, slices = as_legacy(tokens, ["obs"], ["z"])
    wanted, wanted_slices = flatten_structured(swapped, independence=RULES)
    # Labels are those of all keys; flatten_structured ranks the given ones.
    assert flat.pop("labels")["theta"].tolist() == [[1] * 6]
    assert wanted.pop("labels")["theta"].tolist() == [[0] * 6]
    assert_identical((flat, slices), (wanted, wanted_slices))


def test_a_view_is_turned_as_well():
    tokens = Tokens.from_pytree(BOTH, RULES)
    view = tokens.select_tokens(["obs", "z"])
    assert_identical(
        as_legacy(view, ["z"], ["obs"]), as_legacy(tokens, ["z"], ["obs"])
    )
    with pytest.raises(UnknownKeyError, match="'a'"):
        as_legacy(view, ["a"], ["obs"])


def test_given_labels_are_kept():
    labels = {"z": 40, "a": 3, "obs": 7}
    tokens = Tokens.from_pytree(BOTH, {}, labels=labels)
    flat, slices = as_legacy(tokens, ["z", "a"], ["obs"])
    assert flat["labels"]["theta"].dtype == jnp.int8
    assert flat["labels"]["theta"].tolist() == [[40, 40, 3]]
    back = as_tokens(flat, slices)
    assert back.label_map == labels
    _assert_equal_tokens(back, tokens)


def test_labels_are_ranks_where_there_are_none():
    """Test keys without tokens, and dictionaries without labels."""
    flat, slices = flatten_structured(DATA)
    del flat["labels"]
    assert as_tokens(flat, slices).label_map == {"z": 2, "a": 0, "obs": 1}


def test_as_tokens_continues_what_combine_data_joined():
    """Labels and masks with one copy per sample are recognized."""
    flat, slices = flatten_structured(DATA, index=INDEX, independence=RULES)
    joined = compat.combine_data(flat, flat)
    tokens = as_tokens(joined, slices, RULES)
    one = as_tokens(flat, slices, RULES)
    both = concatenate_tokens(one, one)
    assert tokens.layout == both.layout
    np.testing.assert_array_equal(tokens.data, both.data)
    assert tokens.padding_mask.all()
    np.testing.assert_array_equal(
        tokens.functional_inputs, both.functional_inputs
    )


def test_the_bridge_under_jit():
    """Slices and rules are closed over; layout and values are the same."""
    flat, slices = flatten_structured(
        DATA, index=INDEX, independence=RULES, event_shapes=_ones_by_key(4)
    )
    tokens = as_tokens(flat, slices, RULES)
    found = jax.jit(lambda flat: as_tokens(flat, slices, RULES))(flat)
    _assert_equal_tokens(found, tokens)
    there_and_back = jax.jit(
        lambda t: as_legacy(t, DATA["theta"], DATA["y"])[0]
    )(tokens)
    leaves = map(jax.tree.leaves, (there_and_back, flat))
    assert jax.tree.structure(there_and_back) == jax.tree.structure(flat)
    assert_identical(*leaves)


def test_the_bridge_under_vmap():
    flat, slices = flatten_structured(DATA)
    data = {"data": flat["data"]}
    found = jax.vmap(lambda flat: as_tokens(flat, slices))(data)
    np.testing.assert_array_equal(found.data, as_tokens(data, slices).data)


def _fault(change=None, independence=RULES, **kwargs):
    flat, slices = flatten_structured(
        kwargs.pop("data", DATA), independence=independence, **kwargs
    )
    if change is not None:
        change(flat)
    return flat, slices


def _wrong_mask(flat):
    mask = flat["masks"]["attention"]["cross"]
    flat["masks"]["attention"]["cross"] = 1 - mask


def _mixed_labels(flat):
    row = flat["labels"]["y"]
    flat["labels"]["y"] = jnp.concatenate([row, row + 1])


def _fewer_samples(flat):
    flat["data"]["y"] = flat["data"]["y"][:3]


def _more_tokens(flat):
    flat["data"]["y"] = compat.pad_1d(flat["data"]["y"], 8)


def _without_z(index):
    return {name: index[name] for name in ("a", "obs")}


BOTH_SIDES = {"theta": {"a": DATA["theta"]["a"]}, "y": {"a": DATA["y"]["obs"]}}
REFUSED = {
    "a key on both sides": (
        lambda: _fault(independence={}, data=BOTH_SIDES),
        {},
        "the keys ['a'] are on both sides (L3)",
    ),
    "rows of the index": (
        lambda: _fault(independence={}, index=_without_z(INDEX)),
        {},
        "the index of 'theta' has 1 rows for 3 tokens (L2)",
    ),
    "samples": (
        lambda: _fault(_fewer_samples),
        RULES,
        "theta and y have the shapes {'theta': (4, 3, 2), 'y': (3, 6, 2)}: "
        "repeat the side with fewer samples",
    ),
    "tokens": (
        lambda: _fault(_more_tokens),
        RULES,
        "slices specify 6 tokens of 'y' but there are 8",
    ),
    "labels": (
        lambda: _fault(_mixed_labels),
        RULES,
        "the labels of 'y' differ between samples, as after combine_data of "
        "different sizes: use concatenate_tokens",
    ),
    "masks without rules": (
        lambda: _fault(),
        None,
        "there are attention masks: pass the independence that they were built "
        "with",
    ),
    "masks of other rules": (
        lambda: _fault(_wrong_mask),
        RULES,
        "the attention mask of 'cross' does not follow from the rules",
    ),
    "rules of other masks": (
        lambda: _fault(),
        {"local": ["obs"]},
        "the attention mask of 'cross' does not follow from the rules",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_as_tokens_refuses(case):
    make, independence, fault = REFUSED[case]
    flat = make()
    message = f"Cannot turn legacy data into Tokens: {fault}"
    with refused(ValueError, message):
        as_tokens(*flat, independence)


def test_as_tokens_lists_all_faults():
    flat, slices = _fault(_fewer_samples)
    _mixed_labels(flat)
    with pytest.raises(ValueError, match="Cannot turn") as raised:
        as_tokens(flat, slices, RULES)
    assert str(raised.value).count("\n  - ") == 2


def test_as_tokens_refuses_rules_with_unknown_keys():
    """Legacy calls ignore such rules, but a layout cannot contain them."""
    flat, slices = flatten_structured(DATA)
    with pytest.raises(UnknownKeyError, match="Did you mean 'obs'"):
        as_tokens(flat, slices, {"local": ["obss"]})


def test_as_legacy_refuses_a_key_on_both_sides():
    tokens = as_tokens(*flatten_structured(DATA))
    message = "The keys ['a'] are on both sides. Name each on only one."
    with refused(ValueError, message):
        as_legacy(tokens, ["z", "a"], ["a", "obs"])


def test_as_legacy_refuses_unknown_keys():
    tokens = as_tokens(*flatten_structured(DATA))
    with pytest.raises(UnknownKeyError, match="'b'"):
        as_legacy(tokens, ["b"], ["obs"])


@pytest.mark.parametrize(
    ("given_inputs", "shown"),
    [
        ({"z": (4, 2, 1), "a": (4, 1, 2), "obs": (4, 2, 3, 1)}, "'a': 2"),
        ({"obs": (4, 2, 3, 1)}, "'a': None"),
    ],
)
def test_as_legacy_refuses_inputs_it_cannot_express(given_inputs, shown):
    inputs = {name: np.zeros(shape) for name, shape in given_inputs.items()}
    tokens = Tokens.from_pytree(BOTH, {}, functional_inputs=inputs)
    with pytest.raises(ValueError, match="index of 'theta'") as raised:
        as_legacy(tokens, ["z", "a"], ["obs"])
    assert shown in str(raised.value)


def test_as_legacy_refuses_labels_beyond_int8():
    tokens = Tokens.from_pytree(
        BOTH,
        {},
        labels={"z": 128, "a": 0, "obs": 1},
    )
    with pytest.raises(OverflowError, match="label 128"):
        as_legacy(tokens, ["z", "a"], ["obs"])
    as_legacy(tokens, ["a"], ["obs"])


def test_keys_with_slashes_are_nested():
    """A slash separates the keys of nested trees."""
    data = {"site": {"z": DATA["theta"]["z"]}, "obs": DATA["y"]["obs"]}
    tokens = Tokens.from_pytree(data, {})
    flat, slices = as_legacy(tokens, ["site/z"], ["obs"])
    assert list(slices["theta"]) == ["site/z"]
    back = as_tokens(flat, slices)
    _assert_equal_tokens(back, tokens)
    assert list(back.decode()["site"]) == ["z"]
