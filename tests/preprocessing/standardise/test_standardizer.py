"""Standardizer: laws, jax transforms, numerics and refusals."""

import math
from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from strategies import SEEDS, cases
from tfmpe import Standardizer, Tokens, UnknownKeyError, concatenate_tokens

LOG = (jnp.log, jnp.exp)
LOGIT = (
    jax.scipy.special.logit,
    jax.nn.sigmoid,
    lambda x: -jnp.log(x) - jnp.log1p(-x),
)
BIJECTORS = {"sigma": LOG, "rate": LOGIT}

pytestmark = pytest.mark.filterwarnings("ignore:Warning. Batch size padding")


def _tokens(seed=0, n=(5,), sites=3, times=2, padded=True, obs_width=1):
    """Build tokens of every kind: plain, wide, positive, in (0, 1)."""
    rng = np.random.default_rng(seed)
    data = {
        "mu": rng.normal(5, 3, (*n, 1, 1)),
        "sigma": rng.lognormal(1, 0.5, (*n, sites, 1)),
        "site": {"place": rng.normal([-2, 70], [1, 9], (*n, sites, 2))},
        "rate": rng.uniform(0.1, 0.9, (*n, 1, 1)),
        "obs": rng.normal(-40, 8, (*n, sites, times, obs_width)),
    }
    data = jax.tree.map(np.float32, data)
    sizes = {}
    if padded:
        sizes = {
            "sigma": rng.integers(0, sites, (*n, 1), endpoint=True),
            "obs": rng.integers(0, [sites, times], (*n, 2), endpoint=True),
        }
        # At least one token of every key is real.
        for size, full in (("sigma", sites), ("obs", [sites, times])):
            sizes[size].reshape(-1, sizes[size].shape[-1])[0] = full
    return Tokens.from_pytree(
        data, {}, sample_ndims=len(n), event_shapes=sizes or None
    )


# Few sizes, because each is compiled.
SIZES = [
    {"n": (5,), "sites": 3, "times": 2},
    {"n": (2, 2), "sites": 2, "times": 3, "obs_width": 3},
    {"n": (1,), "sites": 1, "times": 1, "obs_width": 2, "padded": False},
]
SOME_TOKENS = st.tuples(SEEDS, st.sampled_from(SIZES))
SOME_BIJECTORS = st.sampled_from([{}, BIJECTORS])


def _build(drawn):
    # Not in the strategy, which must not draw random numbers.
    seed, sizes = drawn
    return jax.device_get(_tokens(seed, **sizes))


def _real(tokens):
    """Return which values are real: no padded tokens or empty columns."""
    real = np.zeros(tokens.data.shape, bool)
    for key in tokens.layout.keys:
        real[..., key.block, : key.width] = True
    return real & np.asarray(tokens.padding_mask)[..., None]


def _poisoned(tokens, fill):
    data = np.where(_real(tokens), tokens.data, np.float32(fill))
    return replace(tokens, data=data)


def _key_values(tokens):
    """Yield every key with its real values, (n, width), in float64."""
    data, real = np.asarray(tokens.data, float), tokens.padding_mask
    for key in tokens.layout.keys:
        chosen = np.asarray(real)[..., key.block]
        yield key, data[..., key.block, : key.width][chosen]


@jax.jit
def _compute(standardizer, tokens):
    standard = standardizer.forward(tokens)
    return (
        standard,
        standardizer.inverse(standard),
        standardizer.log_det(tokens),
    )


def _there_and_back(standardizer, tokens):
    return jax.device_get(_compute(standardizer, tokens))


@given(SOME_TOKENS, SOME_BIJECTORS)
@cases(60)
def test_inverse_undoes_forward(drawn, bijectors):
    tokens = _build(drawn)
    standardizer = Standardizer.fit(tokens, bijectors=bijectors)
    standard, back, _ = _there_and_back(standardizer, tokens)
    assert standard.layout == back.layout == tokens.layout
    assert standard.data.dtype == back.data.dtype == jnp.float32
    real = _real(tokens)
    for result in (standard, back):
        np.testing.assert_array_equal(
            result.data[~real], tokens.data[~real], strict=True
        )
    # Tolerance for a few float32 roundings up to 100; larger for exp and log.
    np.testing.assert_allclose(
        back.data[real], tokens.data[real], rtol=1e-5, atol=2e-5
    )


