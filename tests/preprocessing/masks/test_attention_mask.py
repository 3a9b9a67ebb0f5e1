"""Attention mask: rules and padding combined, no empty row."""

import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from tfmpe import Tokens, concatenate_tokens

RULES = {
    "none": {},
    "local": {"local": ["obs", "theta"]},
    "cross": {"cross": [("obs", "mu"), ("obs", "theta"), ("obs", "obs")]},
    "cross_local": {"cross_local": [("theta", "obs", (0, 0))]},
    "alone": {
        "local": ["mu", "theta", "obs"],
        "cross": [
            (a, b)
            for a in ("mu", "theta", "obs")
            for b in ("mu", "theta", "obs")
        ],
    },
    "example": {
        "local": ["obs", "theta"],
        "cross": [("mu", "obs"), ("obs", "mu")],
        "cross_local": [("theta", "obs", (0, 0))],
    },
}
PADDING = {
    "none": None,
    "some": {"obs": np.array([[2, 2], [1, 2], [2, 1]])},
    "empty": {"obs": np.array([[2, 2], [0, 2], [0, 0]])},
    "nothing real": {
        "mu": np.array([[0], [1], [0]]),
        "theta": np.array([[0], [2], [0]]),
        "obs": np.array([[0, 0], [2, 2], [0, 1]]),
    },
}
SETS = {
    "self": (None, None),
    "theta to obs": (["mu", "theta"], ["obs"]),
    "obs to theta": (["obs"], ["mu", "theta"]),
    "overlap": (["obs", "mu"], ["mu", "obs"]),
}


def _case(rules, padding):
    return _tokens(RULES[rules], PADDING[padding])


def _tokens(rules, event_shapes):
    data = {
        "mu": np.zeros((3, 1, 1)),
        "theta": np.zeros((3, 2, 1)),
        "obs": np.zeros((3, 2, 2, 1)),
    }
    return Tokens.from_pytree(data, rules, event_shapes=event_shapes)


def _parts(tokens, sets):
    """Return query and key tokens, the mask's argument, and the rule mask."""
    query_keys, key_keys = SETS[sets]
    if query_keys is None:
        return tokens, tokens, None, tokens.self_attention_mask
    queries = tokens.select_tokens(query_keys)
    keys = tokens.select_tokens(key_keys)
    declared = tokens.cross_attention_mask(query_keys, key_keys)
    return queries, keys, keys, declared


every_case = pytest.mark.parametrize(
    ("rules", "padding"), [(r, p) for r in RULES for p in PADDING]
)


@every_case
def test_real_rows_follow_rules_and_padding(rules, padding):
    """A row with any allowed and real keys contains exactly those.

    Otherwise a real query attends to all real keys, if there are any.
    """
    tokens = _case(rules, padding)
    for sets, empty_rows in itertools.product(SETS, ("self", "all")):
        queries, keys, argument, declared = _parts(tokens, sets)
        mask = queries.attention_mask(argument, empty_rows=empty_rows)[:, 0]
        mask = np.broadcast_to(mask, (3, *mask.shape[1:]))
        query_real = np.asarray(queries.padding_mask)
        key_real = np.asarray(keys.padding_mask)
        for sample in range(3):
            for row in np.flatnonzero(query_real[sample]):
                allowed = declared[row] & key_real[sample]
                if allowed.any():
                    np.testing.assert_array_equal(mask[sample, row], allowed)
                elif key_real[sample].any():
                    assert not mask[sample, row][~key_real[sample]].any()


def test_rows_that_rules_empty_attend_to_themselves(picture):
    """By default, such a token attends to itself."""
    tokens = _tokens({"local": ["theta"], "cross": [("theta", "obs")]}, None)
    alone = _case("alone", "none")
    assert picture(alone.attention_mask()[0, 0]) == [
        "." * i + "#" + "." * (6 - i) for i in range(7)
    ]
    # theta still attends to mu, so its rows are not empty.
    assert picture(tokens.attention_mask()[0, 0]) == [
        "#######",
        "#......",
        "#......",
        *4 * ["#######"],
    ]


