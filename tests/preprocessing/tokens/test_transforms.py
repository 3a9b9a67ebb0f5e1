"""jax transforms, each applied to every kind of Tokens."""

import functools
import itertools
import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from nightly import some_of
from tfmpe import Tokens, concatenate_tokens

CASES = {}
OPERATIONS = {}
RULES = {
    "local": ["obs"],
    "cross": [("obs", "mu")],
    "cross_local": [("theta", "obs", (0, 0))],
}


def case(build):
    """Register Tokens to which every operation is applied."""
    CASES[build.__name__.strip("_")] = functools.cache(build)
    return build


def operation(check):
    """Register a transform; ``check(tokens)`` applies and checks it."""
    OPERATIONS[check.__name__.strip("_")] = check
    return check


def _values(*shape):
    n = math.prod(shape)
    return np.arange(1.0, n + 1, dtype=np.float32).reshape(shape)


def _data(*sample_shape):
    return {
        "theta": _values(*sample_shape, 2, 1),
        "obs": _values(*sample_shape, 2, 2, 1) + 100,
        "mu": _values(*sample_shape, 1, 1) + 200,
    }


@case
def _plain():
    return Tokens.from_pytree(_data(4), RULES)


@case
def _functional_inputs():
    times = {"obs": _values(4, 2, 2, 3), "mu": np.zeros((1, 1))}
    return Tokens.from_pytree(_data(4), RULES, times)


@case
def _padding():
    sizes = {"obs": np.array([[2, 2], [1, 2], [2, 1], [0, 0]])}
    return Tokens.from_pytree(_data(4), RULES, event_shapes=sizes)


@case
def _samples_as_many_as_tokens():
    data = {"z": _values(4, 3, 1), "a": _values(4, 1, 1) + 50}
    return Tokens.from_pytree(
        data,
        {"local": ["z"]},
        {"z": _values(4, 3, 2)},
        event_shapes={"z": np.array([[0], [1], [2], [3]])},
    )


@case
def _mixed_batch_shapes():
    data = {"vector": _values(4, 2, 2), "matrix": _values(4, 3, 2, 2)}
    return Tokens.from_pytree(data, {}, batch_ndims={"matrix": 2})


@case
def _event_shape_of_one_token():
    data = {"mu": _values(4, 1), "obs": _values(4, 2, 1)}
    return Tokens.from_pytree(data, {"local": ["obs"]})


@case
def _no_sample_axes():
    sizes = {"obs": np.array([2, 1])}
    return Tokens.from_pytree(
        _data(), RULES, {"mu": _values(1, 1)}, 0, event_shapes=sizes
    )


@case
def _two_sample_axes():
    sizes = {"obs": np.arange(24).reshape(4, 3, 2) % 3}
    return Tokens.from_pytree(
        _data(4, 3), RULES, {"obs": _values(2, 2, 1)}, 2, event_shapes=sizes
    )


@case
def _size_of_zero():
    data = {"none": np.zeros((4, 0, 2, 1), np.float32), "x": _values(4, 2, 1)}
    return Tokens.from_pytree(data, {"local": ["none"]})


@case
def _nested_tree():
    data = {
        "site": {"obs": _values(4, 2, 1), "more": {"phi": _values(4, 1, 1)}},
        "mu": _values(4, 1, 1),
    }
    return Tokens.from_pytree(data, {"cross": [("mu", "site/more/phi")]})


@case
def _joined():
    small = Tokens.from_pytree({"obs": _values(2, 1, 1)}, {"local": ["obs"]})
    large = Tokens.from_pytree({"obs": _values(2, 3, 1)}, {"local": ["obs"]})
    return concatenate_tokens(small, large)


def _assert_same(result, expected):
    """Check that layouts, arrays, and all that is derived are equal."""
    assert isinstance(result, Tokens)
    assert result.layout == expected.layout
    assert result.key_order == expected.key_order
    assert result.sample_shape == expected.sample_shape
    assert (result.padding is None) == (expected.padding is None)
    assert (result.functional_inputs is None) == (
        expected.functional_inputs is None
    )
    for name in (
        "data",
        "labels",
        "self_attention_mask",
        "padding_mask",
        "functional_inputs",
    ):
        mine, theirs = getattr(result, name), getattr(expected, name)
        if theirs is not None:
            assert mine.dtype == theirs.dtype, name
            np.testing.assert_array_equal(mine, theirs, name)
    np.testing.assert_array_equal(
        result.attention_mask(), expected.attention_mask()
    )
    _assert_same_tree(result.decode(), expected.decode())


def _assert_same_tree(result, expected):
    jax.tree.map(np.testing.assert_array_equal, result, expected)