@given(SOME_TOKENS, SOME_BIJECTORS)
@cases(60)
def test_fitted_values_get_mean_0_and_standard_deviation_1(drawn, bijectors):
    tokens = _build(drawn)
    standardizer = Standardizer.fit(tokens, bijectors=bijectors)
    standard, _, _ = _there_and_back(standardizer, tokens)
    for key, values in _key_values(standard):
        several = len(values) > 1
        np.testing.assert_allclose(values.mean(0), 0, atol=1e-4)
        np.testing.assert_allclose(values.std(0), float(several), rtol=1e-4)
        assert values.shape[1] == key.width


@jax.jit
def _jacobian(standardizer, tokens):
    return jax.jacobian(
        lambda data: standardizer.forward(replace(tokens, data=data)).data
    )(tokens.data)


@given(SOME_TOKENS, SOME_BIJECTORS)
@cases(20)
def test_log_det_is_that_of_the_dense_jacobian(drawn, bijectors):
    tokens = _build(drawn)
    standardizer = Standardizer.fit(tokens, bijectors=bijectors)
    _, _, found = _there_and_back(standardizer, tokens)
    assert found.shape == tokens.sample_shape
    sample = (0,) * len(tokens.sample_shape)
    one = jax.tree.map(lambda x: x[sample], tokens)
    real = _real(one).ravel()
    jacobian = _jacobian(standardizer, one).reshape(real.size, real.size)
    wanted = np.linalg.slogdet(np.float64(jacobian)[real][:, real])
    # Tolerance for a sum of up to 25 terms of order 1.
    np.testing.assert_allclose(
        found[sample], wanted.logabsdet, rtol=1e-4, atol=1e-4
    )


@jax.jit
def _all_of_it(standardizer, tokens, real):
    """Return results at real values, and gradients of a loss of them."""

    def results(standardizer, data):
        given = replace(tokens, data=data)
        there, back = standardizer.forward(given), standardizer.inverse(given)
        masked = [jnp.where(real, t.data, 0) for t in (there, back)]
        return *masked, standardizer.log_det(given)

    def loss(*arguments):
        there, back, log_det = results(*arguments)
        return (there**2).sum() + jnp.tanh(back / 100).sum() + log_det.sum()

    gradients = jax.grad(loss, (0, 1))(standardizer, tokens.data)
    return *results(standardizer, tokens.data), *gradients


@pytest.mark.slow
@given(
    SOME_TOKENS,
    st.sampled_from([math.nan, math.inf, -math.inf, 0.0, -1.0, 1e30]),
)
@cases(40)
def test_what_padding_holds_changes_nothing(drawn, fill):
    tokens = _build(drawn)
    poisoned = _poisoned(tokens, fill)
    real = _real(tokens)
    before = Standardizer.fit(tokens, bijectors=BIJECTORS)
    after = Standardizer.fit(poisoned, bijectors=BIJECTORS)
    jax.tree.map(np.testing.assert_array_equal, before, after)

    found, wanted = (
        jax.device_get(_all_of_it(before, t, real)) for t in (poisoned, tokens)
    )
    jax.tree.map(np.testing.assert_array_equal, found, wanted)
    assert all(np.isfinite(x).all() for x in jax.tree.leaves(found))
    *_, slopes = found
    assert slopes[real].any()
    assert not slopes[~real].any()
    for method in (before.forward, before.inverse):
        left = np.asarray(method(poisoned).data)[~real]
        np.testing.assert_array_equal(left, np.full_like(left, fill))


@given(SOME_TOKENS, st.randoms(use_true_random=False))
@cases(30)
def test_order_of_samples_does_not_matter(drawn, random):
    tokens = _build(drawn)
    rows = list(range(tokens.sample_shape[0]))
    random.shuffle(rows)
    shuffled = jax.tree.map(lambda x: x[np.array(rows)], tokens)
    jax.tree.map(
        lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-6, atol=1e-7),
        Standardizer.fit(shuffled, bijectors=BIJECTORS),
        Standardizer.fit(tokens, bijectors=BIJECTORS),
    )


