"""Groups that the rules keep apart."""

import numpy as np

from tfmpe import Tokens
from tfmpe.preprocessing.masks.token_groups import token_groups

RULES = {
    "local": ["theta", "obs"],
    "cross": [("mu", "obs"), ("obs", "mu")],
    "cross_local": [("theta", "obs", "site")],
}


def layout(independence, groups=None, **shapes):
    """Return the layout of keys with some event shapes."""
    data = {name: np.zeros((1, *shape, 1)) for name, shape in shapes.items()}
    names = {"theta": ["site"], "obs": ["site", "visit"]}
    dims = {name: names[name] for name in shapes if name in names}
    if groups is not None:
        del dims["obs"]
    return Tokens.from_pytree(
        data, independence, dims=dims, groups=groups
    ).layout


def test_sites_are_groups_given_the_mean():
    found = token_groups(layout(RULES, mu=(1,), theta=(3,), obs=(3, 2)), ["mu"])
    assert found.tolist() == [-1, 0, 1, 2, 0, 0, 1, 1, 2, 2]


def test_the_mean_joins_all_sites_unless_it_is_shared():
    whole = layout(RULES, mu=(1,), theta=(3,), obs=(3, 2))
    assert token_groups(whole, []).tolist() == [0] * 10


def test_a_missing_rule_joins_all_sites():
    rules = RULES | {"local": ["theta"]}
    found = token_groups(layout(rules, mu=(1,), theta=(3,), obs=(3, 2)), ["mu"])
    assert found.tolist() == [-1] + [0] * 9


def test_ragged_groups_follow_their_ids():
    ids = {"obs": {"site": np.array([2, 0, 2, 1])}}
    found = token_groups(
        layout(RULES, ids, mu=(1,), theta=(3,), obs=(4,)), ["mu"]
    )
    assert found.tolist() == [-1, 0, 1, 2, 2, 0, 2, 1]


def test_matches_of_positions_follow_a_chain_of_keys():
    rules = {
        "local": ["a", "b", "c"],
        "cross": [("a", "c"), ("c", "a")],
        "cross_local": [("a", "b", None), ("b", "c", None)],
    }
    data = {name: np.zeros((1, 3, 1)) for name in "abc"}
    layout = Tokens.from_pytree(data, rules).layout
    assert token_groups(layout, []).tolist() == [0, 1, 2] * 3
    shared = token_groups(layout, ["b"])
    assert shared.tolist() == [0, 1, 2, -1, -1, -1, 3, 4, 5]
