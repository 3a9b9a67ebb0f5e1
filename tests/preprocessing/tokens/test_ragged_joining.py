"""Concatenation of Tokens with other groups or numbers of groups."""

import re
from collections import Counter

import jax
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from strategies import cases
from tfmpe import Tokens, concatenate_tokens

RULES = {
    "local": ["theta", "obs"],
    "cross_local": [("theta", "obs", "county"), ("obs", "noise", "house")],
}


def _build(ids, n_counties=4, first=1.0, rules=RULES, **options):
    """Build one sample whose values of obs count up from ``first``."""
    n = len(ids)
    values = first + np.arange(n, dtype=np.float32)
    both = {"county": ids, "district": np.array(ids, int) // 2}
    options = {
        "dims": {"theta": ["county"], "obs": ["house"], "noise": ["house"]},
        "groups": {"obs": both, "noise": both},
    } | options
    return Tokens.from_pytree(
        {
            "theta": np.arange(n_counties, dtype=np.float32).reshape(1, -1, 1),
            "obs": values.reshape(1, n, 1),
            "noise": -values.reshape(1, n, 1),
        },
        rules,
        {"obs": 2 * values[:, None]},
        **options,
    )


def test_each_group_grows_to_the_largest():
    """Tokens are sorted by group, and keep their order within each group."""
    one = _build([2, 0, 0], 3, first=10)
    two = _build([1, 0, 1], 2, first=20)
    joined = concatenate_tokens(one, two)
    (county, district) = joined.layout["obs"].groups
    assert county.ids.tolist() == [0, 0, 1, 1, 2]
    assert district.ids.tolist() == [0, 0, 0, 0, 1]
    assert county.size == 3
    obs = joined.decode()["obs"][..., 0]
    assert obs.tolist() == [
        [11, 12, -1e8, -1e8, 10],
        [21, -1e8, 20, 22, -1e8],
    ]
    block = joined.layout["obs"].block
    np.testing.assert_array_equal(joined.padding_mask[:, block], obs > 0)
    inputs = joined.functional_inputs[:, block, 0]
    np.testing.assert_array_equal(inputs[obs > 0], 2 * obs[obs > 0])


def test_equal_groups_keep_their_order():
    """Nothing is reordered or padded."""
    one, two = _build([2, 0, 2]), _build([2, 0, 2], first=9)
    joined = concatenate_tokens(one, two)
    assert joined.layout == one.layout
    assert joined.padding is None
    assert joined.decode()["obs"][1, :, 0].tolist() == [9, 10, 11]


def test_another_order_alone_needs_no_padding():
    """The same number of tokens per group: only the second is reordered."""
    joined = concatenate_tokens(_build([2, 0, 2]), _build([0, 2, 2], first=9))
    assert joined.padding is None
    assert joined.decode()["obs"][..., 0].tolist() == [[2, 1, 3], [9, 10, 11]]


IDS = st.lists(st.integers(0, 3), max_size=6)


@given(st.lists(IDS, min_size=1, max_size=3))
@cases(100, 15)
def test_no_token_is_lost_or_invented(operands):
    """Groups, values and inputs are kept, also under jit, for any groups."""
    tokens = [
        _build(ids, first=100.0 * i + 1) for i, ids in enumerate(operands)
    ]
    joined = concatenate_tokens(*tokens)
    pairs = [(0, ids) for ids in operands]
    largest: Counter = Counter()
    for _, ids in pairs:
        largest |= Counter(ids)
    county = joined.layout["obs"].groups[0]
    assert Counter(county.ids.tolist()) == largest
    decoded = jax.device_get(joined.decode())
    padding = np.asarray(joined.padding_mask)
    for row, (ids, operand) in enumerate(zip(operands, tokens, strict=True)):
        before = jax.device_get(operand.decode())
        for name in ("obs", "noise"):
            key = joined.layout[name]
            real = padding[row, key.block]
            found = decoded[name][row, :, 0]
            assert (found[~real] == np.float32(-1e8)).all()
            expected = before[name][0, :, 0].tolist()
            for group in range(4):
                mine = real & (county.ids == group)
                wanted = [
                    value
                    for value, i in zip(expected, ids, strict=True)
                    if i == group
                ]
                assert found[mine].tolist() == wanted
    compiled = jax.jit(concatenate_tokens)(*tokens)
    assert compiled.layout == joined.layout
    np.testing.assert_array_equal(compiled.data, joined.data)
    np.testing.assert_array_equal(
        compiled.functional_inputs, joined.functional_inputs
    )
    np.testing.assert_array_equal(compiled.padding_mask, joined.padding_mask)
    if len(tokens) == 3:
        left = concatenate_tokens(concatenate_tokens(*tokens[:2]), tokens[2])
        right = concatenate_tokens(tokens[0], concatenate_tokens(*tokens[1:]))
        for again in (left, right):
            assert again.layout == joined.layout
            np.testing.assert_array_equal(again.data, joined.data)
            np.testing.assert_array_equal(
                again.padding_mask, joined.padding_mask
            )


def test_rules_mean_the_same():
    """Real tokens see exactly the same tokens as before."""
    one, two = _build([2, 0, 0, 3]), _build([1, 0], first=9)
    joined = concatenate_tokens(one, two)
    allowed = np.asarray(joined.self_attention_mask)
    for row, operand in enumerate((one, two)):
        values = np.asarray(operand.data[0, :, 0])
        moved = np.asarray(joined.data[row, :, 0])
        real = np.flatnonzero(joined.padding_mask[row])
        order = [real[moved[real] == v].tolist() for v in values]
        # A value of theta is not unique, but its position is known.
        n = operand.layout["theta"].n_tokens
        at = [*range(n), *(places[-1] for places in order[n:])]
        np.testing.assert_array_equal(
            allowed[np.ix_(at, at)], operand.self_attention_mask
        )


def test_named_dimensions_grow():
    """Dimensions of dense keys are padded like axes without a name."""
    one, two = (
        Tokens.from_pytree(
            {"theta": np.zeros((1, n, 1)), "obs": np.zeros((1, n, 2, 1))},
            {"cross_local": [("theta", "obs", "site")]},
            dims={"theta": ["site"], "obs": ["site", "unit"]},
        )
        for n in (2, 3)
    )
    joined = concatenate_tokens(one, two)
    assert joined.layout == two.layout
    assert joined.padding_mask.sum(-1).tolist() == [6, 9]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            {"dims": {"theta": ["county"]}},
            "the list of axis names of 'obs' is [] in operand 1, "
            "['house'] in operand 0",
        ),
        (
            {"groups": {"obs": {"county": [0]}, "noise": {"county": [0]}}},
            "the list of group names of 'obs' is ['county'] in operand 1, "
            "['county', 'district'] in operand 0",
        ),
    ],
)
def test_other_names_do_not_fit(change, message):
    """A key is also defined by its names."""
    rules = {"cross_local": [("theta", "obs", "county")]}
    with pytest.raises(ValueError, match=re.escape(message)):
        concatenate_tokens(
            _build([0], rules=rules), _build([0], rules=rules, **change)
        )