@pytest.mark.slow
def test_other_samples_and_event_shapes():
    """Statistics belong to keys, so numbers of tokens may differ."""
    fitted = _tokens(padded=False)
    standardizer = Standardizer.fit(fitted, bijectors=BIJECTORS)
    large = _tokens(1, (4,), sites=6, times=5, padded=False)
    joined = jax.device_get(concatenate_tokens(fitted, large))
    assert joined.padding is not None
    for tokens in (fitted, large):
        n = tokens.sample_shape[0]
        part = slice(0, 5) if tokens is fitted else slice(5, 9)
        alone = standardizer.forward(tokens)
        assert alone.sample_shape == (n,)
        both = standardizer.forward(joined)
        real = np.asarray(both.padding_mask[part])
        np.testing.assert_array_equal(
            np.asarray(both.data)[part][real].reshape(alone.data.shape),
            alone.data,
        )
        np.testing.assert_allclose(
            np.asarray(standardizer.log_det(joined))[part],
            standardizer.log_det(tokens),
            rtol=1e-5,
        )


def test_keys_are_found_by_name():
    tokens = _tokens(padded=False)
    standardizer = Standardizer.fit(tokens, bijectors=BIJECTORS)
    names = tokens.key_order[::-1]
    turned = tokens.select_tokens(names).to_tokens()
    np.testing.assert_array_equal(
        standardizer.forward(turned).data,
        standardizer.forward(tokens).select_tokens(names).data,
    )


def test_view_changes_its_own_keys_alone():
    tokens = _tokens()
    names = ["obs", "sigma"]
    view = tokens.select_tokens(names)
    standardizer = Standardizer.fit(view, bijectors={"sigma": LOG})
    standard = standardizer.forward(view)
    assert standard.selected_keys == ("obs", "sigma")
    assert standard.root is tokens.layout
    for name in tokens.key_order:
        before, after = (
            t.select_tokens([name]) for t in (tokens, standard.parent)
        )
        changed = not np.array_equal(before.data, after.data)
        assert changed == (name in names)
    np.testing.assert_array_equal(
        standard.data, standardizer.forward(view.to_tokens()).data
    )
    rest = standard.parent.select_tokens(["mu", "site/place"])
    assert standard.attention_mask(rest).shape == (5, 1, 9, 4)
    whole = Standardizer.fit(tokens, bijectors=BIJECTORS)
    parts = [whole.log_det(tokens.select_tokens([k])) for k in tokens.key_order]
    np.testing.assert_allclose(sum(parts), whole.log_det(tokens), rtol=1e-5)


@pytest.mark.parametrize("numpy", [True, False])
def test_arrays_of_draws(numpy):
    """They have leading sample axes before those of the tokens."""
    tokens = _tokens()
    standardizer = Standardizer.fit(tokens, bijectors=BIJECTORS)
    view = tokens.select_tokens(["sigma", "mu"])
    standard = standardizer.forward(view)
    draws = np.stack([standard.data] * 7)
    draws = draws if numpy else jnp.asarray(draws)
    back = standardizer.inverse(draws, like=view)
    assert isinstance(back, jax.Array)
    assert back.shape == (7, 5, 4, 2)
    # Draws may be compiled differently from their tokens.
    np.testing.assert_allclose(
        back, np.stack([standardizer.inverse(standard).data] * 7), rtol=1e-6
    )
    np.testing.assert_allclose(
        standardizer.forward(back, like=view), draws, rtol=1e-5, atol=1e-5
    )
    np.testing.assert_allclose(
        standardizer.log_det(back, like=view),
        np.stack([standardizer.log_det(view)] * 7),
        rtol=1e-5,
    )
    narrow = standardizer.inverse(draws[..., :1], like=view)
    np.testing.assert_array_equal(narrow, back[..., :1])


def test_density_of_the_original_values_integrates_to_1():
    tokens = _tokens(padded=False)
    standardizer = Standardizer.fit(tokens, bijectors=BIJECTORS)
    grids = {
        "mu": np.linspace(-40, 50, 40_001),
        "sigma": np.geomspace(1e-5, 1e5, 40_001),
        "rate": np.linspace(1e-6, 1 - 1e-6, 40_001),
    }
    for name, grid in grids.items():
        tree = {name: np.float32(grid[:, None, None])}
        points = Tokens.from_pytree(tree, {})
        z = np.asarray(standardizer.forward(points).data, float)[:, 0, 0]
        log_density = -(z**2) / 2 - math.log(2 * math.pi) / 2
        log_density += np.asarray(standardizer.log_det(points), float)
        total = np.trapezoid(np.exp(log_density), grid)
        assert total == pytest.approx(1, abs=1e-3), name


