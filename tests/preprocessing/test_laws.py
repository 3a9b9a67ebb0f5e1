"""Properties that hold for all trees, one per test."""

import math

import jax
import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from strategies import SEEDS, Tree, array_of, cases, chance, trees
from tfmpe import Tokens, concatenate_tokens, decode_pytree, flatten_pytree
from tfmpe.migrate.replay.compare import compare

# Trees may have narrow keys besides wide ones.
pytestmark = pytest.mark.filterwarnings("ignore:Warning. Batch size padding")


def _build(tree: Tree) -> Tokens:
    return Tokens.from_pytree(tree.data, **tree.kwargs)


def _assert_same(found, wanted):
    """Compare keys, their order, types, shapes and bits."""
    difference = compare(_as_jax(wanted), _as_jax(found))
    assert difference.identical, "\n".join(map(str, difference.differences))


def _as_jax(tree):
    if isinstance(tree, dict):
        return {name: _as_jax(value) for name, value in tree.items()}
    if isinstance(tree, np.ndarray):
        return jax.device_put(np.array(tree))
    return tree


def _assert_equal(found, wanted):
    assert found.layout == wanted.layout
    for name in ("data", "functional_inputs", "padding"):
        new, old = getattr(found, name), getattr(wanted, name)
        assert (new is None) == (old is None), name
        if old is not None:
            _assert_same(np.asarray(new), np.asarray(old))


def _subset(draw, tokens):
    keys = st.sampled_from(tokens.key_order)
    return draw(st.lists(keys, min_size=1, unique=True))


@given(trees())
@cases(40)
def test_decode_undoes_from_pytree(tree):
    _assert_same(_build(tree).decode(), tree.data)


@given(trees())
@cases(60)
def test_decode_pytree_undoes_flatten_pytree(tree):
    n = tree.kwargs["sample_ndims"]
    flat, slices = flatten_pytree(
        tree.data, n, tree.kwargs["batch_ndims"], -1e8, None
    )
    _assert_same(decode_pytree(flat, slices, tree.sample_shape), tree.data)


@given(trees())
@cases(60)
def test_selecting_all_is_the_identity(tree):
    tokens = _build(tree)
    view = tokens.select_tokens(tokens.key_order)
    _assert_equal(view.to_tokens(), tokens)
    _assert_same(view.self_attention_mask, tokens.self_attention_mask)
    _assert_same(view.labels, tokens.labels)
    assert view.slices == tokens.slices
    assert view.label_map == tokens.label_map


@given(trees(), st.data())
@cases(60)
def test_selections_compose(tree, data):
    """Two selections are equal to one."""
    tokens = _build(tree)
    first = _subset(data.draw, tokens)
    view = tokens.select_tokens(first)
    second = _subset(data.draw, view)
    assert view.key_order == first
    twice, once = view.select_tokens(second), tokens.select_tokens(second)
    assert twice.key_order == once.key_order == second
    _assert_equal(twice.to_tokens(), once.to_tokens())
    _assert_equal(
        view.to_tokens().select_tokens(second).to_tokens(), once.to_tokens()
    )


@given(trees(), st.data())
@cases(60)
def test_a_view_decodes_what_was_given(tree, data):
    tokens = _build(tree)
    keys = _subset(data.draw, tokens)
    whole = tokens.decode()
    for key, array in _leaves(tokens.select_tokens(keys).decode()).items():
        _assert_same(array, _leaves(whole)[key])
    selected = _leaves(tokens.decode_keys(tokens.data, keys))
    assert set(selected) == set(keys)


def _leaves(tree, path=()):
    found = {}
    for name, value in tree.items():
        if isinstance(value, dict):
            found |= _leaves(value, (*path, name))
        else:
            found["/".join((*path, name))] = value
    return found