@pytest.mark.parametrize(
    ("rule", "message"),
    [
        (
            ("obs", "noise", None),
            "pairs tokens by position, but padding the event shapes (2,) and "
            "(2,) to (3,) and (3,) moves them apart.",
        ),
        (("obs", "noise", (0, 0)), "moves them apart"),
    ],
)
def test_positions_of_a_ragged_key(rule, message):
    """A key paired with it by position must be padded in the same way."""
    one, two = (
        _build(
            ids,
            rules={"cross_local": [rule]},
            dims={"theta": ["county"]},
            groups={"obs": {"county": ids}, "noise": {"county": others}},
        )
        for ids, others in (([1, 0], [0, 1]), ([1, 1], [0, 0]))
    )
    with pytest.raises(ValueError, match=re.escape(message)):
        concatenate_tokens(one, two)


def test_an_axis_shared_with_a_dense_key():
    """The dense key would have to be padded by groups too."""
    one, two = (
        _build(ids, rules={}, groups={"obs": {"county": ids}})
        for ids in ([1, 0], [1, 1])
    )
    message = (
        "Cannot join Tokens: Named dimensions do not fit: 'house' has size 3 "
        "in 'obs' but 2 in 'noise'. Give the same groups to all keys that "
        "share an axis with a ragged key."
    )
    with pytest.raises(ValueError, match=re.escape(message)):
        concatenate_tokens(one, two)