def test_one_compilation_for_equal_layouts():
    traces = []

    @jax.jit
    def there_and_back(standardizer, tokens):
        traces.append(1)
        return _compute(standardizer, tokens)

    for seed in (0, 1):
        tokens = _tokens(seed)
        standardizer = Standardizer.fit(tokens, bijectors=BIJECTORS)
        there_and_back(standardizer, tokens)
        there_and_back(standardizer, standardizer.forward(tokens))
    assert len(traces) == 1
    there_and_back(Standardizer.fit(tokens), tokens)
    assert len(traces) == 2


def test_pytree():
    standardizer = Standardizer.fit(_tokens(), bijectors=BIJECTORS)
    paths, _ = jax.tree_util.tree_flatten_with_path(standardizer)
    names = [jax.tree_util.keystr(path) for path, _ in paths]
    assert names == [".mean", ".shift", ".scale"]
    assert jax.tree.map(lambda x: None, standardizer).keys == standardizer.keys
    rebuilt = jax.tree.map(lambda x: x + 0, standardizer)
    jax.tree.map(np.testing.assert_array_equal, rebuilt, standardizer)
    other = Standardizer.fit(_tokens(3), bijectors=BIJECTORS)
    assert other.keys == standardizer.keys
    assert hash(other.keys) == hash(standardizer.keys)


def test_vmap_over_samples_and_over_standardizers():
    tokens = _tokens()
    fits = [Standardizer.fit(_tokens(s), bijectors=BIJECTORS) for s in (0, 1)]
    stack = jax.tree.map(lambda *x: np.stack(x), *fits)

    def there(standardizer, given):
        standard = standardizer.forward(given)
        back = standardizer.inverse(standard)
        return standard.data, back.data, standardizer.log_det(given)

    samples = jax.jit(jax.vmap(there, (None, 0)))(fits[0], tokens)
    both = jax.jit(jax.vmap(there, (0, None)))(stack, tokens)
    for number, one in enumerate(fits):
        wanted = there(one, tokens)
        found = [x[number] for x in jax.device_get(both)]
        for results in [found] if number else [found, samples]:
            for a, b in zip(results, wanted, strict=True):
                np.testing.assert_allclose(a, b, rtol=2e-5, atol=1e-5)


# Numerical edge cases.


@pytest.mark.parametrize("jit", [False, True])
@pytest.mark.parametrize("offset", [1e6, -3e6, 0.0])
def test_large_offset(offset, jit):
    rng = np.random.default_rng(0)
    values = np.float32(offset + rng.normal(0, 1, (4_000, 5, 1)))
    tokens = Tokens.from_pytree({"obs": values}, {})
    standardizer = Standardizer.fit(tokens)
    exact, scale = values.astype(float).mean(), values.astype(float).std()
    mean, shift = (
        float(x.item()) for x in (standardizer.mean, standardizer.shift)
    )
    assert abs(mean + shift * scale - exact) < 1e-6 * scale
    assert standardizer.scale.item() == pytest.approx(scale, rel=1e-6)
    forward = standardizer.forward
    # Closed over, so that the compiler may fold the constants.
    standard = (jax.jit(forward) if jit else forward)(tokens)
    result = np.asarray(standard.data, float)
    assert abs(result.mean()) < 1e-6
    assert result.std() == pytest.approx(1, abs=1e-6)
    back = standardizer.inverse(standard).data
    np.testing.assert_allclose(back, values, rtol=2e-7, atol=1e-6)


