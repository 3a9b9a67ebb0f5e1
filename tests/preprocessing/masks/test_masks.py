"""Declared masks, drawn by hand: ``#`` is allowed, ``.`` is not."""

import numpy as np
import pytest

from preprocessing.slices import slices_of
from tfmpe import Tokens, build_cross_attention_mask, build_self_attention_mask
from tfmpe.migrate import oracle


def _tokens(rules, **event_shapes):
    data = {
        key: np.zeros((2, *shape, 1)) for key, shape in event_shapes.items()
    }
    return Tokens.from_pytree(data, rules)


GAUSSIAN = [
    # mu, 3 thetas, 3 x 2 observations
    "####......",
    "#...##....",
    "#.....##..",
    "#.......##",
    ".#........",
    ".#........",
    "..#.......",
    "..#.......",
    "...#......",
    "...#......",
]
SEIR = [
    # beta_0, alpha, sigma, 3 A, 3 T_season, 3 phi, 3 x 2 observations
    "##################",
    "##################",
    "##################",
    "###...########....",
    "###...######..##..",
    "###...######....##",
    "######...#####....",
    "######...###..##..",
    "######...###....##",
    "#########...##....",
    "#########.....##..",
    "#########.......##",
    "####..#..#........",
    "####..#..#........",
    "###.#..#..#.......",
    "###.#..#..#.......",
    "###..#..#..#......",
    "###..#..#..#......",
]
PICTURES = {
    "hierarchical_gaussian": GAUSSIAN,
    "hierarchical_brownian": GAUSSIAN,
    "seir": SEIR,
}


def test_self_attention_mask_of_the_examples(example, picture):
    """Tokens and the low-level function agree."""
    tokens = Tokens.from_pytree(example.data, example.independence)
    assert picture(tokens.self_attention_mask) == PICTURES[example.name]
    mask = build_self_attention_mask(tokens.slices, example.independence)
    assert picture(mask) == PICTURES[example.name]


CROSS_PICTURES = {
    "hierarchical_gaussian": ["......", "##....", "..##..", "....##"],
    "hierarchical_brownian": ["......", "##....", "..##..", "....##"],
    "seir": 3 * ["######"] + 3 * ["##....", "..##..", "....##"],
}


def test_cross_attention_mask_of_the_examples(example, picture):
    """Parameters attend to observations, the direction of the rules."""
    tokens = Tokens.from_pytree(example.data, example.independence)
    mask = tokens.cross_attention_mask(list(example.theta), ["obs"])
    assert picture(mask) == CROSS_PICTURES[example.name]
    mask = build_cross_attention_mask(
        tokens.select_tokens(list(example.theta)).slices,
        tokens.select_tokens(["obs"]).slices,
        example.independence,
    )
    assert picture(mask) == CROSS_PICTURES[example.name]


def test_cross_attention_mask_the_other_way(example, picture):
    """Observations attend to parameters: only rules in this direction act."""
    tokens = Tokens.from_pytree(example.data, example.independence)
    mask = tokens.cross_attention_mask(["obs"], list(example.theta))
    expected = {"seir": 6 * ["############"]}
    assert picture(mask) == expected.get(example.name, 6 * [".###"])


def test_local_independence_closes_the_block_and_its_diagonal(picture):
    """Self-attention masks with `local` rules."""
    tokens = _tokens({"local": ["b"]}, a=(1,), b=(3,), c=(1,))
    assert picture(tokens.self_attention_mask) == [
        "#####",
        "#...#",
        "#...#",
        "#...#",
        "#####",
    ]


def test_local_rules_do_not_act_across(picture):
    """A `local` rule does not act between views, even of the same key."""
    tokens = _tokens({"local": ["b"]}, a=(1,), b=(2,))
    mask = tokens.cross_attention_mask(["b"], ["b", "a"])
    assert picture(mask) == ["###", "###"]


def test_cross_independence_closes_one_way(picture):
    """Self-attention and cross-attention masks with `cross` rules."""
    tokens = _tokens({"cross": [("a", "b")]}, a=(2,), b=(3,))
    assert picture(tokens.self_attention_mask) == [
        "##...",
        "##...",
        "#####",
        "#####",
        "#####",
    ]
    assert picture(tokens.cross_attention_mask(["a"], ["b"])) == 2 * ["..."]
    assert picture(tokens.cross_attention_mask(["b"], ["a"])) == 3 * ["##"]


def test_cross_rule_of_a_key_with_itself(picture):
    """The rule closes the key's block, in cross-attention as well."""
    tokens = _tokens({"cross": [("a", "a")]}, a=(2,), b=(1,))
    assert picture(tokens.self_attention_mask) == ["..#", "..#", "###"]
    assert picture(tokens.cross_attention_mask(["a"], ["a"])) == ["..", ".."]


def test_cross_local_rule_pairs_along_dimensions(picture):
    """One local parameter per site sees all observations of its site."""
    rules = {"cross_local": [("theta", "obs", (0, 0))]}
    tokens = _tokens(rules, theta=(2,), obs=(2, 3))
    assert picture(tokens.self_attention_mask) == [
        "#####...",
        "##...###",
        "#.######",
        "#.######",
        "#.######",
        ".#######",
        ".#######",
        ".#######",
    ]