@given(trees(), st.data())
@cases(60)
def test_the_masks_of_a_view_are_blocks_of_the_parents(tree, data):
    """They have the view's rows and columns, in order, as do other arrays."""
    tokens = _build(tree)
    keys = _subset(data.draw, tokens)
    view = tokens.select_tokens(keys)
    rows = np.concatenate(
        [np.arange(tokens.n_tokens)[tokens.layout[key].block] for key in keys]
    )
    mask = tokens.self_attention_mask
    _assert_same(view.self_attention_mask, mask[np.ix_(rows, rows)])
    _assert_same(view.labels, tokens.labels[..., rows])
    real = np.asarray(tokens.padding_mask)
    _assert_same(np.asarray(view.padding_mask), real[..., rows])
    _assert_same(np.asarray(view.data), np.asarray(tokens.data)[..., rows, :])


@given(trees(), st.data())
@cases(60)
def test_an_override_is_decoded_and_nothing_else_changes(tree, data):
    tokens = _build(tree)
    key = data.draw(st.sampled_from(tokens.key_order))
    old = _leaves(tokens.decode())
    value = array_of(old[key].shape, old[key].dtype.name, data.draw(SEEDS))
    changed = tokens.with_values(**{key: value})
    assert changed.layout is tokens.layout
    _assert_same(_leaves(changed.decode()), {**old, key: value})
    _assert_same(_leaves(tokens.decode()), old)


@given(trees(), st.data())
@cases(60)
def test_with_data_of_the_data_is_the_identity(tree, data):
    """It is so for all tokens, and for a view."""
    tokens = _build(tree)
    for part in (tokens, tokens.select_tokens(_subset(data.draw, tokens))):
        again = part.with_data(part.data)
        assert again.layout is tokens.layout
        _assert_equal(again, tokens)


@given(trees(), st.data())
@cases(60)
def test_with_data_of_a_view_changes_its_tokens_alone(tree, data):
    tokens = _build(tree)
    keys = _subset(data.draw, tokens)
    view = tokens.select_tokens(keys)
    dtype = np.asarray(tokens.data).dtype.name
    value = array_of(view.data.shape, dtype, data.draw(SEEDS))
    changed = view.with_data(value)
    _assert_same(np.asarray(changed.select_tokens(keys).data), value)
    others = [key for key in tokens.key_order if key not in keys]
    if others:
        _assert_same(
            np.asarray(changed.select_tokens(others).data),
            np.asarray(tokens.select_tokens(others).data),
        )


@given(trees())
@cases(60)
def test_labels_agree(tree):
    """They are ranks of the sorted keys, for each token in each sample."""
    tokens = _build(tree)
    ranks = {key: i for i, key in enumerate(sorted(tokens.key_order))}
    assert tokens.label_map == ranks
    row = [
        ranks[key]
        for key in tokens.key_order
        for _ in range(tokens.layout[key].n_tokens)
    ]
    assert tokens.labels.shape == (*tree.sample_shape, len(row))
    assert (tokens.labels == row).all()


@given(trees(), st.data())
@cases(60)
def test_functional_input_rows_belong_to_their_tokens(tree, data):
    """Rows have the order of the data, for any order of the keys."""
    inputs = tree.kwargs["functional_inputs"]
    assume(inputs)
    tokens = _build(tree)
    keys = _subset(data.draw, tokens)
    view = tokens.select_tokens(keys)
    rows = np.asarray(view.functional_inputs)
    for key in keys:
        found = rows[..., view.layout[key].block, :]
        width = inputs[key].shape[-1] if key in inputs else 0
        if width:
            n_tokens = view.layout[key].n_tokens
            event = inputs[key].ndim - 1 - len(tree.shapes[key])
            lead = inputs[key].shape[:event]
            wanted = inputs[key].reshape((*lead, n_tokens, width))
            wanted = np.broadcast_to(wanted, found[..., :width].shape)
            _assert_same(found[..., :width], wanted)
        assert (found[..., width:] == np.float32(-1e8)).all()


