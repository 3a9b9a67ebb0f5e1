"""Tokens and masks as text."""

import jax
import numpy as np
import pytest

from tfmpe import Tokens, draw_mask


@pytest.fixture
def tokens() -> Tokens:
    """Return every kind of rule, functional inputs, and padding."""
    return Tokens.from_pytree(
        {
            "mu": np.zeros((4, 1, 1)),
            "theta": np.zeros((4, 2, 1)),
            "obs": np.zeros((4, 2, 2, 2)),
        },
        {
            "local": ["obs", "theta"],
            "cross": [("mu", "obs")],
            "cross_local": [("theta", "obs", (0, 0)), ("mu", "mu", None)],
        },
        {"obs": np.zeros((2, 2, 3))},
        event_shapes={"obs": np.array([[2, 2], [1, 2], [2, 1], [2, 2]])},
    )


def test_repr_of_tokens(tokens):
    """It has keys, shapes, offsets, tokens, labels, inputs, rules, padding."""
    assert repr(tokens).splitlines() == [
        "Tokens(samples (4,), 7 tokens of width 2, float32)",
        "  key    event   batch  offset  tokens  label  inputs",
        "  mu     (1,)    (1,)   0       1       0      -",
        "  theta  (2,)    (1,)   1       2       2      -",
        "  obs    (2, 2)  (2,)   3       4       1      3",
        "  local: obs, theta",
        "  cross: mu -/-> obs",
        "  cross_local: theta <-> obs on (0, 0), mu <-> mu by position",
        "  padding: 14.3% of all tokens",
    ]


def test_repr_of_a_view(tokens):
    """It has the view's own keys, and the rules between them."""
    assert repr(tokens.select_tokens(["obs", "mu"])).splitlines() == [
        "TokenView(samples (4,), 5 tokens of width 2, float32)",
        "  key  event   batch  offset  tokens  label  inputs",
        "  obs  (2, 2)  (2,)   0       4       1      3",
        "  mu   (1,)    (1,)   4       1       0      -",
        "  local: obs",
        "  cross: mu -/-> obs",
        "  cross_local: mu <-> mu by position",
        "  padding: 20.0% of all tokens",
    ]


def test_repr_without_rules_and_padding():
    """The text says that there are none."""
    tokens = Tokens.from_pytree({"a": np.zeros((1, 1))}, {}, sample_ndims=0)
    assert repr(tokens).splitlines() == [
        "Tokens(samples (), 1 tokens of width 1, float32)",
        "  key  event  batch  offset  tokens  label  inputs",
        "  a    (1,)   (1,)   0       1       0      -",
        "  rules: none",
        "  padding: none",
    ]


def test_repr_inside_a_transform(tokens):
    """Printing traced Tokens must not fail or compute anything."""
    seen = []

    def look(tokens):
        seen.append(repr(tokens))
        return tokens

    jax.jit(look)(tokens)
    jax.vmap(look)(tokens)
    assert [text.splitlines()[1:8] for text in seen] == 2 * [
        repr(tokens).splitlines()[1:8]
    ]
    assert seen[0].startswith("Tokens(samples (4,), 7 tokens of width 2")
    assert seen[1].startswith("Tokens(samples (), 7 tokens of width 2")


def test_repr_of_trees_that_hold_no_arrays(tokens):
    """Tree functions may return such trees."""
    shapes = jax.tree.map(lambda x: x.shape, tokens)
    assert repr(shapes).startswith("Tokens(3 keys, data: (4, 7, 2))")
    axes = jax.tree.map(lambda x: 0, tokens)
    assert repr(axes).startswith("Tokens(3 keys, data: 0)")


def test_repr_of_a_layout(tokens):
    """It is short enough for an error message."""
    assert repr(tokens.layout) == (
        "TokenLayout(mu: (1,)+(1,), theta: (2,)+(1,), obs: (2, 2)+(2,))"
    )


def test_draw_self_attention_mask(tokens):
    """Blocks of keys are separated and labeled."""
    assert draw_mask(tokens).splitlines() == [
        "      |mu|theta|obs",
        "mu    |# |# #  |. . . .",
        "------+--+-----+-------",
        "theta |# |. .  |# # . .",
        "      |# |. .  |. . # #",
        "------+--+-----+-------",
        "obs   |# |# .  |. . . .",
        "      |# |# .  |. . . .",
        "      |# |. #  |. . . .",
        "      |# |. #  |. . . .",
    ]


def test_draw_some_keys_in_another_order(tokens):
    """A view draws its own keys."""
    expected = [
        "    |obs    |mu",
        "obs |. . . .|#",
        "    |. . . .|#",
        "    |. . . .|#",
        "    |. . . .|#",
        "----+-------+--",
        "mu  |. . . .|#",
    ]
    assert draw_mask(tokens, ["obs", "mu"]).splitlines() == expected
    view = tokens.select_tokens(["obs", "mu"])
    assert draw_mask(view).splitlines() == expected


def test_draw_cross_attention_mask(tokens):
    """Columns are named; only rules in this direction act."""
    assert draw_mask(tokens, ["theta", "mu"], ["obs"]).splitlines() == [
        "      |obs",
        "theta |# # . .",
        "      |. . # #",
        "------+-------",
        "mu    |. . . .",
    ]
    assert draw_mask(tokens, ["theta"], ["theta"]).splitlines() == [
        "      |theta",
        "theta |# #",
        "      |# #",
    ]


def test_what_is_drawn_is_the_mask(example):
    """Every cell agrees, for the three examples."""
    tokens = Tokens.from_pytree(example.data, example.independence)
    lines = [
        line
        for line in draw_mask(tokens).splitlines()[1:]
        if not line.startswith("-")
    ]
    cells = [
        [c == "#" for c in line.partition("|")[2] if c in "#."]
        for line in lines
    ]
    np.testing.assert_array_equal(cells, tokens.self_attention_mask)


def test_draw_unknown_keys(tokens):
    """They are refused as elsewhere."""
    with pytest.raises(KeyError, match="Key 'ob' not found"):
        draw_mask(tokens, ["ob"])
    with pytest.raises(TypeError, match="Write \\['obs'\\]"):
        draw_mask(tokens, "obs")