def test_cross_local_rule_by_position(picture):
    """None pairs equal positions, whatever the shapes."""
    rules = {"cross_local": [("a", "b", None)]}
    tokens = _tokens(rules, a=(4,), b=(2, 2))
    mask = tokens.cross_attention_mask(["a"], ["b"])
    assert picture(mask) == ["#...", ".#..", "..#.", "...#"]


def test_pairing_is_a_product_where_legacy_pairs_elementwise(picture):
    """unit[g, u] sees all of obs[g, u, :], not only one token."""
    units, obs = slices_of(unit=(2, 2)), slices_of(obs=(2, 2, 2))
    by_group = {"cross_local": [("unit", "obs", (0, 0))]}
    assert picture(build_cross_attention_mask(units, obs, by_group)) == [
        "####....",
        "####....",
        "....####",
        "....####",
    ]
    by_unit = {"cross_local": [("unit", "obs", (1, 1))]}
    assert picture(build_cross_attention_mask(units, obs, by_unit)) == [
        "##..##..",
        "..##..##",
        "##..##..",
        "..##..##",
    ]
    with pytest.raises(IndexError):
        oracle.build_cross_attention_mask(units, obs, by_group)

    same = slices_of(obs=(2, 2))
    legacy = oracle.build_cross_attention_mask(units, same, by_group)
    assert picture(legacy == 1) == ["#...", ".#..", "..#.", "...#"]
    ours = build_cross_attention_mask(units, same, by_group)
    assert picture(ours) == ["##..", "##..", "..##", "..##"]


@pytest.mark.parametrize(
    ("dims", "same_as"),
    [((-1, -1), (1, 2)), ((-2, 0), (0, 0)), ((0, -3), (0, 0))],
)
def test_negative_dimensions_count_from_the_end(dims, same_as):
    """They count like negative indices."""
    a, b = slices_of(a=(2, 3)), slices_of(b=(2, 1, 3))

    def build(dims):
        return build_cross_attention_mask(
            a, b, {"cross_local": [("a", "b", dims)]}
        )

    np.testing.assert_array_equal(build(dims), build(same_as))
    assert not build(dims).all()


@pytest.mark.parametrize(
    ("dims", "expected"),
    [
        ((0, 0), ["##..", "##..", "..##", "..##"]),
        ((0, 1), ["###.", "#.##", "##.#", ".###"]),
        (None, ["#...", ".#..", "..#.", "...#"]),
    ],
)
def test_cross_local_rule_of_a_key_with_itself(dims, expected, picture):
    """Both directions of the rule are open in one block."""
    rules = {"cross_local": [("w", "w", dims)]}
    mask = build_self_attention_mask(slices_of(w=(2, 2)), rules)
    assert picture(mask) == expected


def test_rules_act_in_a_fixed_order(picture):
    """The order is cross, local, cross_local, which reopens closed blocks."""
    rules = {
        "cross_local": [("a", "b", (0, 0)), ("b", "b", None)],
        "local": ["b"],
        "cross": [("a", "b"), ("b", "a")],
    }
    expected = ["###.", "##.#", "#.#.", ".#.#"]
    tokens = _tokens(rules, a=(2,), b=(2,))
    assert picture(tokens.self_attention_mask) == expected
    backwards = dict(reversed(rules.items()))
    tokens = _tokens(backwards, a=(2,), b=(2,))
    assert picture(tokens.self_attention_mask) == expected


def test_a_later_cross_local_rule_overwrites_an_earlier_one(picture):
    """It overwrites the same pair of blocks, in both directions."""
    first, second = ("a", "b", (0, 0)), ("b", "a", (1, 0))
    tokens = _tokens({"cross_local": [first, second]}, a=(2,), b=(2, 2))
    assert picture(tokens.self_attention_mask[:2, 2:]) == ["#.#.", ".#.#"]
    tokens = _tokens({"cross_local": [second, first]}, a=(2,), b=(2, 2))
    assert picture(tokens.self_attention_mask[:2, 2:]) == ["##..", "..##"]


def test_no_rules_allow_everything():
    """Empty lists of rules do the same."""
    for rules in ({}, None, {"local": [], "cross": [], "cross_local": []}):
        assert _tokens(rules, a=(2,), b=(3,)).self_attention_mask.all()


def test_blocks_follow_in_written_order_whatever_the_offsets(picture):
    """Some of the slices of a larger layout may be passed unchanged."""
    slices = slices_of(a=(1,), b=(2,), c=(1,))
    part = {"c": slices["c"], "b": slices["b"]}
    mask = build_self_attention_mask(part, {"local": ["b"]})
    assert picture(mask) == ["###", "#..", "#.."]


def test_sizes_of_zero_and_no_event_axes(picture):
    """A size of 0 gives no rows; an empty event shape gives one token."""
    rules = {
        "local": ["none"],
        "cross": [("one", "two")],
        "cross_local": [("none", "empty", (0, 1)), ("one", "one", None)],
    }
    slices = slices_of(one=(), none=(0, 2), two=(2,), empty=(3, 0))
    mask = build_self_attention_mask(slices, rules)
    assert picture(mask) == ["#..", "###", "###"]
    assert build_self_attention_mask({}, {}).shape == (0, 0)
