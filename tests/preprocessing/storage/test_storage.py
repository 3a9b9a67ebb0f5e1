"""Saving and loading: identical bits, equal layout, atomic writes."""

import copy
import itertools
import json
import os
import sys
import tempfile
from dataclasses import replace
from pathlib import Path

import jax
import ml_dtypes
import numpy as np
import pytest
import safetensors.numpy
from hypothesis import given

from other_process import output_of
from refusals import refused
from strategies import DTYPES, array_of, cases, trees
from tfmpe import Independence, KeyLayout, StorageError, TokenLayout, Tokens
from tfmpe.preprocessing.storage.layout_json import (
    layout_from_json,
    layout_hash,
    layout_to_json,
)

NATIVE = [*DTYPES, "int16", "uint16", "uint32", "uint64"]
AS_BYTES = [
    "complex64",
    "complex128",
    *(
        name
        for name in dir(ml_dtypes)
        if name.startswith(("bfloat", "float8", "float4", "int", "uint"))
    ),
]


def same_bits(a, b) -> bool:
    """Return whether two arrays agree in kind, dtype, shape and every byte."""
    if a is None or b is None:
        return a is b
    x, y = np.asarray(a), np.asarray(b)
    return (
        isinstance(a, jax.Array) == isinstance(b, jax.Array)
        and x.dtype == y.dtype
        and x.shape == y.shape
        and x.tobytes() == y.tobytes()
    )


def same_tokens(a: Tokens, b: Tokens) -> bool:
    """Return whether two Tokens agree in layout and in every byte."""
    return (
        a.layout == b.layout
        and hash(a.layout) == hash(b.layout)
        and same_bits(a.data, b.data)
        and same_bits(a.functional_inputs, b.functional_inputs)
        and same_bits(a.padding, b.padding)
    )


def one_key(*shape: int, **fields) -> TokenLayout:
    """Return a layout of one key."""
    key = KeyLayout("obs", ("obs",), 0, shape[:-1], shape[-1:], 0)
    return TokenLayout((key._replace(**fields),))


def bits_of(dtype: np.dtype, *shape: int) -> np.ndarray:
    """Return an array that contains all byte values that a dtype can have."""
    n_bytes = dtype.itemsize
    for size in shape:
        n_bytes *= size
    raw = (np.arange(n_bytes) * 37 + 11).astype(np.uint8)
    if dtype.kind == "b":
        raw %= 2
    if dtype.name.startswith(("int", "uint")) and dtype.itemsize == 1:
        # For less than eight bits, the upper bits are not part of the value.
        raw = raw.view(np.int8).astype(dtype).view(np.uint8)
    return raw.view(dtype).reshape(shape)


@pytest.fixture
def path(tmp_path) -> Path:
    return tmp_path / "some tokens"


@pytest.fixture
def tokens(make_example) -> Tokens:
    """Return nested keys, all kinds of rules, times and padding."""
    example = make_example("hierarchical_gaussian")
    data = {"mu": example.theta["mu"], "site": {"obs": example.y["obs"]}}
    return Tokens.from_pytree(
        data,
        {
            "local": ["mu"],
            "cross": [("mu", "site/obs")],
            "cross_local": [("site/obs", "site/obs", (0, -2))],
        },
        {"site": {"obs": np.arange(6.0).reshape(3, 2, 1)}},
        event_shapes={"site": {"obs": np.array([2, 1])}},
        labels={"mu": 7, "site/obs": -3},
    )


@pytest.mark.filterwarnings("ignore::tfmpe.PaddingWarning")
@given(trees())
@cases(200)
def test_load_returns_what_was_saved(tree):
    """Layout, kinds of arrays, dtypes, shapes and bits agree."""
    tokens = Tokens.from_pytree(tree.data, **tree.kwargs)
    host = jax.tree.map(np.asarray, tokens)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "tokens")
        tokens.save(path)
        assert same_tokens(Tokens.load(path), tokens)
        assert same_tokens(Tokens.load(str(path), numpy=True), host)
        saved = path.read_bytes()
        host.save(str(path))
        assert path.read_bytes() == saved
        assert os.listdir(folder) == ["tokens"]


@pytest.mark.parametrize("dtype", NATIVE + AS_BYTES)
@pytest.mark.parametrize(
    "shape", [(5, 4, 3), (4, 3), (2, 3, 4, 1), (0, 4, 3), (5, 0, 3), (4, 0)]
)
def test_every_dtype_comes_back_to_the_bit(path, dtype, shape):
    """All numbers of sample axes work, also without values."""
    data = bits_of(np.dtype(dtype), *shape)
    tokens = Tokens(data, one_key(*shape[-2:]))
    tokens.save(path)
    assert same_tokens(Tokens.load(path, numpy=True), tokens)


