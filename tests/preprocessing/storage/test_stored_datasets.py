"""Sharded datasets: incremental writing, and lazy reading."""

import json
import os
import pickle
import tracemalloc
from dataclasses import replace
from pathlib import Path

import jax
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from other_process import output_of, run_python
from refusals import refused
from strategies import cases
from tfmpe import (
    DatasetWriter,
    StorageError,
    StoredDataset,
    Tokens,
    concatenate_tokens,
    open_dataset,
)

RULES = {"local": ["obs"], "cross": [("mu", "obs")]}


def make_tokens(start: int, stop: int, **kwargs) -> Tokens:
    """Return Tokens whose samples are distinguished by their values."""
    rows = np.arange(start, stop, dtype=np.float32).reshape(-1, 1, 1)
    sizes = (np.arange(start, stop) % 4).reshape(-1, 1)
    return Tokens.from_pytree(
        {"mu": rows, "obs": rows + np.arange(3.0).reshape(3, 1) / 8},
        RULES,
        {"obs": np.broadcast_to(rows, (len(rows), 3, 1))},
        event_shapes={"obs": np.maximum(sizes, 0)},
        **kwargs,
    )


def same(a: Tokens, b: Tokens) -> bool:
    """Return whether two Tokens agree in layout, kinds, dtypes and values."""
    mine, theirs = jax.tree.leaves(a), jax.tree.leaves(b)
    return a.layout == b.layout and all(
        isinstance(x, jax.Array) == isinstance(y, jax.Array)
        and x.dtype == y.dtype
        and x.shape == y.shape
        and np.array_equal(x, y)
        for x, y in zip(mine, theirs, strict=True)
    )


def host(tokens: Tokens) -> Tokens:
    return jax.tree.map(np.asarray, tokens)


def part(tokens: Tokens, index) -> Tokens:
    return jax.tree.map(lambda leaf: leaf[index], tokens)


SIZES = [3, 0, 5, 1, 0, 4]
N = sum(SIZES)


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """Return a dataset of several shards, two of them without samples."""
    folder = tmp_path_factory.mktemp("shards") / "dataset"
    start = 0
    with DatasetWriter(folder) as writer:
        for size in SIZES:
            writer.append(make_tokens(start, start + size))
            start += size
    return folder


@pytest.fixture(scope="module")
def whole() -> Tokens:
    """Return all samples of the dataset, built at once."""
    return make_tokens(0, N)


@pytest.fixture(params=[False, True], ids=["jax", "numpy"])
def numpy(request) -> bool:
    return request.param


@pytest.fixture
def dataset(folder, numpy) -> StoredDataset:
    return open_dataset(folder, numpy=numpy)


@pytest.fixture
def expected(whole, numpy) -> Tokens:
    return host(whole) if numpy else whole


# --- reading ------------------------------------------------------------------


def test_a_dataset_knows_its_samples_and_shards(dataset, whole, folder):
    """No shard is opened."""
    assert isinstance(dataset, StoredDataset)
    assert len(dataset) == N
    assert dataset.layout == whole.layout
    assert [shard.n_samples for shard in dataset.shards] == SIZES
    assert [shard.file for shard in dataset.shards] == sorted(
        path.name for path in folder.glob("shard-*")
    )
    assert repr(dataset) == (
        f"StoredDataset({N} samples in 6 shards, TokenLayout(mu: (1,)+(1,), "
        "obs: (3,)+(1,)))"
    )


def test_load_returns_all_samples(dataset, expected):
    assert same(dataset.load(), expected)


@pytest.mark.parametrize("index", range(-N, N))
def test_one_sample_has_no_sample_axis(dataset, expected, index):
    """The index counts from either end, and is any kind of integer."""
    assert same(dataset[index], part(expected, index))
    assert same(dataset[np.int32(index)], part(expected, index))


