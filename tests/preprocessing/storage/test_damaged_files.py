"""Damaged files: an error, or exactly the correct content.

The tests build invalid records only from the documented format: a JSON text
whose ``sha256`` is that of its sorted, compact form without it.
"""

import copy
import hashlib
import json
import os
import pickle
import random
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jax
import numpy as np
import pytest
import safetensors
import safetensors.numpy

from nightly import several
from tfmpe import DatasetWriter, StorageError, Tokens, open_dataset


@pytest.fixture(scope="module")
def tokens() -> Tokens:
    """Return two keys with all leaves, in NumPy."""
    tokens = Tokens.from_pytree(
        {
            "mu": np.arange(2.0, dtype=np.float32).reshape(2, 1, 1),
            "site": {"obs": np.ones((2, 3, 1), np.float32)},
        },
        {"local": ["site/obs"], "cross_local": [("mu", "mu", (0, 0))]},
        {"site": {"obs": np.arange(3.0).reshape(3, 1)}},
        event_shapes={"site": {"obs": np.array([2])}},
    )
    return jax.tree.map(np.asarray, tokens)


@pytest.fixture(scope="module")
def saved(tokens, tmp_path_factory) -> bytes:
    """Return the bytes of a valid file."""
    path = tmp_path_factory.mktemp("good") / "tokens"
    tokens.save(path)
    return path.read_bytes()


@pytest.fixture
def path(tmp_path) -> Path:
    return tmp_path / "tokens"


def refusal(call: Callable[[], Any], path: Path) -> str:
    """Return the text of a refusal after the path, on one line."""
    with pytest.raises(StorageError) as caught:
        call()
    message = str(caught.value)
    assert message.startswith(f"{path}: ")
    assert "\n" not in message
    assert message.endswith(".")
    assert len(message) < len(str(path)) + 500
    return message.removeprefix(f"{path}: ")


def check(path: Path, tokens: Tokens) -> bool:
    """Return whether a file is read correctly; otherwise it is refused."""
    try:
        found = Tokens.load(path, numpy=True)
    except StorageError:
        return False
    assert found.layout == tokens.layout
    for mine, theirs in zip(
        jax.tree.leaves(found), jax.tree.leaves(tokens), strict=True
    ):
        assert mine.dtype == theirs.dtype
        assert mine.shape == theirs.shape
        assert mine.tobytes() == theirs.tobytes()
    return True


# --- damage -------------------------------------------------------------------