def _rows(tokens, rows):
    """Take samples along the first axis, one array at a time."""

    def take(array):
        return None if array is None else np.asarray(array)[rows]

    taken = map(take, (tokens.data, tokens.functional_inputs, tokens.padding))
    data, inputs, padding = jax.device_put([*taken])
    return Tokens(data, tokens.layout, inputs, padding)


def _answers(tokens):
    """Return all properties of Tokens that are available in a transform."""
    view = tokens.select_tokens(tokens.key_order[::-1])
    return {
        "tokens": tokens,
        "decoded": tokens.decode(),
        "labels": tokens.labels,
        "padding": tokens.padding_mask,
        "view": view.data,
        "attention": view.attention_mask(),
    }


def _assert_answers(answers, tokens):
    expected = _answers(tokens)
    _assert_same(answers["tokens"], tokens)
    for name in ("decoded", "labels", "padding", "view", "attention"):
        _assert_same_tree(answers[name], expected[name])


@operation
def _jit(tokens):
    _assert_answers(jax.jit(_answers)(tokens), tokens)


@operation
def _vmap_over_samples(tokens):
    seen = []

    def one(tokens):
        seen.append(tokens.sample_shape)
        answers = _answers(tokens)
        answers["labels"] = jnp.asarray(answers["labels"])
        # Without padding it is equal for all samples, and not batched.
        answers.pop("attention")
        return answers

    answers = jax.jit(jax.vmap(one))(tokens)
    assert seen == [tokens.sample_shape[1:]]
    answers["attention"] = tokens.select_tokens(
        tokens.key_order[::-1]
    ).attention_mask()
    _assert_answers(answers, tokens)


@operation
def _grad_with_respect_to_values(tokens):
    def loss(values):
        changed = tokens.with_values(**values)
        return sum((x**2).sum() for x in jax.tree.leaves(changed.decode()))

    values = tokens.decode()
    gradient = jax.jit(jax.grad(loss))(values)
    twice = jax.tree.map(lambda x: 2 * x, jax.device_get(values))
    _assert_same_tree(gradient, twice)


@operation
def _grad_with_respect_to_data(tokens):
    def loss(data):
        leaves = jax.tree.leaves(tokens.with_data(data).decode())
        return sum((leaf**2).sum() for leaf in leaves)

    gradient = tokens.with_data(jax.jit(jax.grad(loss))(tokens.data))
    twice = jax.tree.map(lambda x: 2 * x, jax.device_get(tokens.decode()))
    _assert_same_tree(gradient.decode(), twice)
    # Values that are never decoded have no influence.
    n_values = sum(leaf.size for leaf in jax.tree.leaves(twice))
    assert np.count_nonzero(gradient.data) <= n_values


@operation
def _scan_as_carry(tokens):
    def step(carry, _):
        return carry.with_data(carry.data + 1), carry.data.sum()

    result, _ = jax.lax.scan(step, tokens, length=3)
    _assert_same(result, tokens.with_data(np.asarray(tokens.data) + 3))


@operation
def _scan_as_xs(tokens):
    def step(number, one):
        assert one.sample_shape == tokens.sample_shape[1:]
        return number + 1, (one, one.decode(), jnp.asarray(one.labels))

    number, (result, decoded, labels) = jax.lax.scan(step, 0, tokens)
    assert number == tokens.sample_shape[0]
    _assert_same(result, tokens)
    _assert_same_tree(decoded, tokens.decode())
    np.testing.assert_array_equal(labels, tokens.labels)


@operation
def _remat(tokens):
    def layer(data, tokens):
        changed = tokens.with_data(data)
        weights = jnp.asarray(changed.attention_mask(), data.dtype).mean(0)
        mixed = jnp.einsum("hqk,...kw->...qw", weights, jnp.tanh(changed.data))
        return (mixed**2).sum(), changed.with_data(mixed)

    @jax.jit
    def both(tokens):
        return [
            jax.grad(function, has_aux=True)(tokens.data, tokens)
            for function in (layer, jax.checkpoint(layer))
        ]

    (gradient, expected), (recomputed, result) = both(tokens)
    _assert_same(result, expected)
    # A different program may round differently in the last bits.
    np.testing.assert_allclose(recomputed, gradient, rtol=1e-5, atol=1e-6)


@operation
def _tree_map_with_a_permutation(tokens):
    order = np.array([2, 0, 3, 1])
    result = jax.tree.map(lambda x: x[order], tokens)
    assert result.layout is tokens.layout
    _assert_same(result, _rows(tokens, order))
    shuffled = jax.tree.map(lambda x: x[order], tokens.decode())
    _assert_same_tree(result.decode(), shuffled)