@pytest.mark.parametrize("dtype", [*NATIVE, *AS_BYTES])
def test_jax_gets_its_dtype_or_an_error(path, dtype):
    """No array is narrowed silently."""
    tokens = Tokens(bits_of(np.dtype(dtype), 5, 4, 3), one_key(4, 3))
    tokens.save(path)
    try:
        expected = jax.device_put(np.zeros(1, dtype))
    except TypeError:
        pytest.skip("this version of jax has no such dtype")
    if expected.dtype == tokens.data.dtype:
        assert same_bits(Tokens.load(path).data, jax.device_put(tokens.data))
        return
    with pytest.raises(TypeError) as caught:
        Tokens.load(path)
    assert str(caught.value) == (
        f"{path}: 'data' has the dtype {dtype}, which JAX would narrow to "
        f"{expected.dtype}. Load with numpy=True, or call "
        "jax.config.update('jax_enable_x64', True) first."
    )


def test_wide_dtypes_with_x64(path, x64):
    """They are loaded unchanged if jax supports them."""
    Tokens(bits_of(np.dtype("float64"), 5, 4, 3), one_key(4, 3)).save(path)
    with x64():
        loaded = Tokens.load(path)
        assert isinstance(loaded.data, jax.Array)
        assert loaded.data.dtype == np.float64
        assert same_bits(
            np.asarray(loaded.data), Tokens.load(path, numpy=True).data
        )


MEMORY_LAYOUTS = {
    "transposed": lambda x: np.ascontiguousarray(x.T).T,
    "Fortran order": np.asfortranarray,
    "every second": lambda x: np.repeat(x, 2, axis=1)[:, ::2],
    "reversed": lambda x: x[::-1].copy()[::-1],
    "big-endian": lambda x: x.astype(x.dtype.newbyteorder(">")),
    "repeated": lambda x: np.broadcast_to(x[:1], x.shape),
    "read-only": lambda x: jax.device_get(jax.numpy.asarray(x)),
}


@pytest.mark.parametrize("dtype", ["float32", "int16", "complex64", "bfloat16"])
@pytest.mark.parametrize("arranged", MEMORY_LAYOUTS)
def test_how_an_array_lies_in_memory_does_not_matter(path, dtype, arranged):
    """Only values, dtype and shape matter; bytes are stored in one order."""
    plain = array_of((4, 3, 2), "int8", 3).astype(dtype)
    data = MEMORY_LAYOUTS[arranged](plain)
    padding = MEMORY_LAYOUTS[arranged](plain[..., 0].real.astype(bool))
    Tokens(data, one_key(3, 2), None, padding).save(path)
    loaded = Tokens.load(path, numpy=True)
    np.testing.assert_array_equal(loaded.data, data)
    np.testing.assert_array_equal(loaded.padding, padding)
    assert loaded.data.dtype == np.dtype(dtype)
    assert loaded.data.flags.c_contiguous
    assert loaded.data.flags.writeable


@pytest.mark.parametrize("dtype", NATIVE)
def test_other_tools_read_native_dtypes(path, dtype):
    """The arrays have the names of the leaves."""
    tokens = Tokens(bits_of(np.dtype(dtype), 5, 4, 3), one_key(4, 3))
    tokens.save(path)
    arrays = safetensors.numpy.load_file(path)
    assert arrays.keys() == {"data"}
    assert same_bits(arrays["data"], tokens.data)


def test_other_tools_read_other_dtypes_as_bytes(path):
    """The arrays have one more axis."""
    data = bits_of(np.dtype("complex64"), 5, 4, 3)
    Tokens(data, one_key(4, 3)).save(path)
    raw = safetensors.numpy.load_file(path)["data"]
    assert raw.dtype == np.uint8
    assert raw.shape == (5, 4, 3, 8)
    assert raw.tobytes() == data.tobytes()


def test_a_view_is_saved_as_tokens_of_its_own(tokens, path):
    """Its tokens may be wider than their keys need."""
    wide = replace(tokens, data=np.zeros((*tokens.data.shape[:-1], 3)))
    for whole in (tokens, wide):
        part = whole.select_tokens(["site/obs"]).to_tokens()
        part.save(path)
        numpy = isinstance(part.data, np.ndarray)
        loaded = Tokens.load(path, numpy=numpy)
        assert loaded.layout == part.layout
        np.testing.assert_array_equal(loaded.data, part.data)
    neither = tokens.select_tokens(["mu"]).to_tokens()
    neither.save(path)
    assert same_tokens(Tokens.load(path), neither)