def test_flipped_bits_are_found(path, tokens, saved):
    """They may be in the header, its length field, or the arrays."""
    rng = random.Random(0)
    refused, n = 0, several(3000, 300)
    for position in rng.sample(range(8 * len(saved)), n):
        damaged = bytearray(saved)
        damaged[position // 8] ^= 1 << position % 8
        path.write_bytes(damaged)
        refused += not check(path, tokens)
    assert refused == n


def test_several_flipped_bits_are_found(path, tokens, saved):
    rng = random.Random(1)
    for _ in range(several(300, 50)):
        damaged = bytearray(saved)
        for position in rng.sample(range(len(saved)), rng.randint(2, 9)):
            damaged[position] = rng.randrange(256)
        path.write_bytes(damaged)
        assert check(path, tokens) == (damaged == saved)


def test_every_truncation_is_found(path, tokens, saved):
    for length in range(len(saved)):
        path.write_bytes(saved[:length])
        assert not check(path, tokens)


def test_other_lengths_are_found(path, tokens, saved):
    """Bytes are added at the end, start or between, or removed there."""
    rng = random.Random(2)
    for _ in range(200):
        at, n = rng.randrange(len(saved) + 1), rng.randint(1, 20)
        for damaged in (
            saved[:at] + rng.randbytes(n) + saved[at:],
            saved[:at] + bytes(n) + saved[at:],
            saved[:at] + saved[at + n :],
            saved + rng.randbytes(n),
        ):
            path.write_bytes(damaged)
            assert check(path, tokens) == (damaged == saved)


def test_the_check_sees_what_is_wrong(path, tokens, saved):
    """A valid file with a different value does not pass."""
    path.write_bytes(saved)
    assert check(path, tokens)
    other = Tokens(
        tokens.data + 1, tokens.layout, tokens.functional_inputs, tokens.padding
    )
    with pytest.raises(AssertionError):
        check(path, other)


def test_what_a_flipped_value_says(path, saved):
    damaged = bytearray(saved)
    damaged[-3] ^= 1
    path.write_bytes(damaged)
    assert refusal(lambda: Tokens.load(path), path) == (
        "its array 'padding' does not match its checksum. Restore it from a "
        "copy, or write it again."
    )


# --- files of others ----------------------------------------------------------


class Trap:
    """Runs code when it is unpickled."""

    def __reduce__(self):
        return (os.mkdir, ("sprung",))


def _npz(path: Path) -> None:
    with path.open("wb") as file:
        np.savez(file, data=np.zeros(3))


def _object_npy(path: Path) -> None:
    with path.open("wb") as file:
        np.save(file, np.array([Trap()], object), allow_pickle=True)


FOREIGN = {
    "empty": lambda path: path.touch(),
    "text": lambda path: path.write_text("some text, and more of it"),
    "json": lambda path: path.write_text('{"format": "tfmpe.tokens"}'),
    "zeros": lambda path: path.write_bytes(bytes(100)),
    "pickle": lambda path: path.write_bytes(pickle.dumps(Trap())),
    "npz": _npz,
    "npy with objects": _object_npy,
    "huge header": lambda path: path.write_bytes(b"\xff" * 7 + b"\0{}"),
    "folder": lambda path: path.mkdir(),
    "pipe": lambda path: os.mkfifo(path),
    "safetensors": lambda path: safetensors.numpy.save_file(
        {"data": np.zeros((2, 4, 1))}, path
    ),
    "safetensors with notes": lambda path: safetensors.numpy.save_file(
        {"data": np.zeros((2, 4, 1))}, path, {"author": "somebody"}
    ),
    "safetensors without arrays": lambda path: safetensors.numpy.save_file(
        {}, path
    ),
}


@pytest.mark.parametrize("kind", FOREIGN)
def test_files_of_others_are_refused(path, kind, monkeypatch):
    """Their content is not executed either."""
    monkeypatch.chdir(path.parent)
    FOREIGN[kind](path)
    said = refusal(lambda: Tokens.load(path), path)
    assert said.endswith("Pass one that tokens.save wrote.")
    assert os.listdir() == [path.name]


# --- forged records -----------------------------------------------------------


def sealed(record: dict[str, Any]) -> str:
    """Return a record with its own checksum."""
    record = {name: record[name] for name in record if name != "sha256"}
    text = json.dumps(record, sort_keys=True, separators=(",", ":"))
    return json.dumps(
        {**record, "sha256": hashlib.sha256(text.encode()).hexdigest()}
    )


@pytest.fixture(scope="module")
def good(saved) -> dict[str, Any]:
    """Return the record of a valid file."""
    n = int.from_bytes(saved[:8], "little")
    header = json.loads(saved[8 : 8 + n])
    return json.loads(header["__metadata__"]["tfmpe"])


def write(
    path: Path, text: str, tokens: Tokens, **arrays: np.ndarray | None
) -> None:
    """Write a file whose record is any text."""
    stored = {
        "data": tokens.data,
        "functional_inputs": tokens.functional_inputs,
        "padding": tokens.padding,
        **arrays,
    }
    content = safetensors.numpy.save(
        {name: array for name, array in stored.items() if array is not None},
        {"tfmpe": text},
    )
    path.write_bytes(content)


DROP = object()


def forged(record: dict[str, Any], keys: tuple[Any, ...], value: Any) -> str:
    """Return a record with ``record[key][key]... = value`` and its checksum."""
    record = place = copy.deepcopy(record)
    for key in keys[:-1]:
        place = place[key]
    place[keys[-1]] = value
    if value is DROP:
        del place[keys[-1]]
    return sealed(record)


def every(table: dict[tuple[Any, ...], list[Any]]) -> Any:
    """Return a decorator that runs a test with every value of a table."""
    return pytest.mark.parametrize(
        ("keys", "value"), [(keys, v) for keys in table for v in table[keys]]
    )


MU, OBS = ("layout", "keys", 0), ("layout", "keys", 1)
RULES = ("layout", "independence")
DATA = ("arrays", "data")

# In the layout, wherever it is stored.
FORGED_LAYOUTS = {
    ("layout",): [DROP, None, []],
    ("layout", "keys"): [None, {}, []],
    MU: [None],
    (*MU, "x"): [1],
    (*MU, "name"): [1, "mv"],
    (*MU, "path"): [DROP, "mu", [], [1], ["a"]],
    (*OBS, "path"): [["a", "obs"], ["site/obs"]],
    (*MU, "event_shape"): [[True]],
    (*OBS, "event_shape"): [
        *(3, [-3], [-1, -3], [10**30], [3.0], ["3"], [[3]], [4]),
        [2**30, 0, 2**30],
    ],
    (*OBS, "batch_shape"): [[2**47], [2]],
    (*MU, "label"): ["0", None, 2**31, 1],
    (*OBS, "n_inputs"): [-1, 2, True],
    (*MU, "dims"): [["a", "b"]],
    (*OBS, "dims"): [[], [3]],
    (*OBS, "groups"): [
        [],
        {"a": {"size": 2**40, "ids": [0]}},
        {"a": {"size": 1, "ids": [0, 1, 0]}},
        {"a": {"size": 2, "ids": [0, True, 0]}},
        {"a": {"size": 2, "ids": [0, -1, 0]}},
        {"a": {"size": 2, "ids": [0, 1]}},
    ],
    RULES: [None, []],
    (*RULES, "x"): [[]],
    (*RULES, "local"): [["ob"], [1], [{}], "mu"],
    (*RULES, "cross"): [DROP, [["mu"]]],
    (*RULES, "cross_local"): [
        [["mu", "mu", [False, False]]],
        [["mu", "mu", [0, 10**30]]],
        [["mu", "site/obs", [0, 0]]],
    ],
}
FORGED = FORGED_LAYOUTS | {
    ("version",): [DROP, 0, True, "1"],
    ("arrays",): [DROP, []],
    ("code",): ["1"],
    ("arrays", "labels"): [{"dtype": "bool", "shape": [2]}],
    ("arrays", "padding"): [DROP],
    ("arrays", "padding", "dtype"): ["uint8"],
    ("arrays", "functional_inputs"): [DROP],
    DATA: [DROP, None],
    (*DATA, "dtype"): [
        *("object", "f4", "f4,O", "(", 4, ["f4"], "int32", "bfloat16")
    ],
    (*DATA, "shape"): [[4, 4, 1], [2**60, 4, 1], [-2, 4, 1], [8], None],
    (*DATA, "sha256"): [DROP, "0" * 64, None],
}


@every(FORGED)
def test_forged_records_are_refused(path, tokens, good, keys, value):
    """They are refused although their checksum is correct."""
    write(path, forged(good, keys, value), tokens)
    refusal(lambda: Tokens.load(path), path)


@pytest.mark.parametrize(
    ("keys", "value", "said"),
    [
        (
            ("version",),
            3,
            "it has version 3 of the format 'tfmpe.tokens', but this tfmpe "
            "reads up to version 2. Update tfmpe.",
        ),
        (
            ("format",),
            "tfmpe.dataset",
            "it is not a record of the format 'tfmpe.tokens'.",
        ),
        (
            (*DATA, "dtype"),
            "float3",
            "the dtype of the array 'data' is 'float3', which this version of "
            "JAX does not have. Update JAX.",
        ),
        (
            (*OBS, "event_shape"),
            [4],
            "its data have the shape (2, 4, 1), but its layout has 5 tokens "
            "of width 1. Restore it from a copy, or write it again.",
        ),
        (
            (*RULES, "local"),
            ["ob"],
            "its description is invalid (UnknownKeyError: Unknown key in "
            "independence: the local rule 'ob' names 'ob', which is not among "
            "the keys ['mu', 'site/obs']). Restore it from a copy, or write "
            "it again.",
        ),
        (
            (*MU, "label"),
            False,
            "its description is not in the form that tfmpe writes. Restore it "
            "from a copy, or write it again.",
        ),
    ],
)
def test_what_a_refusal_says(path, tokens, good, keys, value, said):
    write(path, forged(good, keys, value), tokens)
    assert refusal(lambda: Tokens.load(path), path) == said


def test_the_unchanged_record_is_read(path, tokens, good):
    """Therefore, the changes are the reason why others are refused."""
    write(path, sealed(good), tokens)
    assert check(path, tokens)


def test_keys_that_do_not_fit_one_another_are_refused(path, tokens, good):
    """A name twice, an array in place of a group, or an axis of two sizes."""
    mu, obs = good["layout"]["keys"]
    site = {**mu, "name": "site", "path": ["site"], "label": 5}
    groups = {"a": {"size": 2, "ids": [0, 1, 0]}}
    less = {**obs, "event_shape": [2]}
    for keys in (
        [{**mu, "label": 5}, less, mu],
        [site, less, mu],
        [less, site, mu],
        [{**mu, "dims": ["a"]}, {**obs, "groups": groups}],
    ):
        layout = {"keys": keys, "independence": good["layout"]["independence"]}
        write(path, sealed({**good, "layout": layout}), tokens)
        refusal(lambda: Tokens.load(path), path)


def _texts(good: dict[str, Any]) -> dict[str, str]:
    text = sealed(good)
    return {
        "empty": "",
        "no JSON": "{",
        "number": "3",
        "null": "null",
        "list": "[]",
        "nested": "[" * 100_000,
        "nested, closed": "[" * 100_000 + "]" * 100_000,
        "nested dictionaries": '{"a":' * 100_000 + "1" + "}" * 100_000,
        "long number": '{"version":' + "9" * 10_000 + "}",
        "NaN": text.replace("null", "NaN", 1),
        "infinity": text.replace("null", "-Infinity", 1),
        "version twice": text.replace("{", '{"version":1,', 1),
        "data twice": text.replace(
            '"arrays": {', '"arrays": {"data": null, ', 1
        ),
        "more after it": text + "{}",
        "byte order mark": "\ufeff" + text,
        "no checksum": text.replace("sha256", "sha255"),
        "another checksum": sealed({**good, "version": 1.0}).replace(
            "1.0", "1"
        ),
    }


@pytest.mark.parametrize("what", _texts({}))
def test_texts_that_are_no_records_are_refused(path, tokens, good, what):
    text = _texts(good)[what]
    assert text != sealed(good)
    write(path, text, tokens)
    refusal(lambda: Tokens.load(path), path)


def test_arrays_that_the_record_does_not_describe_are_refused(
    path, tokens, good
):
    """Arrays are different, extra, missing, or of another shape or dtype."""
    for arrays in (
        {"data": tokens.data + 1},
        {"data": tokens.data.astype(np.float16)},
        {"data": tokens.data.view(np.uint8)},
        {"data": tokens.data.reshape(2, 1, 4)},
        {"padding": None},
        {"labels": np.zeros(3)},
    ):
        write(path, sealed(good), tokens, **arrays)
        refusal(lambda: Tokens.load(path), path)


# --- datasets -----------------------------------------------------------------


@pytest.fixture
def folder(tmp_path, tokens) -> Path:
    """Return a dataset of three equal shards."""
    folder = tmp_path / "dataset"
    with DatasetWriter(folder) as writer:
        for _ in range(3):
            writer.append(tokens)
    return folder


def manifest_of(folder: Path) -> dict[str, Any]:
    return json.loads((folder / "manifest.json").read_text())


def test_damaged_manifests_are_refused(folder):
    """Readers and writers refuse them, and nothing is overwritten."""
    path = folder / "manifest.json"
    written = path.read_bytes()
    rng = random.Random(3)
    changes = [
        written[:i] + bytes([written[i] ^ 1 << b]) + written[i + 1 :]
        for i, b in (
            (rng.randrange(len(written) - 1), rng.randrange(8))
            for _ in range(400)
        )
    ]
    changes += [written[: rng.randrange(len(written) - 1)] for _ in range(60)]
    changes += [written + b"{}", b"", b"\xff\xfe", b"[" * 100_000]
    for content in changes:
        path.write_bytes(content)
        refusal(lambda: open_dataset(folder), path)
    refusal(lambda: DatasetWriter(folder), path)
    assert len(list(folder.glob("shard-*"))) == 3


SHARD, SAMPLE = ("shards", 1), ("samples", "data")

FORGED_MANIFESTS = FORGED_LAYOUTS | {
    ("version",): [3],
    ("format",): ["tfmpe.tokens"],
    ("shards",): [DROP, {}],
    SHARD: [None],
    (*SHARD, "file"): [
        "../secret.safetensors",
        "/etc/passwd",
        1,
        "shard-000000.safetensors",
    ],
    (*SHARD, "n_samples"): [-2, True, "2", None],
    (*SHARD, "sha256"): [None],
    (*MU, "label"): [9],
    ("samples",): [[]],
    SAMPLE: [DROP],
    (*SAMPLE, "dtype"): ["object"],
    (*SAMPLE, "shape"): [[2**60], [5, 1]],
}


@every(FORGED_MANIFESTS)
def test_forged_manifests_are_refused(folder, keys, value):
    """They are refused although their checksum is correct."""
    path = folder / "manifest.json"
    path.write_text(forged(manifest_of(folder), keys, value))
    refusal(lambda: open_dataset(folder), path)


def test_damaged_shards_are_found_when_they_are_needed(folder, tokens):
    """The other shards can be read."""
    path = folder / "shard-000001.safetensors"
    written = path.read_bytes()
    rng = random.Random(4)
    for _ in range(several(200, 20)):
        at = rng.randrange(len(written))
        damaged = bytearray(written)
        damaged[at] ^= 1 << rng.randrange(8)
        path.write_bytes(damaged)
        dataset = open_dataset(folder, numpy=True)
        np.testing.assert_array_equal(dataset[0].data, tokens.data[0])
        np.testing.assert_array_equal(dataset[-1].data, tokens.data[1])
        assert refusal(lambda: dataset[2], path) == (  # noqa: B023
            "the shard does not match its checksum. Restore it from a copy, "
            "or write it again."
        )
        refusal(dataset.load, path)


def test_a_missing_shard_is_named(folder):
    path = folder / "shard-000002.safetensors"
    path.unlink()
    dataset = open_dataset(folder)
    assert len(dataset) == 6
    for verify in (True, False):
        dataset = open_dataset(folder, verify=verify)
        assert refusal(lambda: dataset[5], path) == (  # noqa: B023
            "the shard is missing. Restore it from a copy, or write it again."
        )
    path.mkdir()
    refusal(dataset.load, path)


def test_other_files_in_place_of_a_shard_are_refused(folder, tokens):
    """They are refused even without checksums if they do not fit."""
    path = folder / "shard-000001.safetensors"
    more = jax.tree.map(lambda x: np.repeat(x, 2, axis=0), tokens)
    view = tokens.select_tokens(["mu"]).to_tokens()
    wide = jax.tree.map(
        lambda x: x if x.dtype == bool else x.astype(np.float64), tokens
    )
    for other in (more, view, wide):
        other.save(path)
        dataset = open_dataset(folder, numpy=True, verify=False)
        found = refusal(lambda: dataset[2], path)  # noqa: B023
        assert "different arrays" in found
        dataset = open_dataset(folder, numpy=True)
        assert "checksum" in refusal(lambda: dataset[2], path)  # noqa: B023
    path.write_text("text")
    dataset = open_dataset(folder, verify=False)
    assert "safetensors" in refusal(lambda: dataset[2], path)


def test_verification_can_be_left_out(folder, tokens):
    """A different value is then not noticed."""
    path = folder / "shard-000001.safetensors"
    other = jax.tree.map(lambda x: x[::-1], tokens)
    other.save(path)
    dataset = open_dataset(folder, numpy=True, verify=False)
    np.testing.assert_array_equal(dataset[2].data, tokens.data[1])
    shutil.copy(folder / "shard-000000.safetensors", path)
    dataset = open_dataset(folder, numpy=True)
    np.testing.assert_array_equal(dataset[2].data, tokens.data[0])


def test_samples_that_are_listed_but_absent_take_no_memory(folder):
    """The shard is examined before memory is allocated."""
    record = manifest_of(folder)
    record["shards"][2]["n_samples"] = 2**47
    (folder / "manifest.json").write_text(sealed(record))
    dataset = open_dataset(folder)
    assert len(dataset) == 4 + 2**47
    path = folder / "shard-000002.safetensors"
    assert refusal(dataset.load, path) == (
        "the shard has a different layout or different arrays than the "
        "manifest. Restore it from a copy, or write it again."
    )