def test_rows_that_rules_empty_attend_to_all(picture):
    """On request, such a token attends to every real token."""
    sizes = {"obs": np.array([[2, 1]])}
    tokens = _tokens(
        {"cross": [("mu", key) for key in ("mu", "theta", "obs")]}, sizes
    )
    mask = tokens.attention_mask(empty_rows="all")
    assert picture(mask[0, 0])[0] == "####.#."
    mask = tokens.attention_mask(empty_rows="self")
    assert picture(mask[0, 0])[0] == "#......"


def test_between_views_an_empty_row_attends_to_all_real_keys(picture):
    """A token that is not among the keys cannot attend to itself."""
    tokens = _tokens({"cross": [("mu", "obs")]}, {"obs": np.array([[2, 1]])})
    queries = tokens.select_tokens(["mu", "theta"])
    keys = tokens.select_tokens(["obs"])
    for empty_rows in ("self", "all"):
        mask = queries.attention_mask(keys, empty_rows=empty_rows)
        assert picture(mask[0, 0]) == ["#.#.", "#.#.", "#.#."]


def test_empty_rows_can_be_an_error():
    """The error is for rows that rules leave empty, not for padding."""
    tokens = _tokens({"local": ["obs"], "cross": [("obs", "mu")]}, None)
    tokens.attention_mask(empty_rows="error")
    alone = _case("alone", "none")
    with pytest.raises(ValueError, match="7 of 7 tokens"):
        alone.attention_mask(empty_rows="error")
    padded = _case("example", "empty")
    mask = padded.attention_mask(empty_rows="error")
    assert mask.any(-1).all()


@pytest.mark.parametrize("dims", [(0, 0), None])
def test_cross_local_rules_both_ways(dims, picture):
    """The second key sees the first as the first key sees the second.

    Other rules still act only in the direction in which they are written.
    """
    tokens = Tokens.from_pytree(
        {
            "mu": np.zeros((1, 1, 1)),
            "theta": np.zeros((1, 2, 1)),
            "obs": np.zeros((1, 2, *(() if dims is None else (2,)), 1)),
        },
        {"cross": [("mu", "obs")], "cross_local": [("theta", "obs", dims)]},
    )
    obs = tokens.select_tokens(["obs"])
    parameters = tokens.select_tokens(["theta", "mu"])
    plain = obs.attention_mask(parameters)
    assert plain.all()
    mask = obs.attention_mask(parameters, both_ways=True)[0, 0]
    repeats = 1 if dims is None else 2
    assert picture(mask) == ["#.#"] * repeats + [".##"] * repeats
    np.testing.assert_array_equal(
        mask, tokens.self_attention_mask[3:][:, [1, 2, 0]]
    )
    np.testing.assert_array_equal(
        parameters.attention_mask(obs, both_ways=True),
        parameters.attention_mask(obs),
    )


def test_a_key_without_tokens():
    """Masks of views without tokens have no rows, also with padding."""
    for event_shapes in (None, {"obs": np.array([[1], [2]])}):
        tokens = Tokens.from_pytree(
            {"none": np.zeros((2, 0, 1)), "obs": np.zeros((2, 3, 1))},
            {},
            event_shapes=event_shapes,
        )
        n = 1 if event_shapes is None else 2
        none = tokens.select_tokens(["none"])
        obs = tokens.select_tokens(["obs"])
        assert none.attention_mask().shape == (n, 1, 0, 0)
        assert none.attention_mask(obs).shape == (n, 1, 0, 3)
        assert obs.attention_mask(none).shape == (n, 1, 3, 0)
        assert tokens.select_tokens([]).attention_mask().shape == (n, 1, 0, 0)