@given(trees(), st.data(), st.sampled_from(["self", "all"]))
@cases(40)
def test_no_row_of_an_attention_mask_is_empty(tree, data, empty_rows):
    """Padding is attended to only if nothing is real."""
    tokens = _build(tree)
    queries = tokens.select_tokens(_subset(data.draw, tokens))
    keys = tokens.select_tokens(_subset(data.draw, tokens))
    for mask, query, key in (
        (tokens.attention_mask(empty_rows=empty_rows), tokens, tokens),
        (queries.attention_mask(keys, empty_rows=empty_rows), queries, keys),
    ):
        mask = np.asarray(mask)
        assert mask.ndim == 4
        assert mask.dtype == bool
        assert mask.shape[1:] == (1, query.n_tokens, key.n_tokens)
        if not key.n_tokens:
            continue
        assert mask.any(-1).all()
        n = math.prod(tree.sample_shape)
        real = np.asarray(key.padding_mask).reshape(n, 1, key.n_tokens)
        own = np.asarray(query.padding_mask).reshape(n, query.n_tokens, 1)
        reached = np.broadcast_to(
            mask[:, 0] & ~real & own, (len(own), query.n_tokens, key.n_tokens)
        )
        assert not reached[real.any(-1)[:, 0]].any()


@given(trees())
@cases(60)
def test_attention_masks_keep_the_declared_ones(tree):
    """A row with real allowed tokens is that of the declared mask."""
    tokens = _build(tree)
    n = math.prod(tree.sample_shape)
    real = np.asarray(tokens.padding_mask).reshape(n, 1, tokens.n_tokens)
    declared = tokens.self_attention_mask & real
    declared &= real.transpose(0, 2, 1)
    mask = np.broadcast_to(
        np.asarray(tokens.attention_mask())[:, 0], declared.shape
    )
    full = declared.any(-1)
    np.testing.assert_array_equal(mask[full], declared[full])


@given(trees(), SEEDS)
@cases(60)
def test_padding_values_do_not_matter(tree, seed):
    """Values in unused parts of a token are never decoded."""
    tokens = _build(tree)
    data = np.array(tokens.data)
    unused = np.ones(data.shape, bool)
    for key in tokens.layout.keys:
        unused[..., key.block, : key.width] = False
    data[unused] = array_of(data.shape, data.dtype.name, seed)[unused]
    _assert_same(tokens.decode(data), tree.data)


@st.composite
def _operands(draw, n):
    """Draw trees that differ only in samples and sizes."""
    first = draw(
        trees(min_sample_ndims=1, padded=False, named=False, max_keys=3)
    )
    # Rules must also fit the largest shapes, so none refer to dimensions.
    rules = {
        kind: rule
        for kind, rule in first.kwargs["independence"].items()
        if kind != "cross_local"
    }
    operands = []
    for _ in range(n):
        lead = (draw(st.integers(1, 3)), *first.sample_shape[1:])
        data, inputs, sizes = {}, {}, {}
        given_inputs = first.kwargs["functional_inputs"] or {}
        for key, event in first.shapes.items():
            shape = tuple(draw(st.integers(0, 3)) for _ in event)
            *path, name = key.split("/")
            old = _leaves(first.data)[key]
            n_batch = first.kwargs["batch_ndims"][key]
            batch = old.shape[old.ndim - n_batch :]
            node = data.setdefault("site", {}) if path else data
            dtype, seed = old.dtype.name, draw(SEEDS)
            node[name] = array_of((*lead, *shape, *batch), dtype, seed)
            if key in given_inputs:
                width = given_inputs[key].shape[-1]
                inputs[key] = array_of((*lead, *shape, width), seed=seed)
            if draw(chance(4)):
                true = array_of((*lead, len(shape)), "int32", seed)
                sizes[key] = true % (np.array(shape, "int32") + 1)
        operands.append(
            {
                "data": data,
                "independence": rules,
                "functional_inputs": inputs or None,
                "sample_ndims": len(lead),
                "batch_ndims": first.kwargs["batch_ndims"],
                "event_shapes": sizes or None,
            }
        )
    return operands


def _build_all(operands):
    return [Tokens.from_pytree(**operand) for operand in operands]