@operation
def _minibatch_reshape(tokens):
    batches = jax.tree.map(lambda x: x.reshape((2, 2, *x.shape[1:])), tokens)
    assert batches.sample_shape == (2, 2, *tokens.sample_shape[1:])

    def step(number, batch):
        assert batch.sample_shape == (2, *tokens.sample_shape[1:])
        return number + 1, batch

    _, stacked = jax.lax.scan(step, 0, batches)
    for i, rows in enumerate((slice(0, 2), slice(2, 4))):
        batch = jax.tree.map(lambda x, i=i: x[i], stacked)
        _assert_same(batch, _rows(tokens, rows))


@operation
def _eval_shape(tokens):
    shapes = jax.eval_shape(_answers, tokens)
    answers = _answers(tokens)
    abstract = shapes["tokens"]
    assert isinstance(abstract, Tokens)
    assert abstract.layout == tokens.layout
    np.testing.assert_array_equal(abstract.labels, tokens.labels)
    assert repr(abstract).startswith("Tokens(")
    for x, y in zip(
        jax.tree.leaves(shapes), jax.tree.leaves(answers), strict=True
    ):
        assert (x.shape, x.dtype) == (y.shape, y.dtype)


@operation
def _device_put(tokens):
    (device, *_) = jax.devices()
    result = jax.device_put(tokens, device)
    assert all(leaf.devices() == {device} for leaf in jax.tree.leaves(result))
    _assert_same(result, tokens)


@operation
def _flatten_and_unflatten(tokens):
    leaves, tree = jax.tree.flatten(tokens)
    assert all(
        leaf.shape[: len(tokens.sample_shape)] == tokens.sample_shape
        for leaf in leaves
    )
    _assert_same(jax.tree.unflatten(tree, leaves), tokens)
    # Leaves may be any objects while jax rebuilds trees.
    names = jax.tree.unflatten(tree, [object()] * len(leaves))
    assert names.key_order == tokens.key_order
    paths, _ = jax.tree_util.tree_flatten_with_path(tokens)
    assert jax.tree_util.keystr(paths[0][0]) == ".data"


NEED_SAMPLES = {
    "vmap_over_samples",
    "scan_as_xs",
    "tree_map_with_a_permutation",
    "minibatch_reshape",
}


PAIRS = [
    f"{transform} {name}"
    for transform, name in itertools.product(OPERATIONS, CASES)
    if not (transform in NEED_SAMPLES and name == "no_sample_axes")
]


# A step of 4 meets every transform and every case.
@pytest.mark.parametrize("pair", some_of(PAIRS, PAIRS[::4], "transforms"))
def test_every_transform_of_every_case(pair):
    """Each test applies one operation to one case and checks the result."""
    transform, name = pair.split()
    OPERATIONS[transform](CASES[name]())


def test_some_transforms_meet_every_case():
    met = {part for pair in PAIRS[::4] for part in pair.split()}
    assert met == {*OPERATIONS, *CASES}


def test_the_cases_are_what_their_names_say():
    """The product of cases and transforms therefore covers what it should."""
    tokens = CASES["samples_as_many_as_tokens"]()
    assert tokens.sample_shape == (tokens.n_tokens,)
    assert tokens.padding is not None
    assert CASES["mixed_batch_shapes"]().width == 4
    assert CASES["event_shape_of_one_token"]().slices["mu"]["event_shape"] == ()
    assert CASES["size_of_zero"]().layout["none"].n_tokens == 0
    assert CASES["no_sample_axes"]().sample_shape == ()
    assert CASES["two_sample_axes"]().sample_shape == (4, 3)


def _counted(function):
    traces = []

    @jax.jit
    def counted(*args):
        traces.append(None)
        return function(*args)

    return counted, traces


@pytest.mark.parametrize("name", CASES)
def test_fresh_but_equal_tokens_compile_once(name):
    """New arrays with an equal layout use the same program."""
    step, traces = _counted(lambda t: t.with_data(2 * t.data))
    build = CASES[name].__wrapped__
    first, second = build(), build()
    assert first.layout is not second.layout
    assert hash(first.layout) == hash(second.layout)
    step(first)
    _assert_same(step(second), second.with_data(2 * second.data))
    step(jax.tree.map(lambda x: x, step(second)))
    assert len(traces) == 1