@pytest.mark.parametrize("index", [N, -N - 1, 10**30])
def test_there_are_no_samples_beyond_the_ends(dataset, index):
    with pytest.raises(IndexError) as caught:
        dataset[index]
    assert str(caught.value) == (
        f"There is no sample {index} in a dataset of {N}."
    )


def test_iteration_ends(dataset, expected):
    """Iteration uses indices until the first that does not exist."""
    samples = list(dataset)
    assert len(samples) == N
    for i, sample in enumerate(samples):
        assert same(sample, part(expected, i))


BOUNDS = st.none() | st.integers(-N - 3, N + 3)


@given(BOUNDS, BOUNDS)
@cases(300)
def test_ranges_are_those_of_a_sequence(folder, whole, start, stop):
    """They span shards, empty or not, like Python slices."""
    found = open_dataset(folder, numpy=True)[start:stop]
    assert same(found, part(host(whole), slice(start, stop)))


def test_a_range_has_step_one(dataset, expected):
    assert same(dataset[2:9:1], part(expected, slice(2, 9)))
    for step in (2, -1):
        with pytest.raises(ValueError, match=f"step 1, not {step}"):
            dataset[::step]
    with pytest.raises(TypeError):
        dataset[[1, 2]]
    with pytest.raises(TypeError):
        dataset[1.0]


def test_samples_may_be_changed(folder, whole):
    """They belong to the caller only."""
    dataset = open_dataset(folder, numpy=True)
    for index in (4, slice(1, 12)):
        dataset[index].data[...] = -1
        assert same(dataset[index], part(host(whole), index))


@pytest.mark.parametrize("sample_shape", [(4,), (4, 2)])
@pytest.mark.parametrize("dtype", ["bfloat16", "complex64", "int8", "bool"])
def test_other_dtypes_and_sample_axes(tmp_path, numpy, sample_shape, dtype):
    """Some of these dtypes are stored only as bytes."""
    values = np.arange(np.prod(sample_shape) * 6).reshape(*sample_shape, 3, 2)
    tokens = Tokens.from_pytree(
        {"x": jax.device_put((values % 5).astype(jax.numpy.dtype(dtype)))},
        {},
        sample_ndims=len(sample_shape),
    )
    with DatasetWriter(tmp_path) as writer:
        writer.append(tokens)
        writer.append(part(tokens, slice(1, 3)))
    dataset = open_dataset(tmp_path, numpy=numpy)
    expected = host(tokens) if numpy else tokens
    for index in (0, slice(3), slice(2, 4), slice(2, 2)):
        assert same(dataset[index], part(expected, index))
    assert same(dataset[4:], part(expected, slice(1, 3)))
    assert same(dataset[-1], part(expected, 2))


def test_wide_dtypes_need_numpy(tmp_path):
    """Jax would narrow them, so opening the dataset raises an error."""
    tokens = host(make_tokens(0, 3))
    wide = replace(tokens, data=tokens.data.astype(np.float64))
    with DatasetWriter(tmp_path) as writer:
        writer.append(wide)
    assert same(open_dataset(tmp_path, numpy=True).load(), wide)
    with pytest.raises(TypeError) as caught:
        open_dataset(tmp_path)
    assert str(caught.value) == (
        f"{tmp_path}: 'data' has the dtype float64, which JAX would narrow to "
        "float32. Load with numpy=True, or call "
        "jax.config.update('jax_enable_x64', True) first."
    )