def test_itself_in_other_tokens_may_be_padding(picture):
    """A real query attends to real keys, also of other Tokens."""

    def build(size):
        return Tokens.from_pytree(
            {"a": np.zeros((1, 3, 1))},
            {"cross": [("a", "a")]},
            event_shapes={"a": np.array([[size]])},
        )

    mask = build(3).attention_mask(build(1))
    assert picture(mask[0, 0]) == ["#..", "#..", "#.."]


def test_several_sample_axes_are_flattened_to_one():
    """jax.nn.dot_product_attention needs one axis, even if there is none."""
    data = {"obs": np.zeros((2, 3, 4, 1))}
    sizes = {"obs": np.arange(6).reshape(2, 3, 1) % 5}
    tokens = Tokens.from_pytree(data, {}, sample_ndims=2, event_shapes=sizes)
    assert tokens.attention_mask().shape == (6, 1, 4, 4)
    one = jax.tree.map(lambda x: x[1, 2], tokens)
    assert one.attention_mask().shape == (1, 1, 4, 4)


@pytest.mark.parametrize("rules", ["example", "alone"])
@pytest.mark.parametrize("padding", ["none", "empty"])
def test_under_jit_and_vmap_as_in_eager_code(rules, padding):
    """Padding is traced, but rules are not."""

    def masks(tokens):
        result = []
        for sets in SETS:
            queries, _, argument, _ = _parts(tokens, sets)
            result.append(queries.attention_mask(argument))
        return result

    tokens = _case(rules, padding)
    expected = masks(tokens)
    for mask, traced, per_sample in zip(
        expected,
        jax.jit(masks)(tokens),
        jax.device_get(jax.jit(jax.vmap(masks))(tokens)),
        strict=True,
    ):
        np.testing.assert_array_equal(traced, mask)
        np.testing.assert_array_equal(
            per_sample[:, 0], np.broadcast_to(mask, per_sample[:, 0].shape)
        )


@jax.jit
def _attend(query, key, value, mask):
    return jax.nn.dot_product_attention(query, key, value, mask=mask)


@pytest.mark.parametrize("rules", ["example", "alone"])
@pytest.mark.parametrize("sets", SETS)
def test_forbidden_and_padded_keys_have_no_influence(rules, sets):
    """A change of their values does not change real outputs in any bit."""
    tokens = _case(rules, "some")
    queries, keys, argument, _ = _parts(tokens, sets)
    mask = queries.attention_mask(argument)
    rng = np.random.default_rng(0)

    def draw(n_tokens):
        return jnp.asarray(rng.normal(size=(3, n_tokens, 2, 4)), jnp.float32)

    query = draw(queries.n_tokens)
    key, value = draw(keys.n_tokens), draw(keys.n_tokens)
    before = np.asarray(_attend(query, key, value, mask))
    assert np.isfinite(before).all()
    for column in range(keys.n_tokens):
        changed = np.asarray(
            _attend(
                query,
                key.at[:, column].multiply(-50.0),
                value.at[:, column].add(1e6),
                mask,
            )
        )
        for sample in range(3):
            same = (changed[sample] == before[sample]).all((-2, -1))
            real = np.asarray(queries.padding_mask[sample])
            sees = np.asarray(mask[sample, 0, :, column])
            assert same[real & ~sees].all()
            assert not same[real & sees].any()


def test_padding_has_no_influence_after_joining():
    """Values of padding are -1e8, but must not affect attention."""
    small = Tokens.from_pytree({"obs": np.ones((1, 2, 1))}, {})
    large = Tokens.from_pytree({"obs": np.ones((1, 5, 1))}, {})
    joint = concatenate_tokens(small, large)
    x = jnp.repeat(joint.data[:, :, None], 2, axis=-1)
    out = _attend(x, x, x, joint.attention_mask())
    real = np.asarray(joint.padding_mask)
    np.testing.assert_array_equal(np.asarray(out)[real], 1.0)


def test_without_padding_the_mask_is_static():
    """It is a NumPy array that depends on the layout only."""
    mask = _case("example", "none").attention_mask()
    assert isinstance(mask, np.ndarray)
    assert mask.shape == (1, 1, 7, 7)