def test_nothing_compiles_anew_after_loading(tokens, path):
    """A loaded layout is the same cache key."""
    traced = []

    @jax.jit
    def total(tokens):
        traced.append(tokens.layout)
        return tokens.data.sum()

    tokens.save(path)
    assert total(tokens) == total(Tokens.load(path))
    assert len(traced) == 1


def test_the_file_has_the_usual_permissions(tokens, path):
    """It has those of a file from ``open``, so that others may read it."""
    tokens.save(path)
    (path.parent / "plain").touch()
    modes = {entry.stat().st_mode for entry in path.parent.iterdir()}
    assert len(modes) == 1


UNFIT = {
    "no data": (
        {"data": None},
        "its arrays are ['functional_inputs', 'padding'], expected 'data' and "
        "optionally 'functional_inputs' and 'padding'",
    ),
    "objects": (
        {"data": np.zeros((4, 7, 1), object)},
        "'data' has the dtype object, which JAX does not have",
    ),
    "text": (
        {"data": np.zeros((4, 7, 1), "U3")},
        "'data' has the dtype <U3, which JAX does not have",
    ),
    "another number of tokens": (
        {"data": np.zeros((4, 6, 1))},
        "its data have the shape (4, 6, 1), but its layout has 7 tokens of "
        "width 1",
    ),
    "no room for the values": (
        {"data": np.zeros((4, 7, 0))},
        "its data have the shape (4, 7, 0), but its layout has 7 tokens of "
        "width 1",
    ),
    "no token axis": (
        {"data": np.zeros(7)},
        "its data have the shape (7,), but its layout has 7 tokens of width 1",
    ),
    "no inputs": (
        {"functional_inputs": None},
        "it has no functional inputs, but its layout names some",
    ),
    "inputs of other samples": (
        {"functional_inputs": np.zeros((3, 7, 1))},
        "its functional inputs have the shape (3, 7, 1), expected (4, 7) "
        "and a last axis of length 1 or more",
    ),
    "too few inputs": (
        {"functional_inputs": np.zeros((4, 7, 0))},
        "its functional inputs have the shape (4, 7, 0), expected (4, 7) "
        "and a last axis of length 1 or more",
    ),
    "padding of other samples": (
        {"padding": np.zeros((4, 6), bool)},
        "its padding has the dtype bool and the shape (4, 6), expected bool "
        "and (4, 7)",
    ),
    "padding of numbers": (
        {"padding": np.zeros((4, 7), np.int8)},
        "its padding has the dtype int8 and the shape (4, 7), expected bool "
        "and (4, 7)",
    ),
    "a label that no array of labels holds": (
        {"layout": one_key(7, 1, label=2**31)},
        "its description is invalid (ValueError: labels of 'obs' is "
        "2147483648; expected an integer from -2147483648 to 2147483647: "
        "labels are int32)",
    ),
    "rules without keys": (
        {
            "layout": TokenLayout(
                one_key(7, 1).keys, Independence(local=("ob",))
            )
        },
        "its description is invalid (UnknownKeyError: Unknown key in "
        "independence: the local rule 'ob' names 'ob', which is not among the "
        "keys ['obs']. Did you mean 'obs'?)",
    ),
}


@pytest.mark.parametrize("what", UNFIT)
def test_what_could_not_be_loaded_is_not_saved(tokens, path, what):
    """The existing file is not changed."""
    tokens.save(path)
    changes, message = UNFIT[what]
    # Transforms may return such leaves; argument types are checked here.
    damaged = copy.copy(tokens)
    for name, value in changes.items():
        object.__setattr__(damaged, name, value)
    with pytest.raises(StorageError) as caught:
        damaged.save(path)
    assert str(caught.value) == (
        f"These Tokens cannot be stored: {message}. Build them with "
        "Tokens.from_pytree."
    )
    assert same_tokens(Tokens.load(path), tokens)
    assert list(path.parent.iterdir()) == [path]


def test_save_does_not_run_under_jit(tokens, path):
    """Values are not known under jit."""

    @jax.jit
    def save(tokens):
        tokens.save(path)

    with pytest.raises(jax.errors.TracerArrayConversionError):
        save(tokens)
    assert not path.exists()


def test_a_missing_file_is_not_found(path):
    with refused(FileNotFoundError, f"There is no file {path}."):
        Tokens.load(path)