def test_only_what_is_asked_for_is_read(tmp_path):
    """Other shards, and other rows of a shard, are not read."""
    n_bytes = 8_000_000
    data = np.zeros((1000, 1, n_bytes // 4000), np.float32)
    layout = Tokens.from_pytree({"x": data[:1]}, {}).layout
    with DatasetWriter(tmp_path) as writer:
        writer.append(Tokens(data, layout))
        writer.append(Tokens(data, layout))
    dataset = open_dataset(tmp_path, numpy=True)
    (tmp_path / dataset.shards[1].file).unlink()
    tracemalloc.start()
    try:
        dataset[500:510]
        dataset[7]
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < n_bytes / 10
    with pytest.raises(StorageError):
        dataset[1000]


def test_an_open_dataset_stays_as_it_was(tmp_path):
    """Shards that are written later are not part of it."""
    with DatasetWriter(tmp_path) as writer:
        writer.append(make_tokens(0, 3))
        first = open_dataset(tmp_path)
        writer.append(make_tokens(3, 7))
        assert len(first) == 3
        assert same(open_dataset(tmp_path).load(), make_tokens(0, 7))
    assert same(first.load(), make_tokens(0, 3))


@pytest.mark.parametrize("folder_is_there", [False, True])
def test_no_dataset_is_not_found(tmp_path, folder_is_there):
    folder = tmp_path / "data"
    if folder_is_there:
        DatasetWriter(folder).close()
    with pytest.raises(FileNotFoundError) as caught:
        open_dataset(folder)
    assert str(caught.value) == (
        f"There is no file {folder / 'manifest.json'}. Pass the folder of a "
        "dataset that a DatasetWriter has written."
    )


# --- data loaders -------------------------------------------------------------


def test_a_pickled_dataset_opens_its_own_files(dataset, expected):
    """Workers of a data loader do so, before and after reading."""
    for _ in range(2):
        copy = pickle.loads(pickle.dumps(dataset))
        assert same(copy.load(), expected)
        assert same(copy[3], dataset[3])


def test_grain_reads_the_samples(folder, whole):
    """They are shuffled, batched, and resumed after an interruption."""
    grain = pytest.importorskip("grain")
    dataset = open_dataset(folder, numpy=True)
    epoch = grain.MapDataset.source(dataset).shuffle(seed=3).batch(4)
    batches = list(epoch)
    assert len(batches) == N // 4 + 1
    order = []
    for batch in batches:
        assert isinstance(batch, Tokens)
        rows = batch.data[:, 0, 0].astype(int)
        assert batch.data.shape == (len(rows), 4, 1)
        assert same(batch, part(host(whole), rows))
        order += rows.tolist()
    assert [len(batch.data) for batch in batches] == [4, 4, 4, 1]
    assert sorted(order) == list(range(N))
    assert order != sorted(order)

    iterator = iter(epoch.to_iter_dataset())
    next(iterator)
    state = iterator.get_state()
    rest = list(iterator)
    assert len(rest) == len(batches) - 1
    again = iter(
        grain.MapDataset.source(open_dataset(folder, numpy=True))
        .shuffle(seed=3)
        .batch(4)
        .to_iter_dataset()
    )
    again.set_state(json.loads(json.dumps(state)))
    for first, second in zip(rest, again, strict=True):
        assert same(first, second)


# --- writing ------------------------------------------------------------------


def test_a_writer_goes_on_after_the_last_shard(tmp_path):
    """It reports its position."""
    folder = tmp_path / "new" / "dataset"
    for start in (0, 6):
        with DatasetWriter(folder) as writer:
            assert (writer.n_samples, writer.n_shards) == (start, start // 3)
            writer.append(make_tokens(start, start + 3))
            writer.append(make_tokens(start + 3, start + 6))
            assert writer.n_samples == start + 6
    assert writer.n_shards == 4
    assert repr(writer) == (
        f"DatasetWriter({str(folder)!r}, 12 samples in 4 shards)"
    )
    assert same(open_dataset(folder).load(), make_tokens(0, 12))


def test_a_shard_is_a_file_of_tokens(tmp_path):
    """The dataset contains all of them, joined."""
    first, second = make_tokens(0, 3), make_tokens(3, 5)
    with DatasetWriter(tmp_path) as writer:
        writer.append(first)
        writer.append(second)
    loaded = [Tokens.load(path) for path in sorted(tmp_path.glob("shard-*"))]
    assert same(loaded[0], first)
    assert same(loaded[1], second)
    joined = concatenate_tokens(first, second)
    assert same(open_dataset(tmp_path).load(), joined)


@pytest.mark.parametrize("step", ["shard", "manifest"])
def test_an_interruption_between_two_steps(tmp_path, monkeypatch, step):
    """The old content is kept; the next writer removes the remains."""
    with DatasetWriter(tmp_path) as writer:
        writer.append(make_tokens(0, 3))
    rename = os.replace

    def killed(source, target):
        if Path(target).name.startswith(step):
            # As when the process is killed, without any cleanup.
            monkeypatch.setattr(Path, "unlink", lambda *_, **__: None)
            raise KeyboardInterrupt
        rename(source, target)

    monkeypatch.setattr(os, "replace", killed)
    writer = DatasetWriter(tmp_path)
    with pytest.raises(KeyboardInterrupt), writer:
        writer.append(make_tokens(77, 99))
    monkeypatch.undo()
    assert len(list(tmp_path.glob(".*.tmp"))) == 1
    assert len(list(tmp_path.glob("shard-*"))) == 1 + (step == "manifest")
    assert same(open_dataset(tmp_path).load(), make_tokens(0, 3))

    with DatasetWriter(tmp_path) as writer:
        assert (writer.n_samples, writer.n_shards) == (3, 1)
        assert list(tmp_path.glob(".*.tmp")) == []
        writer.append(make_tokens(3, 4))
    assert same(open_dataset(tmp_path).load(), make_tokens(0, 4))
    assert len(list(tmp_path.glob("shard-*"))) == 2


@pytest.mark.parametrize("n_good", range(4))
def test_a_failed_append_can_be_repeated(tmp_path, monkeypatch, n_good):
    """The same writer repeats it, with correct numbers.

    Shard, manifest, and their folder are flushed to disk.
    """
    with DatasetWriter(tmp_path) as writer:
        writer.append(make_tokens(0, 3))
        called = []

        def fail(descriptor):
            called.append(descriptor)
            if len(called) > n_good:
                raise OSError("full")

        with monkeypatch.context() as patch:
            patch.setattr(os, "fsync", fail)
            with pytest.raises(OSError, match="full"):
                writer.append(make_tokens(3, 4))
        assert (writer.n_samples, writer.n_shards) == (3, 1)
        writer.append(make_tokens(3, 4))
    assert same(open_dataset(tmp_path).load(), make_tokens(0, 4))


def test_shards_without_their_manifest_are_not_overwritten(tmp_path):
    """The manifest was lost: an interruption leaves at most one of them."""
    with DatasetWriter(tmp_path) as writer:
        writer.append(make_tokens(0, 3))
        writer.append(make_tokens(3, 4))
    manifest = tmp_path / "manifest.json"
    kept = manifest.read_bytes()
    manifest.unlink()
    with pytest.raises(StorageError) as caught:
        DatasetWriter(tmp_path)
    assert str(caught.value) == (
        f"{tmp_path}: its manifest lists 0 shards, but there is also "
        "'shard-000001.safetensors'. Restore manifest.json from a copy, or "
        "move the shards away."
    )
    manifest.write_bytes(kept)
    assert same(open_dataset(tmp_path).load(), make_tokens(0, 4))
    with DatasetWriter(tmp_path) as writer:
        assert writer.n_samples == 4


def test_two_writers_do_not_share_a_folder(tmp_path):
    """The second is refused, in the same process and in others."""
    message = (
        f"{tmp_path}: another DatasetWriter has this folder open. Wait "
        "until it is closed, or choose another folder."
    )
    code = f"from tfmpe import DatasetWriter; DatasetWriter({str(tmp_path)!r})"
    with DatasetWriter(tmp_path) as writer:
        with refused(StorageError, message):
            DatasetWriter(tmp_path)
        other = run_python(code)
        assert other.returncode == 1
        assert message in other.stderr
        writer.append(make_tokens(0, 3))
    assert run_python(code).returncode == 0
    assert len(open_dataset(tmp_path)) == 3


def test_a_refused_writer_lets_go_of_the_folder(tmp_path):
    """The folder can then be repaired and written to."""
    manifest = tmp_path / "manifest.json"
    manifest.write_text("{}")
    for _ in range(2):
        with pytest.raises(StorageError, match="not a record of the format"):
            DatasetWriter(tmp_path)
    manifest.unlink()
    DatasetWriter(tmp_path).close()


def test_a_closed_writer_writes_no_more(tmp_path):
    with DatasetWriter(tmp_path) as writer:
        writer.append(make_tokens(0, 3))
    with pytest.raises(ValueError, match="is closed") as caught:
        writer.append(make_tokens(3, 4))
    assert str(caught.value) == (
        f"The DatasetWriter is closed. Open a new one on {tmp_path}; it "
        "continues after shard 0."
    )
    writer.close()
    assert writer.n_samples == 3


def _relabelled() -> Tokens:
    return make_tokens(0, 2, labels={"mu": 5, "obs": 1})


def _bare() -> Tokens:
    tokens = make_tokens(0, 2)
    keys = tuple(key._replace(n_inputs=None) for key in tokens.layout.keys)
    return Tokens(tokens.data, replace(tokens.layout, keys=keys))


def _other_rules() -> Tokens:
    tokens = make_tokens(0, 2)
    rules = {"mu": np.zeros((2, 1, 1)), "obs": np.zeros((2, 3, 1))}
    other = Tokens.from_pytree(rules, {"local": ["mu"]}, {"obs": rules["obs"]})
    return replace(tokens, layout=other.layout)


HERE, FIRST = "in these Tokens, ", " in the first shard"


def _shapes(name, dtype, a, b):
    return (
        f"one sample of {name!r} is {dtype} of shape {a} {HERE}{dtype} of "
        f"shape {b}{FIRST}"
    )


UNFIT = {
    "another label": (_relabelled, [f"the label of 'mu' is 5 {HERE}0{FIRST}"]),
    "other rules": (
        _other_rules,
        [
            "the set of rules is {'local': ['mu'], 'cross': [], "
            f"'cross_local': []}} {HERE}{{'local': ['obs'], 'cross': "
            f"[('mu', 'obs')], 'cross_local': []}}{FIRST}"
        ],
    ),
    "fewer keys": (
        lambda: make_tokens(0, 2).select_tokens(["mu"]).to_tokens(),
        [
            f"the list of keys is ['mu'] {HERE}['mu', 'obs']{FIRST}",
            *(
                _shapes(name, dtype, a, b)
                for name, dtype, a, b in (
                    ("data", "float32", (1, 1), (4, 1)),
                    ("functional_inputs", "float32", (1, 1), (4, 1)),
                    ("padding", "bool", (1,), (4,)),
                )
            ),
        ],
    ),
    "a size and an array": (
        _bare,
        [
            f"the number of functional inputs of 'obs' is None {HERE}1{FIRST}",
            f"one sample of 'functional_inputs' is missing {HERE}float32 of "
            f"shape (4, 1){FIRST}",
            f"one sample of 'padding' is missing {HERE}bool of shape "
            f"(4,){FIRST}",
        ],
    ),
    "another dtype": (
        lambda: replace(
            make_tokens(0, 2), data=make_tokens(0, 2).data.astype("float16")
        ),
        [
            f"one sample of 'data' is float16 of shape (4, 1) {HERE}float32 "
            f"of shape (4, 1){FIRST}"
        ],
    ),
    "another sample axis": (
        lambda: part(make_tokens(0, 2), np.zeros((2, 5), int)),
        [
            _shapes(name, dtype, (5, *b), b)
            for name, dtype, b in (
                ("data", "float32", (4, 1)),
                ("functional_inputs", "float32", (4, 1)),
                ("padding", "bool", (4,)),
            )
        ],
    ),
}


@pytest.mark.parametrize("what", UNFIT)
def test_shards_have_to_fit_one_another(tmp_path, what):
    """The error names the key and the array that do not fit."""
    build, faults = UNFIT[what]
    with DatasetWriter(tmp_path) as writer:
        writer.append(make_tokens(0, 3))
        with pytest.raises(ValueError, match="Cannot append") as caught:
            writer.append(build())
    intro = f"Cannot append these Tokens to {tmp_path}:"
    lines = [f"{intro} {faults[0]}"]
    if len(faults) > 1:
        lines = [intro, *(f"  - {fault}" for fault in faults)]
    assert str(caught.value).splitlines() == lines
    assert same(open_dataset(tmp_path).load(), make_tokens(0, 3))


def test_the_first_shard_may_lack_what_others_have(tmp_path):
    with DatasetWriter(tmp_path) as writer:
        writer.append(_bare())
        with pytest.raises(ValueError, match="missing in the first shard"):
            writer.append(make_tokens(0, 2))


def test_only_tokens_with_samples_are_appended(tmp_path):
    with DatasetWriter(tmp_path) as writer:
        with pytest.raises(TypeError) as caught:
            writer.append(make_tokens(0, 2).select_tokens(["mu"]))
        assert str(caught.value) == (
            "append takes Tokens, not TokenView. For a view, append "
            "view.to_tokens()."
        )
        with pytest.raises(ValueError, match="with a sample axis"):
            writer.append(part(make_tokens(0, 2), 0))
        assert writer.n_shards == 0


# Forks, so that a kill takes milliseconds: jax has run nothing before.
KILLED_WHILE_APPENDING = """
import json, os, random, signal, sys, time
import numpy as np
from tfmpe import DatasetWriter, KeyLayout, TokenLayout, Tokens, open_dataset

folder = sys.argv[1]
layout = TokenLayout((KeyLayout("mu", ("mu",), 0, (5000,), (1,), 0),))

def append(writer):
    start = writer.n_samples
    rows = np.arange(start, start + 5, dtype=np.float32)
    data = np.tile(rows[:, None, None], (1, 5000, 1))
    writer.append(Tokens(data, layout))

with DatasetWriter(folder) as writer:
    append(writer)
    start = time.monotonic()
    append(writer)
    lasts = time.monotonic() - start
lengths, leftovers = [10], 0
rng = random.Random(0)
def goes_on():
    lasted = time.monotonic() - start
    # On a busy machine many a child is killed before it has begun.
    met_at_work = len(set(lengths)) > 1 and leftovers
    return lasted < 60 if not met_at_work else len(lengths) < 50 and lasted < 4

while goes_on():
    child = os.fork()
    if not child:
        with DatasetWriter(folder) as writer:
            while True:
                append(writer)
    time.sleep(rng.uniform(0, 6 * lasts))
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    data = open_dataset(folder, numpy=True).load().data
    lengths.append(len(data))
    assert (data == np.arange(len(data))[:, None, None]).all(), "mixed"
    leftovers += any(n.endswith(".tmp") for n in os.listdir(folder))
with DatasetWriter(folder) as writer:
    assert writer.n_samples == lengths[-1]
assert not any(n.endswith(".tmp") for n in os.listdir(folder))
print(json.dumps([lengths, leftovers]))
"""


def test_a_killed_writer_leaves_a_dataset_to_go_on_with(tmp_path):
    """Although killed repeatedly, it finally has every sample once."""
    printed = output_of(KILLED_WHILE_APPENDING, tmp_path / "dataset")
    lengths, n_leftovers = json.loads(printed)
    assert lengths == sorted(lengths)
    # Some kills hit writers at work: new shards exist, and unfinished ones too.
    assert len(set(lengths)) > 1
    assert n_leftovers > 0
