"""Batch loaders without TensorFlow: each row once per pass."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from other_process import output_of
from refusals import refused
from tfmpe.compat import as_batch_iterator, as_batch_iterators
from tfmpe.compat.defects import AlwaysShuffledWarning
from tfmpe.compat.util.dataloader import (
    DataLoader,
    as_batched_numpy_iterator_from_tf,
    as_numpy_iterator_from_slices,
)

KEY = jax.random.key(7)


def _data(n_rows):
    rows = np.arange(n_rows, dtype=np.float32)
    return {
        "data": {"theta": rows.reshape(-1, 1), "y": jnp.asarray(-rows)},
        "labels": np.arange(n_rows, dtype=np.int8),
    }


def _rows(batches):
    """Return the row numbers of batches, after checking that leaves agree."""
    numbers = []
    for batch in batches:
        rows = batch["labels"]
        np.testing.assert_array_equal(batch["data"]["theta"][:, 0], rows)
        np.testing.assert_array_equal(batch["data"]["y"], -rows)
        numbers += rows.tolist()
    return numbers


@pytest.mark.usefixtures("legacy_warnings_off")
@pytest.mark.parametrize("shuffle", [True, False])
@pytest.mark.parametrize(
    ("n_rows", "batch_size"), [(10, 5), (10, 3), (10, 20), (1, 1), (10, 1)]
)
def test_each_pass_has_every_row_once(n_rows, batch_size, shuffle):
    batches = as_batch_iterator(KEY, _data(n_rows), batch_size, shuffle)
    for _ in range(3):
        assert sorted(_rows(batches)) == list(range(n_rows))


def test_the_last_batch_has_what_is_left():
    batches = as_batch_iterator(KEY, _data(10), 4, True)
    sizes = [len(batch["labels"]) for batch in batches]
    assert sizes == [4, 4, 2]
    assert batches.num_samples == 10


def test_each_pass_has_another_order_only_if_shuffled():
    """Without shuffling, rows are shuffled nevertheless (L51)."""
    data = _data(40)
    with pytest.warns(AlwaysShuffledWarning, match="fix=\\['L51'\\]"):
        fixed = as_batch_iterator(KEY, data, 7, False)
    shuffled = as_batch_iterator(KEY, data, 7, True)
    first = _rows(fixed)
    assert first != list(range(40))
    assert first == _rows(fixed)
    assert _rows(shuffled) != _rows(shuffled)


def test_l51_rows_come_in_order_with_the_fix():
    data = _data(40)
    batches = as_batch_iterator(KEY, data, 7, False, fix=["L51"])
    assert _rows(batches) == _rows(batches) == list(range(40))
    parts = as_batch_iterators(KEY, data, 7, 0.5, False, fix=["L51"])
    assert [_rows(p) for p in parts] == [[*range(20)], [*range(20, 40)]]


def test_the_same_key_gives_the_same_batches():
    data = _data(40)
    one = as_batch_iterator(KEY, data, 7, True)
    two = as_batch_iterator(jax.random.key(7), data, 7, True)
    other = as_batch_iterator(jax.random.key(8), data, 7, True)
    passes = [_rows(one), _rows(one)]
    assert passes == [_rows(two), _rows(two)]
    assert passes[0] != _rows(other)


def test_legacy_keys_do_as_well():
    """Raw uint32 keys from older scripts are accepted."""
    raw = jax.random.PRNGKey(7)
    batches = as_batch_iterator(raw, _data(10), 3, True)
    assert sorted(_rows(batches)) == list(range(10))


def test_batches_keep_structure_and_types():
    (batch,) = as_batch_iterator(KEY, _data(4), 4, True)
    assert jax.tree.structure(batch) == jax.tree.structure(_data(4))
    kinds = [
        (type(leaf), leaf.dtype.name, leaf.shape)
        for leaf in jax.tree.leaves(batch)
    ]
    assert kinds == [
        (np.ndarray, "float32", (4, 1)),
        (np.ndarray, "float32", (4,)),
        (np.ndarray, "int8", (4,)),
    ]


def test_batches_do_not_share_memory_with_the_data():
    data = _data(4)
    for batch in as_batch_iterator(KEY, data, 2, True):
        batch["labels"] += 100
    assert data["labels"].tolist() == [0, 1, 2, 3]


@pytest.mark.usefixtures("legacy_warnings_off")
@pytest.mark.parametrize("shuffle", [True, False])
@pytest.mark.parametrize(
    ("split", "n_train"), [(0.8, 8), (0.5, 5), (0.0, 0), (1.0, 10), (0.79, 7)]
)
def test_a_split_has_every_row_once(split, n_train, shuffle):
    train, validation = as_batch_iterators(KEY, _data(10), 3, split, shuffle)
    assert (train.num_samples, validation.num_samples) == (
        n_train,
        10 - n_train,
    )
    for _ in range(2):
        rows = _rows(train), _rows(validation)
        assert sorted(rows[0] + rows[1]) == list(range(10))
        if not shuffle:
            assert sorted(rows[0]) == list(range(n_train))


def test_the_parts_of_a_split_stay_the_same():
    train, _ = as_batch_iterators(KEY, _data(40), 6, 0.5, True)
    again, _ = as_batch_iterators(KEY, _data(40), 6, 0.5, True)
    first = _rows(train)
    assert first == _rows(again)
    assert sorted(first) == sorted(_rows(train))
    assert sorted(first) != list(range(20))


def test_the_parts_are_those_of_the_legacy_package():
    """The rows are drawn directly with the given key."""
    rows = jax.random.permutation(KEY, jnp.arange(10)).tolist()
    parts = as_batch_iterators(KEY, _data(10), 3, 0.79, True)
    assert [sorted(_rows(part)) for part in parts] == [
        sorted(rows[:7]),
        sorted(rows[7:]),
    ]


@pytest.mark.parametrize("batch_size", [0, -1])
def test_a_batch_has_at_least_one_row(batch_size):
    message = f"batch_size is {batch_size}; expected 1 or more."
    for make in (
        lambda: as_batch_iterator(KEY, _data(4), batch_size, True),
        lambda: as_batch_iterators(KEY, _data(4), batch_size, 0.5, True),
        lambda: as_numpy_iterator_from_slices(_data(4), batch_size),
    ):
        with pytest.raises(ValueError, match=message) as raised:
            make()
        # Scripts that use TensorFlow expect its error, by name.
        assert raised.typename == "InvalidArgumentError"


def test_arrays_need_equally_many_rows():
    """Labels that flatten_structured returns have one row for all samples."""
    data = {"data": {"y": np.zeros((4, 1))}, "labels": np.zeros((1, 1))}
    message = (
        "The arrays have [1, 4] rows; expected the same number in all. Repeat "
        "labels, masks and index for every sample first."
    )
    for make in (
        lambda: as_batch_iterator(KEY, data, 2, True),
        lambda: as_numpy_iterator_from_slices(data, 2),
    ):
        with refused(ValueError, message):
            make()


def test_the_observations_say_how_many_rows_there_are():
    with pytest.raises(KeyError, match="data"):
        as_batch_iterator(KEY, {"a": np.zeros((3, 1))}, 2, True)


def test_slices_come_in_order_and_once():
    data = {"z": jnp.arange(5), "a": (np.arange(5.0), [jnp.arange(5) * 2])}
    batches = as_numpy_iterator_from_slices(data, 2)
    found = list(batches)
    assert [list(batch) for batch in found] == [["z", "a"]] * 3
    assert [batch["z"].tolist() for batch in found] == [[0, 1], [2, 3], [4]]
    assert [len(batch["a"][1][0]) for batch in found] == [2, 2, 1]
    assert all(isinstance(batch["z"], np.ndarray) for batch in found)
    assert found[0]["a"][0].dtype == np.float64
    assert list(batches) == []


class _Source:
    """The methods of a tf.data.Dataset that a loader calls."""

    def __init__(self, *asked):
        self.asked = asked

    def shuffle(self, *args, **kwargs):
        return _Source(*self.asked, (args, kwargs))

    def batch(self, *args):
        return _Source(*self.asked, args)

    def as_numpy_iterator(self):
        return iter(self.asked)


def test_a_loader_reads_its_source_anew():
    loader = DataLoader(_Source(1, 2), 107)
    assert list(loader) == list(loader) == [1, 2]
    assert loader.num_samples == 107
    with pytest.raises(AttributeError, match="as_numpy_iterator"):
        list(DataLoader([1, 2], 2))


@pytest.mark.parametrize("shuffle", [True, False])
def test_a_tensorflow_data_set_is_shuffled_and_batched(shuffle):
    loader = as_batched_numpy_iterator_from_tf(KEY, _Source(), 107, 3, shuffle)
    assert loader.num_samples == 107
    seed = int(jax.random.randint(KEY, (), 0, 2**31 - 1))
    assert list(loader) == [
        ((30,), {"seed": seed, "reshuffle_each_iteration": shuffle}),
        (3,),
    ]


def test_no_tensorflow():
    """TensorFlow is not loaded on import or during iteration."""
    code = (
        "import sys, jax, numpy\n"
        "sys.modules['tensorflow'] = None\n"
        "from tfmpe.compat import as_batch_iterators\n"
        "data = {'data': {'y': numpy.zeros((4, 1))}}\n"
        "parts = as_batch_iterators(jax.random.key(0), data, 2, 0.5, True)\n"
        "batches = [batch for part in parts for batch in part]\n"
        "print(sum(len(batch['data']['y']) for batch in batches))\n"
    )
    assert output_of(code) == "4\n"