def test_without_safetensors_the_error_says_what_to_install(
    tokens, path, monkeypatch
):
    monkeypatch.setitem(sys.modules, "safetensors", None)
    monkeypatch.setitem(sys.modules, "safetensors.numpy", None)
    for call in (tokens.save, Tokens.load):
        with pytest.raises(ImportError) as caught:
            call(path)
        assert str(caught.value) == (
            "Tokens are stored with safetensors. Install it with pip install "
            "'tfmpe[data]'."
        )


# --- written whole or not at all ---------------------------------------------


def test_content_is_on_disk_before_it_has_the_name(tokens, path, monkeypatch):
    """The name is on disk before ``save`` returns."""
    events = []
    fsync, rename = os.fsync, os.replace

    def recorded_fsync(descriptor):
        name = os.readlink(f"/proc/self/fd/{descriptor}")
        size = os.fstat(descriptor).st_size
        events.append(("fsync", Path(name).suffix, size))
        fsync(descriptor)

    def recorded_rename(source, target):
        events.append(("replace", Path(source).suffix, Path(target)))
        rename(source, target)

    monkeypatch.setattr(os, "fsync", recorded_fsync)
    monkeypatch.setattr(os, "replace", recorded_rename)
    if not Path("/proc/self/fd").exists():
        pytest.skip("file descriptors have no names here")
    tokens.save(path)
    assert events == [
        ("fsync", ".tmp", path.stat().st_size),
        ("replace", ".tmp", path),
        ("fsync", path.parent.suffix, path.parent.stat().st_size),
    ]


@pytest.mark.parametrize("step", ["fsync", "replace"])
@pytest.mark.parametrize("error", [OSError("full"), KeyboardInterrupt()])
def test_an_error_leaves_the_old_file_alone(
    tokens, path, monkeypatch, step, error
):
    """The temporary file is removed."""
    tokens.save(path)

    def fail(*args):
        raise error

    monkeypatch.setattr(os, step, fail)
    with pytest.raises(type(error)):
        replace(tokens, data=tokens.data + 1).save(path)
    monkeypatch.undo()
    assert same_tokens(Tokens.load(path), tokens)
    assert list(path.parent.iterdir()) == [path]


def test_a_folder_that_is_not_there_is_not_found(tokens, tmp_path):
    with pytest.raises(FileNotFoundError):
        tokens.save(tmp_path / "absent" / "tokens")


# Forks, so that a kill takes milliseconds: jax has run nothing before.
KILLED_WHILE_SAVING = """
import json, os, random, signal, sys, time
import numpy as np
from tfmpe import KeyLayout, TokenLayout, Tokens

path, n_kills = sys.argv[1], int(sys.argv[2])
layout = TokenLayout((KeyLayout("mu", ("mu",), 0, (50,), (1,), 0),))

def save(value):
    data = np.full((500, 50, 1), value, np.float32)
    padding = np.full((500, 50), value % 2, bool)
    Tokens(data, layout, None, padding).save(path)

save(0)
start = time.monotonic()
save(0)
lasts = time.monotonic() - start
value, found, leftovers = 0, set(), 0
rng = random.Random(0)
for _ in range(n_kills):
    if time.monotonic() - start > 4:
        break
    child = os.fork()
    if not child:
        while True:
            value += 1
            save(value)
    time.sleep(rng.uniform(0, 6 * lasts))
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    tokens = Tokens.load(path, numpy=True)
    value = int(tokens.data[0, 0, 0])
    assert (tokens.data == value).all(), "mixed"
    assert (tokens.padding == value % 2).all(), "arrays of two saves"
    assert value >= max(found, default=0), "went back"
    found.add(value)
    for entry in os.scandir(os.path.dirname(path)):
        if entry.name.endswith(".tmp"):
            leftovers += 1
            os.unlink(entry.path)
print(json.dumps([len(found), leftovers]))
"""


def test_a_killed_writer_leaves_a_whole_file(path):
    """It is the old or the new one, whenever the process is killed."""
    n_found, n_leftovers = json.loads(output_of(KILLED_WHILE_SAVING, path, 100))
    # Some kills hit writers at work: new files exist, and unfinished ones too.
    assert n_found > 1
    assert n_leftovers > 0


# --- layouts as JSON ----------------------------------------------------------


