"""Declared masks of the core, compared with masks of the oracle."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from preprocessing.slices import slices_of
from strategies import LAYOUTS, array_of, cases, chance, rules
from tfmpe import (
    Tokens,
    build_cross_attention_mask,
    build_padding_mask,
    build_self_attention_mask,
)
from tfmpe.migrate import oracle
from tfmpe.migrate.oracle import product_masks

KEYS = st.sampled_from(["mu", "theta", "obs", "Z", "site_a"])
SHAPES = st.dictionaries(KEYS, LAYOUTS, min_size=1, max_size=4)


def _pairs_one_to_many(shapes, independence):
    """Return whether one side has one token per coordinate (unlike in L9)."""
    for a, b, dims in independence.get("cross_local", []):
        if a not in shapes or b not in shapes or dims is None:
            continue
        counts = []
        for key, dim in zip((a, b), dims, strict=True):
            others = list(shapes[key])
            del others[dim]
            counts.append(math.prod(others))
        if 1 not in counts:
            return False
    return True


def _outcome(function, *args):
    try:
        return function(*args)
    except ValueError:
        return ValueError


def _assert_same(found, wanted):
    assert found.dtype == bool
    assert found.shape == wanted.shape
    np.testing.assert_array_equal(found, wanted)


@given(SHAPES, st.data())
@cases(150)
def test_self_attention_masks(shapes, data):
    """A rule that does not fit is refused by both."""
    independence = data.draw(rules(shapes, fitting=False))
    slices = slices_of(**shapes)
    wanted = _outcome(product_masks.self_mask, slices, independence)
    found = _outcome(build_self_attention_mask, slices, independence)
    if wanted is ValueError or found is ValueError:
        assert wanted is found
        return
    _assert_same(found, wanted)
    if _pairs_one_to_many(shapes, independence):
        legacy = oracle.build_self_attention_mask(slices, independence)
        _assert_same(found, np.asarray(legacy) == 1)


@given(SHAPES, SHAPES, st.data())
@cases(150)
def test_cross_attention_masks(queries, keys, data):
    """Rules act only from queries to keys; others are ignored."""
    both = {**queries, **keys}
    independence = data.draw(rules(both, ("absent",), fitting=False))
    query, key = slices_of(**queries), slices_of(**keys)
    wanted = _outcome(product_masks.cross_mask, query, key, independence)
    found = _outcome(build_cross_attention_mask, query, key, independence)
    if wanted is ValueError or found is ValueError:
        assert wanted is found
        return
    _assert_same(found, wanted)
    acting = {
        "cross_local": [
            rule
            for rule in independence.get("cross_local", [])
            if rule[0] in queries and rule[1] in keys
        ]
    }
    sides = {**{("q", n): s for n, s in queries.items()}}
    sides |= {("k", n): s for n, s in keys.items()}
    acting["cross_local"] = [
        (("q", a), ("k", b), dims) for a, b, dims in acting["cross_local"]
    ]
    if _pairs_one_to_many(sides, acting):
        legacy = oracle.build_cross_attention_mask(query, key, independence)
        _assert_same(found, np.asarray(legacy) == 1)


@given(SHAPES, st.data())
@cases(150)
def test_masks_of_tokens(shapes, data):
    """The declared masks of Tokens and views agree, for any order of keys."""
    independence = data.draw(rules(shapes))
    tokens = Tokens.from_pytree(
        {name: np.zeros((2, *shape, 1)) for name, shape in shapes.items()},
        independence,
    )
    wanted = product_masks.self_mask(slices_of(**shapes), independence)
    _assert_same(tokens.self_attention_mask, wanted)
    subset = st.lists(st.sampled_from(list(shapes)), unique=True, min_size=1)
    queries, keys = data.draw(subset), data.draw(subset)
    chosen = slices_of(**{name: shapes[name] for name in queries})
    wanted = product_masks.self_mask(chosen, independence)
    view = tokens.select_tokens(queries)
    _assert_same(view.self_attention_mask, wanted)
    others = slices_of(**{name: shapes[name] for name in keys})
    wanted = product_masks.cross_mask(chosen, others, independence)
    _assert_same(tokens.cross_attention_mask(queries, keys), wanted)


@given(SHAPES, st.data())
@cases(60)
def test_padding_masks(shapes, data):
    """Unlike in legacy code, tokens of keys without true sizes are real."""
    lead = data.draw(st.sampled_from([(), (2,), (2, 1)]))
    sizes = {
        name: array_of((*lead, len(shape)), "int32", i)
        % (np.array(shape, "int32") + 1)
        for i, (name, shape) in enumerate(shapes.items())
    }
    slices = slices_of(**shapes)
    given_sizes = {
        name: size
        for name, size in sizes.items()
        if shapes[name] and not data.draw(chance(3))
    }
    full = {
        name: given_sizes.get(name, np.full((*lead, max(len(shape), 1)), 9))
        for name, shape in shapes.items()
    }
    # A key of one token has no event axis; the legacy function needs one.
    legacy_slices = slices_of(
        **{n: shape or (1,) for n, shape in shapes.items()}
    )
    wanted = np.asarray(oracle.build_padding_mask(legacy_slices, full)) == 1
    found = build_padding_mask(slices, given_sizes)
    assert found.dtype == bool
    np.testing.assert_array_equal(*np.broadcast_arrays(found, wanted))


def test_the_rules_drawn_are_not_all_harmless():
    """Some rules fit, some are refused, and some trigger the legacy defect."""
    seen = {"refused": 0, "closed": 0, "paired": 0}

    @given(SHAPES, st.data())
    @cases(400, 400)
    def count(shapes, data):
        independence = data.draw(rules(shapes, fitting=False))
        mask = _outcome(
            product_masks.self_mask, slices_of(**shapes), independence
        )
        seen["refused"] += mask is ValueError
        if mask is not ValueError:
            seen["closed"] += not mask.all()
            pairs = _pairs_one_to_many(shapes, independence)
            seen["paired"] += not pairs

    count()
    assert min(seen.values()) > 0, seen


@pytest.mark.parametrize(
    ("a", "b", "dims", "agree"),
    [
        ((2,), (2, 3), (0, 0), True),
        ((2, 1), (2, 3), (0, 0), True),
        ((2, 2), (2, 3), (0, 0), False),
        ((2, 2), (2, 2), None, True),
    ],
)
def test_where_the_legacy_pairing_agrees(a, b, dims, agree):
    """The tests above rely on this, which is checked here by hand."""
    shapes = {"a": a, "b": b}
    independence = {"cross_local": [("a", "b", dims)]}
    assert _pairs_one_to_many(shapes, independence) == agree