@pytest.mark.parametrize("value", [0.0, 0.1, -1e6, 1e-40, 3e38])
def test_constant_key_gets_scale_1(value):
    values = np.full((7, 3, 2), value, np.float32)
    values[..., 1] = np.arange(21.0).reshape(7, 3)
    tokens = Tokens.from_pytree({"obs": values}, {})
    standardizer = Standardizer.fit(tokens)
    assert standardizer.scale[0, 0] == 1
    assert standardizer.scale[0, 1] == pytest.approx(np.arange(21).std())
    standard = standardizer.forward(tokens)
    np.testing.assert_allclose(standard.data[..., 0], 0, atol=1e-7)
    # Compiled code flushes the smallest numbers to 0.
    back = standardizer.inverse(standard).data[..., 0]
    np.testing.assert_allclose(back, values[..., 0], rtol=0, atol=1e-39)


def test_constant_up_to_rounding():
    """Differences of one rounding are not scaled up."""
    values = np.full((6, 1, 1), 0.1, np.float32)
    values[0] = np.nextafter(values[0], np.float32(1))
    tokens = Tokens.from_pytree({"obs": values}, {})
    assert Standardizer.fit(tokens).scale.item() == 1


def test_scale_too_small_for_compiled_code():
    values = np.float32(1e-40) * np.arange(6, dtype=np.float32)
    tokens = Tokens.from_pytree({"obs": values[:, None, None]}, {})
    standardizer = Standardizer.fit(tokens)
    assert standardizer.scale.item() == 1
    assert np.isfinite(standardizer.forward(tokens).data).all()


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_half_precision(dtype):
    """Statistics are in float32; tokens keep their dtype."""
    tokens = _tokens()
    half = replace(tokens, data=tokens.data.astype(dtype))
    standardizer = Standardizer.fit(half, bijectors=BIJECTORS)
    assert standardizer.mean.dtype == jnp.float32
    standard = standardizer.forward(half)
    assert standard.data.dtype == dtype
    assert standardizer.log_det(half).dtype == jnp.float32
    back, before = standardizer.inverse(standard).data, half.data
    back, before, real = np.float32(back), np.float32(before), _real(tokens)
    np.testing.assert_array_equal(back[~real], before[~real])
    eps = float(jnp.finfo(dtype).eps)
    np.testing.assert_allclose(
        back[real], before[real], rtol=4 * eps, atol=40 * eps
    )


@pytest.mark.slow
def test_float64(x64):
    with x64():
        tokens = _tokens()
        wide = replace(tokens, data=tokens.data.astype(float))
        standardizer = Standardizer.fit(wide, bijectors=BIJECTORS)
        assert standardizer.mean.dtype == standardizer.scale.dtype == float
        standard = standardizer.forward(wide)
        assert standardizer.log_det(wide).dtype == float
        back, before = standardizer.inverse(standard).data, wide.data
        back, before, real = np.asarray(back), np.asarray(before), _real(wide)
        assert back.dtype == before.dtype == float
        np.testing.assert_allclose(back[real], before[real], rtol=1e-12)
        assert standardizer.forward(tokens).data.dtype == jnp.float32


@pytest.mark.parametrize("shape", [(3, 2, 0), (3, 1, 1)])
def test_odd_sizes(shape):
    data = {"obs": np.ones(shape, np.float32), "mu": np.ones((3, 1, 2))}
    tokens = Tokens.from_pytree(data, {})
    alone = tokens.select_tokens(["obs"]).to_tokens()
    for given_tokens in (tokens, alone, tokens.select_tokens(["obs"])):
        standardizer = Standardizer.fit(given_tokens)
        there = standardizer.forward(given_tokens)
        assert there.data.shape == given_tokens.data.shape
        np.testing.assert_array_equal(standardizer.log_det(given_tokens), 0)


def test_no_sample_axes():
    tokens = Tokens.from_pytree({"obs": np.arange(4.0)[:, None]}, {}, None, 0)
    standardizer = Standardizer.fit(tokens)
    assert standardizer.mean.item() == 1.5
    assert standardizer.log_det(tokens).shape == ()


# Refusals.


@pytest.fixture
def plain():
    return Tokens.from_pytree(
        {"mu": np.ones((4, 1, 1)), "obs": np.ones((4, 2, 1))}, {}
    )


def _message(caught):
    return "\n".join([str(caught.value), *caught.value.__notes__])


def test_keys_that_were_not_fitted(plain):
    standardizer = Standardizer.fit(plain.select_tokens(["mu"]))
    for method in (
        standardizer.forward,
        standardizer.inverse,
        standardizer.log_det,
    ):
        with pytest.raises(UnknownKeyError) as caught:
            method(plain)
        assert _message(caught) == (
            "Key 'obs' not found. Available keys: ['mu']\n"
            "The standardizer was fitted to these keys; select only them with "
            "tokens.select_tokens."
        )