@pytest.mark.parametrize("name", CASES)
def test_changed_values_keep_the_layout_and_compile_once(name):
    """with_values and with_data are applied to the whole and to a view."""
    tokens = CASES[name]()
    key = tokens.key_order[-1]
    (value,) = jax.tree.leaves(tokens.decode_keys(tokens.data, [key]))
    view = tokens.select_tokens([key])
    step, traces = _counted(lambda t: t.data.sum())
    step(tokens)
    for changed in (
        tokens.with_values(**{key: value + 1}),
        tokens.with_values(**{key: np.asarray(value, np.float64)}),
        tokens.with_data(np.asarray(tokens.data)),
        view.with_data(view.data + 1),
        jax.jit(lambda t: t.with_values(**{key: value}))(tokens),
    ):
        assert changed.layout is tokens.layout
        step(changed)
    assert len(traces) == 1


def test_another_layout_compiles_anew():
    """Different sizes, labels or rules need a different program."""
    step, traces = _counted(lambda t: t.data.sum())
    data = {"a": _values(2, 2, 1), "b": _values(2, 2, 1)}
    step(Tokens.from_pytree(data, {}))
    step(Tokens.from_pytree(data, {"local": ["a"]}))
    step(Tokens.from_pytree(data, {}, labels={"a": 5, "b": 6}))
    step(Tokens.from_pytree(dict(reversed(data.items())), {}))
    other = {"a": _values(2, 3, 1), "b": _values(2, 1, 1)}
    step(Tokens.from_pytree(other, {}))
    assert len(traces) == 5


def test_key_order_survives_jit():
    """Dictionaries are sorted by jit, but the keys of Tokens are not."""
    tokens = Tokens.from_pytree(
        {"z": _values(2, 1, 1), "m": _values(2, 2, 1), "a": _values(2, 1, 1)},
        {},
    )

    double = jax.jit(lambda t: t.with_data(2 * t.data))
    result = double(tokens)
    assert result.key_order == list(result.decode()) == ["z", "m", "a"]
    # The same leaves in a different order must not use an old program.
    result = double(tokens.select_tokens(["a", "m", "z"]).to_tokens())
    assert result.key_order == list(result.decode()) == ["a", "m", "z"]


@pytest.mark.parametrize("name", ["padding", "functional_inputs", "joined"])
def test_nothing_leaks(name):
    """Values first computed inside a transform are concrete after it."""
    with jax.checking_leaks():
        tokens = CASES[name].__wrapped__()
        jax.jit(_answers)(tokens)
        jax.vmap(lambda t: (t, t.decode()))(tokens)
        jax.grad(lambda x: tokens.with_data(x).data.sum())(tokens.data)
    for memoised in (tokens.labels, tokens.self_attention_mask):
        assert isinstance(memoised, np.ndarray)


def test_from_pytree_inside_jit_and_vmap():
    """Arrays are traced; rules and sizes are static."""
    data = {"a": jnp.asarray(_values(3, 2, 1)), "z": jnp.ones((3, 1, 2))}
    times = {"a": jnp.asarray(_values(3, 2, 1))}
    sizes = {"a": jnp.array([[1], [2], [0]])}

    def build(sample_ndims):
        return lambda data, times, sizes: Tokens.from_pytree(
            data, {"local": ["a"]}, times, sample_ndims, event_shapes=sizes
        )

    expected = build(1)(data, times, sizes)
    _assert_same(jax.jit(build(1))(data, times, sizes), expected)
    _assert_same(jax.vmap(build(0))(data, times, sizes), expected)


def test_views_as_arguments_of_jit():
    """The selected keys are static; the parent's arrays are traced."""
    tokens = CASES["padding"]()
    step, traces = _counted(
        lambda view: (view.data, view.padding_mask, view.decode())
    )
    for keys in (["obs", "mu"], ["obs", "mu"], ["mu"]):
        view = tokens.select_tokens(keys)
        data, padding, decoded = step(view)
        np.testing.assert_array_equal(data, view.data)
        np.testing.assert_array_equal(padding, view.padding_mask)
        _assert_same_tree(decoded, view.decode())
    assert len(traces) == 2


def test_views_through_vmap_and_back():
    """The result is a view with the same keys."""
    tokens = CASES["functional_inputs"]()
    view = tokens.select_tokens(["obs", "theta"])
    result = jax.vmap(lambda v: v)(view)
    assert result.selected_keys == view.selected_keys
    _assert_same(result.parent, tokens)
    summed = jax.vmap(lambda v: v.data.sum())(view)
    np.testing.assert_array_equal(summed, view.data.sum((1, 2)))


def test_gradient_of_whole_tokens():
    """Without a padding mask, Tokens can be differentiated directly."""
    tokens = CASES["plain"]()
    gradient = jax.grad(lambda t: (t.data**2).sum())(tokens)
    _assert_same(gradient, tokens.with_data(2 * tokens.data))
