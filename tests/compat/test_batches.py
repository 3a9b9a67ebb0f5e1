"""Batch iterators: every row once in each pass, without TensorFlow."""

import subprocess
import sys

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from tfmpe.compat import as_batch_iterator, as_batch_iterators

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
    assert len(batches) == 3
    assert batches.num_samples == 10
    assert batches.batch_size == 4


def test_rows_come_in_order_unless_shuffled():
    data = _data(40)
    assert _rows(as_batch_iterator(KEY, data, 7, False)) == list(range(40))
    shuffled = as_batch_iterator(KEY, data, 7, True)
    first, second = _rows(shuffled), _rows(shuffled)
    assert first != list(range(40))
    assert first != second


def test_the_same_key_gives_the_same_batches():
    data = _data(40)
    one = as_batch_iterator(KEY, data, 7, True)
    two = as_batch_iterator(jax.random.key(7), data, 7, True)
    other = as_batch_iterator(jax.random.key(8), data, 7, True)
    passes = [_rows(one), _rows(one)]
    assert passes == [_rows(two), _rows(two)]
    assert passes[0] != _rows(other)


def test_legacy_keys_do_as_well():
    """Raw uint32 keys, as older scripts have them."""
    raw = jax.random.PRNGKey(7)
    batches = as_batch_iterator(raw, _data(10), 3, True)
    assert sorted(_rows(batches)) == list(range(10))


def test_batches_keep_structure_and_types():
    (batch,) = as_batch_iterator(KEY, _data(4), 4, False)
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
    for batch in as_batch_iterator(KEY, data, 2, False):
        batch["labels"] += 100
    assert data["labels"].tolist() == [0, 1, 2, 3]


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
            assert rows[0] == list(range(n_train))


def test_the_parts_of_a_split_stay_the_same():
    train, _ = as_batch_iterators(KEY, _data(40), 6, 0.5, True)
    again, _ = as_batch_iterators(KEY, _data(40), 6, 0.5, True)
    first = _rows(train)
    assert first == _rows(again)
    assert sorted(first) == sorted(_rows(train))
    assert sorted(first) != list(range(20))


@pytest.mark.parametrize("batch_size", [0, -1])
def test_a_batch_has_at_least_one_row(batch_size):
    message = f"batch_size must be 1 or more, not {batch_size}."
    with pytest.raises(ValueError, match=message):
        as_batch_iterator(KEY, _data(4), batch_size, True)
    with pytest.raises(ValueError, match=message):
        as_batch_iterators(KEY, _data(4), batch_size, 0.5, True)


@pytest.mark.parametrize("split", [-0.1, 1.5, float("nan")])
def test_a_split_is_a_share(split):
    message = f"split must lie between 0 and 1, not {split}."
    with pytest.raises(ValueError, match=message):
        as_batch_iterators(KEY, _data(4), 2, split, True)


def test_arrays_need_equally_many_rows():
    """Labels that flatten_structured returns have one row for all samples."""
    data = {"a": np.zeros((4, 1)), "b": np.zeros((1, 1))}
    message = "All arrays must have equally many rows, but they have [1, 4]."
    for make in (
        lambda: as_batch_iterator(KEY, data, 2, True),
        lambda: as_batch_iterators(KEY, data, 2, 0.5, True),
    ):
        with pytest.raises(ValueError, match="equally many") as raised:
            make()
        assert str(raised.value) == message


def test_no_tensorflow():
    """Neither when imported nor when iterated."""
    code = (
        "import sys, jax, numpy\n"
        "sys.modules['tensorflow'] = None\n"
        "from tfmpe.compat import as_batch_iterators\n"
        "data = {'a': numpy.zeros((4, 1))}\n"
        "parts = as_batch_iterators(jax.random.key(0), data, 2, 0.5, True)\n"
        "print(sum(len(batch['a']) for part in parts for batch in part))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=False,
        env={"PYTHONPATH": ":".join(sys.path)},
    )
    assert done.stdout == "4\n", done.stderr