def test_the_written_layout_is_the_documented_one(tokens):
    """It has only JSON values, and no offsets."""
    written = layout_to_json(tokens.layout)
    assert json.loads(json.dumps(written)) == {
        "keys": [
            {
                "name": "mu",
                "path": ["mu"],
                "event_shape": [1],
                "batch_shape": [1],
                "label": 7,
                "n_inputs": None,
            },
            {
                "name": "site/obs",
                "path": ["site", "obs"],
                "event_shape": [3, 2],
                "batch_shape": [1],
                "label": -3,
                "n_inputs": 1,
            },
        ],
        "independence": {
            "local": ["mu"],
            "cross": [["mu", "site/obs"]],
            "cross_local": [["site/obs", "site/obs", [0, -2]]],
        },
    }


@pytest.mark.parametrize("named", [False, True])
def test_only_named_dimensions_need_the_second_version(path, named):
    """Older versions of tfmpe can therefore read all other files."""
    ids = {"obs": {"site": np.array([1, 0, 1])}}
    data = {"obs": np.zeros((2, 3, 1)), "mu": np.zeros((2, 2, 1))}
    Tokens.from_pytree(
        data,
        {"cross_local": [("mu", "obs", "site")] if named else []},
        dims={"mu": ["site"]} if named else None,
        groups=ids if named else None,
    ).save(path)
    with safetensors.safe_open(path, framework="np") as file:
        record = json.loads(file.metadata()["tfmpe"])
    assert record["version"] == (2 if named else 1)
    obs, mu = record["layout"]["keys"]
    assert obs.get("groups") == (
        {"site": {"size": 2, "ids": [1, 0, 1]}} if named else None
    )
    assert mu.get("dims") == (["site"] if named else None)


@pytest.mark.filterwarnings("ignore::tfmpe.PaddingWarning")
@given(trees())
@cases(200)
def test_layouts_go_through_json(tree):
    """Equal layouts have the same hash."""
    layout = Tokens.from_pytree(tree.data, **tree.kwargs).layout
    written = json.loads(json.dumps(layout_to_json(layout)))
    again = layout_from_json(written)
    assert again == layout
    assert hash(again) == hash(layout)
    assert again.independence.declared == layout.independence.declared
    assert layout_hash(again) == layout_hash(layout)


@pytest.mark.parametrize(
    "rules",
    [
        Independence(),
        Independence(declared=True),
        Independence.parse({}),
        Independence.parse({"local": []}),
        Independence(local=("obs",)),
        Independence.parse({"cross_local": [("obs", "obs", None)]}),
    ],
)
def test_rules_go_through_json(rules):
    """The result also records whether any rules were declared."""
    layout = TokenLayout(one_key(7, 1).keys, rules)
    again = layout_from_json(json.loads(json.dumps(layout_to_json(layout))))
    assert again.independence == rules
    assert again.independence.declared == rules.declared


def test_different_layouts_have_different_hashes():
    """Every part of a layout affects the hash."""
    base = one_key(7, 1)
    two = (*base.keys, KeyLayout("mu", ("mu",), 7, (1,), (1,), 1))
    rules = [
        Independence(declared=True),
        Independence(local=("obs",)),
        Independence.parse({"cross": [("obs", "obs")]}),
        Independence.parse({"cross_local": [("obs", "obs", None)]}),
        Independence.parse({"cross_local": [("obs", "obs", (0, 0))]}),
        Independence.parse({"cross_local": [("obs", "obs", (0, -1))]}),
    ]
    layouts = [
        base,
        one_key(7, 1, name="x", path=("x",)),
        one_key(7, 1, path=("o", "bs")),
        one_key(7, 1, event_shape=(1, 7)),
        one_key(7, 1, batch_shape=()),
        one_key(7, 1, label=1),
        one_key(7, 1, n_inputs=0),
        one_key(7, 1, n_inputs=1),
        TokenLayout(two),
        TokenLayout(two[::-1]),
        *(TokenLayout(base.keys, each) for each in rules),
    ]
    for a, b in itertools.combinations(layouts, 2):
        assert a != b
        assert layout_hash(a) != layout_hash(b)


def test_the_hash_is_that_of_every_process(tokens):
    """It does not depend on the seed of Python's own hash."""
    code = """
import json, sys
from tfmpe.preprocessing.storage.layout_json import (
    layout_from_json,
    layout_hash,
)
print(layout_hash(layout_from_json(json.loads(sys.argv[1]))))
"""
    written = json.dumps(layout_to_json(tokens.layout))
    other = output_of(code, written, PYTHONHASHSEED="1")
    assert other.strip() == layout_hash(tokens.layout)
    # Files outlive versions of this package.
    assert layout_hash(one_key(7, 1)) == (
        "ed744afeba8f38e2d55afe1a33e1a75a38b837e4eb9657022600b1396422d131"
    )