def test_bijector_of_an_unknown_key(plain):
    with pytest.raises(UnknownKeyError) as caught:
        Standardizer.fit(plain, bijectors={"ob": LOG})
    assert _message(caught) == (
        "Key 'ob' not found. Available keys: ['mu', 'obs']\nDid you mean 'obs'?"
    )


def test_values_that_are_not_finite():
    data = {
        "mu": np.array([1, np.nan, np.inf])[:, None, None],
        "sigma": np.array([1.0, 0.0, -1.0])[:, None, None],
        "none": np.zeros((3, 0, 1)),
        "obs": np.ones((3, 1, 1)),
    }
    tokens = Tokens.from_pytree(data, {})
    with pytest.raises(ValueError, match="Cannot fit") as caught:
        Standardizer.fit(tokens, bijectors={"sigma": LOG})
    assert str(caught.value) == (
        "Cannot fit a standardizer:\n"
        "  - 'mu' has 3 values, 2 of which are NaN or infinite, in 2 of 3 "
        "samples; correct the simulator, or train without these samples: "
        "tokens[finite]\n"
        "  - 'sigma' has 3 values, 2 of which lie outside the support "
        "of its bijector, which makes them NaN or infinite\n"
        "  - 'none' has no tokens other than padding"
    )


def test_integers_are_refused(plain):
    standardizer = Standardizer.fit(plain)
    whole = replace(plain, data=plain.data.astype(int))
    for call in (Standardizer.fit, standardizer.forward, standardizer.inverse):
        with pytest.raises(TypeError) as caught:
            call(whole)
        assert str(caught.value) == (
            "Only floats can be standardized, not int32. Convert the values "
            "with astype before building tokens from them."
        )


def test_other_batch_shapes_are_refused(plain):
    standardizer = Standardizer.fit(plain)
    data = {"mu": np.ones((4, 1, 2)), "obs": np.ones((4, 2, 3))}
    with pytest.raises(ValueError, match="do not match the fit") as caught:
        standardizer.forward(Tokens.from_pytree(data, {}))
    assert str(caught.value) == (
        "These tokens do not match the fit:\n"
        "  - 'mu' has the batch shape (2,), but had (1,) when it was fitted\n"
        "  - 'obs' has the batch shape (3,), but had (1,) when it was fitted"
    )


def test_traced_tokens_are_not_fitted(plain):
    with pytest.raises(TypeError, match="Call fit outside"):
        jax.jit(Standardizer.fit)(plain)


def test_what_is_given_must_be_clear(plain):
    standardizer = Standardizer.fit(plain)
    for arguments, words in (
        ((plain.data,), "ArrayImpl with like=NoneType"),
        ((plain, plain), "Tokens with like=Tokens"),
        ((plain.data, plain.data), "ArrayImpl with like=ArrayImpl"),
    ):
        with pytest.raises(TypeError, match="Expected Tokens") as caught:
            standardizer.forward(*arguments)
        assert str(caught.value).endswith(f"belongs to; got {words}.")
    with pytest.raises(TypeError, match="expects Tokens or a TokenView"):
        Standardizer.fit(plain.data)
    with pytest.raises(ValueError, match="specifies 3 tokens but"):
        standardizer.inverse(plain.data[:, 1:], like=plain)


def test_padding_must_fit_the_draws():
    tokens = _tokens()
    standardizer = Standardizer.fit(tokens)
    with pytest.raises(ValueError, match="padding mask") as caught:
        standardizer.inverse(jnp.ones((9, *tokens.data.shape[1:])), tokens)
    assert str(caught.value) == (
        "The padding mask has shape (5, 14), which cannot be broadcast to the "
        "samples and tokens (9, 14) of the array. Take the samples "
        "that the array belongs to, such as "
        "jax.tree.map(lambda x: x[:1], tokens)."
    )
    one = jax.tree.map(lambda x: x[:1], tokens)
    draws = jnp.ones((9, *tokens.data.shape[1:]))
    assert standardizer.inverse(draws, one).shape == draws.shape
