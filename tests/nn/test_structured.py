"""Structured attention compared with dense masked softmax, for any rules."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from nightly import some_of
from tfmpe import Tokens
from tfmpe.nn import structured_attention


def random_case(seed):
    """Return tokens with random keys, sizes, rules and padding."""
    rng = np.random.default_rng(seed)
    groups = int(rng.integers(1, 5))
    names = [f"k{i}" for i in range(rng.integers(1, 6))]
    shapes = {}
    for name in names:
        shape = [groups] if rng.random() < 0.7 else [1]
        if rng.random() < 0.4:
            shape.insert(int(rng.integers(2)), int(rng.integers(1, 4)))
        shapes[name] = tuple(shape)
    rules = {"local": [], "cross": [], "cross_local": []}
    for a in names:
        if rng.random() < 0.3:
            rules["local"].append(a)
        for b in names:
            if rng.random() < 0.15:
                rules["cross"].append((a, b))
            pairs = [
                (i, j)
                for i, n in enumerate(shapes[a])
                for j, m in enumerate(shapes[b])
                if n == m
            ]
            if np.prod(shapes[a]) == np.prod(shapes[b]):
                pairs.append(None)
            if pairs and rng.random() < 0.5:
                pair = pairs[rng.integers(len(pairs))]
                rules["cross_local"].append((a, b, pair))
    # A ragged key: each token has a group.
    ids = rng.integers(groups, size=rng.integers(0, 9))
    names.append("long")
    shapes["long"] = (len(ids),)
    dims = {
        n: ("group",)
        for n, s in shapes.items()
        if s == (groups,) and n != "long"
    }
    for name in dims:
        if rng.random() < 0.5:
            rules["cross_local"].append((name, "long", "group"))
    if rng.random() < 0.5:
        rules["cross_local"].append(("long", "long", "group"))
    data = {n: rng.normal(size=(2, *shapes[n], 1)) for n in names}
    sizes = None
    if rng.random() < 0.6:
        sizes = {
            name: rng.integers(
                0, np.array(shapes[name]) + 1, (2, len(shapes[name]))
            )
            for name in names
            if rng.random() < 0.7
        } or None
    tokens = Tokens.from_pytree(
        data,
        rules,
        event_shapes=sizes,
        dims=dims,
        groups={"long": {"group": ids}},
    )
    return tokens, rng


def dense(query, key, value, mask):
    """Return the masked softmax by its definition."""
    scores = jnp.einsum("rqhd,rkhd->rhqk", query, key) / query.shape[-1] ** 0.5
    weights = jax.nn.softmax(jnp.where(mask, scores, -jnp.inf), -1)
    return jnp.einsum("rhqk,rkhd->rqhd", weights, value)


def compare(queries, keys, rng, *, gradients=False, **options):
    """Compare both implementations for the same random vectors."""
    among = keys is queries
    mask = queries.attention_mask(None if among else keys, **options)
    plan = queries.attention_plan(None if among else keys, **options)
    vectors = [
        jnp.asarray(rng.normal(size=(2, n, 2, 3)), jnp.float32)
        for n in (queries.n_tokens, keys.n_tokens, keys.n_tokens)
    ]

    @jax.jit
    def structured(*vectors):
        return structured_attention(
            *vectors,
            plan,
            query_real=queries.padding,
            key_real=keys.padding if not among else queries.padding,
        )

    @jax.jit
    def plain(*vectors):
        return dense(*vectors, mask)

    np.testing.assert_allclose(
        structured(*vectors), plain(*vectors), atol=1e-5, rtol=1e-5
    )
    if gradients:
        weights = jnp.asarray(rng.normal(size=vectors[0].shape), jnp.float32)

        def gradient(attend):
            def loss(*vectors):
                return (attend(*vectors) * weights).sum()

            return jax.jit(jax.grad(loss, (0, 1, 2)))(*vectors)

        got, wanted = gradient(structured), gradient(plain)
        for a, b in zip(got, wanted, strict=True):
            np.testing.assert_allclose(a, b, atol=1e-5, rtol=1e-4)
    return plan


@pytest.mark.parametrize("seed", some_of(range(20), range(3), "random cases"))
def test_is_the_dense_masked_softmax(seed):
    tokens, rng = random_case(seed)
    compare(tokens, tokens, rng, gradients=seed % 4 == 0)
    compare(tokens, tokens, rng, empty_rows="all")
    names = [str(name) for name in rng.permutation(tokens.key_order)]
    some = tokens.select_tokens(names[: len(names) // 2 + 1])
    others = tokens.select_tokens(names[len(names) // 2 :])
    both_ways = bool(rng.integers(2))
    compare(some, others, rng, gradients=seed % 4 == 1, both_ways=both_ways)


def seir_like(n_sites, n_samples=1):
    """Return tokens whose local keys of the same site see one another."""
    shapes = {"mu": (3,), "a": (n_sites,), "b": (n_sites,), "obs": (n_sites, 5)}
    keys = ["a", "b", "obs"]
    pairs = [(x, y, (0, 0)) for i, x in enumerate(keys) for y in keys[i:]]
    data = {
        name: np.zeros((n_samples, *shape, 1), np.float32)
        for name, shape in shapes.items()
    }
    return Tokens.from_pytree(data, {"cross_local": pairs})


def test_what_is_computed_follows_the_open_pairs():
    small, large = (seir_like(n).attention_plan() for n in (10, 100))
    assert small.n_pairs == seir_like(10).self_attention_mask.sum()
    assert large.n_pairs == seir_like(100).self_attention_mask.sum()
    assert large.n_bytes < 11 * small.n_bytes


def test_keys_with_the_same_rules_are_one_block():
    """Therefore, compilation time does not grow with the number of keys."""

    def plan(n_keys):
        names = [f"k{i}" for i in range(n_keys)]
        pairs = [(a, b, (0, 0)) for a in names for b in names if a < b]
        rules = {"local": names, "cross_local": pairs}
        data = {name: np.zeros((1, 4, 1)) for name in names}
        return Tokens.from_pytree(data, rules).attention_plan()

    assert len(plan(3).blocks) == len(plan(30).blocks) == 1


@pytest.mark.parametrize("sizes", [None, np.array([[5, 2], [0, 3]])])
def test_large_blocks_are_computed_in_parts(sizes, monkeypatch):
    """Numbers and gradients are the same, with less memory; also if padded."""
    rng = np.random.default_rng(0)
    tokens = Tokens.from_pytree(
        {"mu": np.zeros((2, 4, 1)), "obs": np.zeros((2, 7, 3, 1))},
        {"cross_local": [("obs", "obs", (0, 0))]},
        event_shapes=None if sizes is None else {"obs": sizes},
    )
    tokens = jax.tree.map(np.asarray, tokens)
    monkeypatch.setattr("tfmpe.nn._structured.MAX_SCORES", 40)
    compare(tokens, tokens, rng, gradients=True)


@pytest.mark.parametrize("padded", [False, True])
@pytest.mark.parametrize("views", [False, True])
def test_no_square_of_the_tokens_is_compiled(views, padded):
    """With padding, masks are computed in small parts."""
    n_sites = 97
    tokens = Tokens.from_pytree(
        {"a": np.zeros((2, n_sites, 1)), "b": np.zeros((2, n_sites, 1))},
        {"cross_local": [(x, y, (0, 0)) for x, y in ("aa", "ab", "bb")]},
        event_shapes={"b": np.array([[n_sites], [3]])} if padded else None,
    )
    queries = tokens.select_tokens(["a"]) if views else tokens
    keys = tokens.select_tokens(["b"]) if views else tokens
    plan = queries.attention_plan(keys if views else None)

    @jax.checkpoint
    def attend(x, y, query_real, key_real):
        return structured_attention(
            x, y, y, plan, query_real=query_real, key_real=key_real
        )

    def loss(x, y):
        return (attend(x, y, queries.padding, keys.padding) ** 2).sum()

    vectors = [jnp.ones((2, n, 2, 3)) for n in (plan.n_query, plan.n_key)]
    text = jax.jit(jax.grad(loss)).lower(*vectors).compile().as_text()
    assert f"{plan.n_query},{plan.n_key}]" not in text


def test_no_keys_or_no_queries_are_nothing():
    tokens = Tokens.from_pytree(
        {"a": np.zeros((1, 2, 1)), "b": np.zeros((1, 0, 1))}, {}
    )
    a, b = (tokens.select_tokens([name]) for name in "ab")
    some, none = jnp.ones((1, 2, 1, 3)), jnp.ones((1, 0, 1, 3))
    assert not structured_attention(some, none, none, a.attention_plan(b)).any()
    plan = b.attention_plan(a)
    assert structured_attention(none, some, some, plan).shape == none.shape


def test_padding_of_other_tokens_is_refused():
    """Otherwise it would be read beyond its end."""
    plan = seir_like(2).attention_plan(seir_like(2))
    x, short = jnp.zeros((1, 17, 1, 1)), np.ones((1, 4), bool)
    message = r"key_real has shape \(1, 4\), expected \(1, 17\)"
    with pytest.raises(ValueError, match=message):
        structured_attention(x, x, x, plan, key_real=short)
    with pytest.raises(ValueError, match="query_real has shape"):
        structured_attention(x, x, x, plan, query_real=np.ones((2, 17), bool))
    with pytest.raises(ValueError, match="query has 4 tokens, but the plan"):
        structured_attention(x[:, :4], x, x, plan)


def test_under_jit_vmap_remat_and_in_bfloat16():
    tokens = seir_like(6)
    plan = tokens.attention_plan()
    x = jax.random.normal(jax.random.key(0), (3, 2, tokens.n_tokens, 2, 4))

    @jax.jit
    def attend(x):
        return structured_attention(x, x, x, plan)

    wanted = jnp.stack([attend(row) for row in x])
    for way in (jax.vmap(attend), jax.jit(jax.vmap(jax.checkpoint(attend)))):
        np.testing.assert_allclose(way(x), wanted, atol=1e-6)
    half = attend(x[0].astype(jnp.bfloat16))
    assert half.dtype == jnp.bfloat16
    np.testing.assert_allclose(half.astype(float), wanted[0], atol=0.03)
