"""Rules that would remove the most attention, against the declared masks."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given

from strategies import cases, trees
from tfmpe import Tokens
from tfmpe.preprocessing.layout.layout import TokenLayout
from tfmpe.preprocessing.masks.weak_rules import open_pairs, weak_rules


def _zeros(**shapes: tuple[int, ...]) -> dict[str, np.ndarray]:
    return {name: np.zeros((1, *shape, 1)) for name, shape in shapes.items()}


def _followed(tokens: Tokens) -> Tokens:
    """Return the same tokens with the suggested rules as well."""
    independence = tokens.layout.independence.to_dict()
    rules = [r for weak in weak_rules(tokens.layout) for r in weak.rules]
    independence.setdefault("cross_local", []).extend(map(tuple, rules))
    keys = tokens.layout.keys
    return Tokens.from_pytree(
        tokens.decode(),
        independence,
        sample_ndims=tokens.data.ndim - 2,
        batch_ndims={key.name: len(key.batch_shape) for key in keys},
        dims={key.name: key.dims for key in keys if key.dims},
        groups={
            key.name: {group.name: group for group in key.groups}
            for key in keys
            if key.groups
        },
    )


def _rules(layout: TokenLayout) -> dict[tuple[str, str], Any]:
    return {
        (a, b): dims for weak in weak_rules(layout) for a, b, dims in weak.rules
    }


def test_local_parameters_of_seir(make_example):
    """Axes without names; of six keys three see one another everywhere."""
    seir = make_example("seir", n_sites=50)
    tokens = Tokens.from_pytree(seir.data, seir.independence)
    (weak,) = weak_rules(tokens.layout)
    assert weak.rules == (
        ("A", "T_season", (0, 0)),
        ("A", "phi", (0, 0)),
        ("T_season", "phi", (0, 0)),
    )
    assert (weak.pairs, weak.left, weak.size) == (6 * 50**2, 6 * 50, 50)


def test_a_view_has_only_its_keys(make_example):
    seir = make_example("seir")
    tokens = Tokens.from_pytree(seir.data, seir.independence)
    assert weak_rules(tokens.select_tokens(["A", "obs", "sigma"]).layout) == []
    assert _rules(tokens.select_tokens(["phi", "sigma", "A"]).layout) == {
        ("phi", "A"): (0, 0)
    }


def test_named_and_nested_dimensions():
    """The outermost common axis, by name where both keys have names."""
    tokens = Tokens.from_pytree(
        _zeros(theta=(3,), rate=(3, 4), obs=(3, 4, 5), count=(3, 7)),
        {"local": ["theta"]},
        dims={
            "theta": ["county"],
            "rate": ["county", "site"],
            "obs": ["county", "site", "visit"],
        },
    )
    assert _rules(tokens.layout) == {
        ("theta", "rate"): "county",
        ("theta", "obs"): "county",
        ("theta", "count"): (0, 0),
        ("rate", "rate"): "county",
        ("rate", "obs"): "county",
        ("rate", "count"): (0, 0),
        ("obs", "obs"): "county",
        ("obs", "count"): (0, 0),
        ("count", "count"): (0, 0),
    }


def test_ragged_groups():
    """Pupils in classes in schools: the finest common group."""
    classes = np.repeat([0, 1], 2)
    pupils = np.repeat([0, 1, 2, 3], [4, 3, 2, 1])
    tokens = Tokens.from_pytree(
        _zeros(school=(2,), effect=(4,), score=(10,)),
        {"local": ["school"]},
        dims={"school": ["school"], "effect": ["class"]},
        groups={
            "effect": {"school": classes},
            "score": {"class": pupils, "school": classes[pupils]},
        },
    )
    assert _rules(tokens.layout) == {
        ("school", "effect"): "school",
        ("school", "score"): "school",
        ("effect", "effect"): "class",
        ("effect", "score"): "class",
        ("score", "score"): "class",
    }
    by_class, by_school = weak_rules(tokens.layout)
    assert by_class[1:] == (
        4,
        4 * 4 + 2 * 4 * 10 + 10 * 10,
        4 + 2 * 10 + (16 + 9 + 4 + 1),
    )
    assert by_school[1:] == (2, 2 * (2 * 4 + 2 * 10), 2 * (4 + 10))


def test_no_rule_without_a_common_dimension():
    tokens = Tokens.from_pytree(
        _zeros(a=(4,), b=(4,), c=(5,), one=(1, 1)),
        {"local": ["a", "b", "c"]},
        dims={"a": ["site"], "b": ["day"]},
    )
    assert weak_rules(tokens.layout) == []


def test_no_rule_where_one_is_declared():
    """A cross_local rule would open the direction that a cross rule closes."""
    tokens = Tokens.from_pytree(
        _zeros(a=(4,), b=(4,), c=(4,)),
        {
            "local": ["a", "b", "c"],
            "cross": [("a", "b")],
            "cross_local": [("b", "c", None), ("a", "c", (0, 0))],
        },
    )
    assert weak_rules(tokens.layout) == []


@pytest.mark.filterwarnings("ignore::tfmpe.PaddingWarning")
@given(trees(padded=False))
@cases(400, 60)
def test_rules_remove_what_they_promise(tree):
    """Followed, the mask has so many pairs less, and nothing is left to say."""
    tokens = Tokens.from_pytree(tree.data, **tree.kwargs)
    found = weak_rules(tokens.layout)
    after = _followed(tokens)
    removed = sum(weak.pairs - weak.left for weak in found)
    n_before = int(tokens.self_attention_mask.sum())
    assert n_before - int(after.self_attention_mask.sum()) == removed
    assert not (~tokens.self_attention_mask & after.self_attention_mask).any()
    assert weak_rules(after.layout) == []
    saved = [weak.pairs - weak.left for weak in found]
    assert saved == sorted(saved, reverse=True)
    assert all(n > 0 for n in saved)
    asymmetric = any(
        a == b and isinstance(dims, tuple) and dims[0] != dims[1]
        for a, b, dims in tokens.layout.independence.cross_local
    )
    if not asymmetric:
        assert open_pairs(tokens.layout) == n_before