def _real_tokens(tokens):
    """List the real tokens: sample, key, coordinates, values, inputs."""
    n, m = tokens.sample_shape[0], math.prod(tokens.sample_shape[1:])
    lead = (n, m, tokens.n_tokens)
    data = np.asarray(tokens.data).reshape(*lead, tokens.width)
    real = np.asarray(tokens.padding_mask).reshape(lead)
    rows = tokens.functional_inputs
    if rows is not None:
        rows = np.asarray(rows).reshape(*lead, rows.shape[-1])
    found = []
    for key in tokens.layout.keys:
        places = list(np.ndindex(*key.event_shape))
        for sample in np.ndindex(*data.shape[:2]):
            for i, place in enumerate(places, key.offset):
                if real[(*sample, i)]:
                    held = data[(*sample, i)].tobytes()
                    row = () if rows is None else rows[(*sample, i)].tobytes()
                    found.append((*sample, key.name, place, held, row))
    return sorted(found, key=repr)


def _shifted(tokens, by):
    return [(i + by, *rest) for i, *rest in _real_tokens(tokens)]


@given(_operands(2))
@cases(60)
def test_joining_never_loses_nor_invents_a_real_token(operands):
    """Each keeps its key, coordinates, values and inputs."""
    first, second = _build_all(operands)
    joined = concatenate_tokens(first, second)
    wanted = [*_real_tokens(first), *_shifted(second, first.sample_shape[0])]
    assert _real_tokens(joined) == sorted(wanted, key=repr)
    assert joined.label_map == first.label_map
    assert joined.key_order == first.key_order


@given(_operands(3))
@cases(25)
def test_joining_is_associative(operands):
    a, b, c = _build_all(operands)
    at_once = concatenate_tokens(a, b, c)
    left = concatenate_tokens(concatenate_tokens(a, b), c)
    right = concatenate_tokens(a, concatenate_tokens(b, c))
    for grouped in (left, right):
        assert grouped.layout == at_once.layout
        # Explicit and implicit padding are equal.
        np.testing.assert_array_equal(
            grouped.padding_mask, at_once.padding_mask
        )
        _assert_same(np.asarray(grouped.data), np.asarray(at_once.data))
        assert _real_tokens(grouped) == _real_tokens(at_once)


@given(_operands(1))
@cases(50)
def test_joining_one_is_the_identity(operands):
    (tokens,) = _build_all(operands)
    _assert_equal(concatenate_tokens(tokens), tokens)


@given(trees(), st.data())
@cases(60)
def test_equal_trees_give_equal_layouts(tree, data):
    """A different order of the same keys gives a different layout."""
    tokens, again = _build(tree), _build(tree)
    assert tokens.layout == again.layout
    assert hash(tokens.layout) == hash(again.layout)
    order = data.draw(st.permutations(list(tree.data)))
    other = _build(tree._replace(data={key: tree.data[key] for key in order}))
    assert (other.layout == tokens.layout) == (order == list(tree.data))
    view = other.select_tokens(tokens.key_order)
    _assert_same(np.asarray(view.data), np.asarray(tokens.data))


@given(trees(min_sample_ndims=1), st.data())
@cases(60)
def test_rows_can_be_permuted(tree, data):
    """Samples are the first axis of every leaf, so minibatches are views."""
    tokens = _build(tree)
    n = tree.sample_shape[0]
    rows = np.array(data.draw(st.permutations(range(n))))
    permuted = jax.tree.map(lambda leaf: np.asarray(leaf)[rows], tokens)
    wanted = {k: np.asarray(v)[rows] for k, v in _leaves(tree.data).items()}
    _assert_same(_leaves(permuted.decode()), wanted)
    assert permuted.layout is tokens.layout


def test_the_laws_are_about_something():
    """The strategy draws padding, inputs, nesting, rules and empty keys."""
    seen = set()

    @given(trees())
    @settings(max_examples=200, derandomize=True)
    def look(tree):
        for name in ("functional_inputs", "event_shapes", "independence"):
            if tree.kwargs[name]:
                seen.add(name)
        if "site" in tree.data:
            seen.add("nested")
        tokens = _build(tree)
        if any(key.n_tokens * key.width == 0 for key in tokens.layout.keys):
            seen.add("empty")
        if not tokens.self_attention_mask.any(-1).all():
            seen.add("empty row")
        if tokens.padding is not None and not np.all(tokens.padding):
            seen.add("padding")

    look()
    assert seen == {
        "functional_inputs",
        "event_shapes",
        "independence",
        "nested",
        "empty",
        "empty row",
        "padding",
    }
