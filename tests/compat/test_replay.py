"""Replay of all stored preprocessing calls on the bridge.

Calls that solve an equation are replayed by ``tfmpe verify``, within a
tolerance; test_structured_cnf.py and test_sfmpe.py replay some of them.
"""

from collections import Counter

import pytest

from stored_calls import cases_of, stored_files
from tfmpe.migrate.replay.replay import replay, why_not
from tfmpe.migrate.replay.targets import bridge

# Recorded calls of functions without a solver: 726 of 954.
N_STORED = {
    "flatten_structured": 418,
    "combine_data": 103,
    "decode_theta": 61,
    "pad_multidim_event": 53,
    "_make_attention_masks": 51,
    "split_data": 30,
    "_flatten_index": 8,
    "encode_unknown_theta": 2,
}


FILES = stored_files(*(name.removeprefix("_") for name in N_STORED))


@pytest.mark.parametrize("file", FILES)
def test_stored_calls_give_the_same(file):
    """Bits, types, key order, changed arguments and exceptions are equal."""
    found = {case.name: replay(case) for case in cases_of(file)}
    assert found
    assert {n: r.differences for n, r in found.items() if r.differences} == {}


def test_no_stored_call_is_left_out():
    cases = [case for file in FILES for case in cases_of(file)]
    assert Counter(case.function for case in cases) == N_STORED
    assert not any(map(why_not, cases))


@pytest.mark.parametrize("name", ["flatten_structured", "combine_data"])
def test_a_wrong_bridge_is_seen(name):
    """A reversed order of keys in returned dicts is a difference."""
    right = bridge(name)

    def reverse(tree):
        if isinstance(tree, dict):
            return {k: reverse(v) for k, v in reversed(tree.items())}
        if isinstance(tree, tuple) and tree and isinstance(tree[0], dict):
            return tuple(map(reverse, tree))
        return tree

    case = next(c for c in cases_of(f"seir/{name}") if c.raises is None)

    def wrong(*args, **kwargs):
        return reverse(right(*args, **kwargs))

    result = replay(case, lambda _: wrong)
    assert {each.kind for each in result.differences} == {"key order"}
