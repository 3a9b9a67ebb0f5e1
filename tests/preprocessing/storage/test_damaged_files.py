"""Damaged files: an error, or exactly the right content.

The tests build invalid records from the documented format only: a JSON text
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
    """Return the bytes of a good file."""
    path = tmp_path_factory.mktemp("good") / "tokens"
    tokens.save(path)
    return path.read_bytes()


@pytest.fixture
def path(tmp_path) -> Path:
    return tmp_path / "tokens"


def refusal(call: Callable[[], Any], path: Path) -> str:
    """Return what a refusal says after the path: one line."""
    with pytest.raises(StorageError) as caught:
        call()
    message = str(caught.value)
    assert message.startswith(f"{path}: ")
    assert "\n" not in message
    assert message.endswith(".")
    assert len(message) < len(str(path)) + 500
    return message.removeprefix(f"{path}: ")


def check(path: Path, tokens: Tokens) -> bool:
    """Whether a file is read; it is read right or refused."""
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
    """Wherever they are: in the header, in its length, in the arrays."""
    rng = random.Random(0)
    refused = 0
    for position in rng.sample(range(8 * len(saved)), 3000):
        damaged = bytearray(saved)
        damaged[position // 8] ^= 1 << position % 8
        path.write_bytes(damaged)
        refused += not check(path, tokens)
    assert refused == 3000


def test_several_flipped_bits_are_found(path, tokens, saved):
    rng = random.Random(1)
    for _ in range(300):
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
    """More at the end, at the beginning or in between, or less there."""
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
    """Another value in a file that is itself whole."""
    path.write_bytes(saved)
    assert check(path, tokens)
    other = Tokens(
        tokens.data + 1,
        tokens.layout,
        tokens.functional_inputs,
        tokens.padding,
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
    """And whatever is in them is not run."""
    monkeypatch.chdir(path.parent)
    FOREIGN[kind](path)
    said = refusal(lambda: Tokens.load(path), path)
    assert said.endswith("Pass one that tokens.save wrote.")
    assert os.listdir() == [path.name]


# --- forged records -----------------------------------------------------------


def sealed(record: dict[str, Any]) -> str:
    """Return a record with the checksum that belongs to it."""
    record = {name: record[name] for name in record if name != "sha256"}
    text = json.dumps(record, sort_keys=True, separators=(",", ":"))
    return json.dumps(
        {**record, "sha256": hashlib.sha256(text.encode()).hexdigest()}
    )


@pytest.fixture(scope="module")
def good(saved) -> dict[str, Any]:
    """Return the record of a good file."""
    n = int.from_bytes(saved[:8], "little")
    header = json.loads(saved[8 : 8 + n])
    return json.loads(header["__metadata__"]["tfmpe"])


def write(
    path: Path, text: str, tokens: Tokens, **arrays: np.ndarray | None
) -> None:
    """Write a file with a record of any text."""
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


def put(*keys: Any, value: Any) -> Callable[[dict[str, Any]], None]:
    """Return a change of a record: ``record[key][key]... = value``."""

    def change(record: dict[str, Any]) -> None:
        for key in keys[:-1]:
            record = record[key]
        record[keys[-1]] = value

    return change


def drop(*keys: Any) -> Callable[[dict[str, Any]], None]:
    """Return a change of a record: ``del record[key][key]...``."""

    def change(record: dict[str, Any]) -> None:
        for key in keys[:-1]:
            record = record[key]
        del record[keys[-1]]

    return change


MU, OBS = ("layout", "keys", 0), ("layout", "keys", 1)
RULES = ("layout", "independence")
DATA = ("arrays", "data")

GROUPS = {"a": {"size": 2, "ids": [0, 1, 0]}}


def both(*changes: Callable[[dict[str, Any]], None]) -> Any:
    """Change a record in several ways."""
    return lambda record: [change(record) for change in changes]


# What is changed, and a part of what is said about it.
# In the layout, wherever it is stored.
FORGED_NAMES = {
    "names short": (
        put(*OBS, "dims", value=[]),
        "not written as tfmpe writes it",
    ),
    "names number": (put(*OBS, "dims", value=[3]), "expected a text"),
    "names many": (
        put(*MU, "dims", value=["a", "b"]),
        "record.layout.keys[0].dims is ('a', 'b'), but its event shape",
    ),
    "names sizes": (
        both(put(*MU, "dims", value=["a"]), put(*OBS, "groups", value=GROUPS)),
        "its layout is invalid: Named dimensions do not fit: 'a' has",
    ),
    "groups list": (
        put(*OBS, "groups", value=[]),
        "record.layout.keys[1].groups is [], expected a dictionary",
    ),
    "groups size": (
        put(*OBS, "groups", value={"a": {"size": 2**40, "ids": [0]}}),
        "record.layout.keys[1].groups['a'].size is 1099511627776,",
    ),
    "groups beyond": (
        put(*OBS, "groups", value={"a": {"size": 1, "ids": [0, 1, 0]}}),
        "record.layout.keys[1].groups['a'] has 3 ids up to 1, but its",
    ),
    "groups bool": (
        put(*OBS, "groups", value={"a": {"size": 2, "ids": [0, True, 0]}}),
        "is True",
    ),
    "groups few": (
        put(*OBS, "groups", value={"a": {"size": 2, "ids": [0, 1]}}),
        "record.layout.keys[1].groups['a'] has 2 ids up to 1, but its",
    ),
}
FORGED: dict[str, tuple[Callable[[dict[str, Any]], None], str]] = {
    "newer": (
        put("version", value=3),
        "it has version 3 of the format 'tfmpe.tokens', and this tfmpe reads "
        "up to version 2. Update tfmpe.",
    ),
    "version 0": (put("version", value=0), "its version is 0, expected 1"),
    "version True": (put("version", value=True), "its version is True"),
    "version text": (put("version", value="1"), "its version is '1'"),
    "no version": (drop("version"), "its version is None"),
    "other format": (
        put("format", value="tfmpe.dataset"),
        "it is not a record of the format 'tfmpe.tokens'.",
    ),
    "no layout": (drop("layout"), "expected the entries"),
    "no arrays": (drop("arrays"), "expected the entries"),
    "more": (
        put("code", value="1"),
        "record holds ['arrays', 'layout', 'code'], expected the entries",
    ),
    "layout None": (
        put("layout", value=None),
        "record.layout holds None, expected the entries ['keys',",
    ),
    "layout list": (
        put("layout", value=[]),
        "record.layout holds [], expected the entries ['keys',",
    ),
    "keys None": (put("layout", "keys", value=None), "expected a list"),
    "keys dict": (put("layout", "keys", value={}), "expected a list"),
    "key None": (
        put(*MU, value=None),
        "record.layout.keys[0] holds None, expected the entries ['name',",
    ),
    "key lacks": (
        drop(*MU, "path"),
        "record.layout.keys[0] holds ['batch_shape', 'event_shape',",
    ),
    "key has more": (
        put(*MU, "x", value=1),
        "record.layout.keys[0] holds ['batch_shape', 'event_shape',",
    ),
    "name number": (
        put(*MU, "name", value=1),
        "record.layout.keys[0].name is 1, expected a text",
    ),
    "name other": (
        put(*MU, "name", value="mv"),
        "record.layout.keys[0].path is ('mu',), expected the parts of",
    ),
    "path text": (put(*MU, "path", value="mu"), "expected a list"),
    "path empty": (
        put(*MU, "path", value=[]),
        "record.layout.keys[0].path is (), expected the parts of its",
    ),
    "path number": (
        put(*MU, "path", value=[1]),
        "record.layout.keys[0].path[0] is 1, expected a text",
    ),
    "path other": (
        put(*OBS, "path", value=["a", "obs"]),
        "record.layout.keys[1].path is ('a', 'obs'), expected the parts",
    ),
    "no keys": (
        put("layout", "keys", value=[]),
        "its layout is invalid: Unknown key in independence: - the local",
    ),
    "size negative": (
        put(*OBS, "event_shape", value=[-3]),
        "record.layout.keys[1].event_shape[0] is -3, expected an integer",
    ),
    "sizes negative": (put(*OBS, "event_shape", value=[-1, -3]), "is -1"),
    "size huge": (
        put(*OBS, "event_shape", value=[10**30]),
        "record.layout.keys[1].event_shape[0] is 100000000000000000000000",
    ),
    "product huge": (
        put(*OBS, "event_shape", value=[2**30, 0, 2**30]),
        "more than any array has",
    ),
    "both huge": (
        put(*OBS, "batch_shape", value=[2**47]),
        "more than any array has",
    ),
    "size fraction": (put(*OBS, "event_shape", value=[3.0]), "is 3.0"),
    "size bool": (put(*MU, "event_shape", value=[True]), "is True"),
    "size text": (put(*OBS, "event_shape", value=["3"]), "is '3'"),
    "size nested": (put(*OBS, "event_shape", value=[[3]]), "is [3]"),
    "shape number": (put(*OBS, "event_shape", value=3), "expected a list"),
    "other sizes": (
        put(*OBS, "event_shape", value=[4]),
        "its data have the shape (2, 4, 1), but its layout has 5 tokens of "
        "width 1",
    ),
    "other width": (put(*OBS, "batch_shape", value=[2]), "of width 2"),
    "label text": (
        put(*MU, "label", value="0"),
        "record.layout.keys[0].label is '0', expected an integer from",
    ),
    "label None": (
        put(*MU, "label", value=None),
        "record.layout.keys[0].label is None, expected an integer from",
    ),
    "label huge": (
        put(*MU, "label", value=2**31),
        "record.layout.keys[0].label is 2147483648, expected an integer",
    ),
    "labels equal": (
        put(*MU, "label", value=1),
        "two keys of its layout have the same label",
    ),
    "inputs negative": (
        put(*OBS, "n_inputs", value=-1),
        "record.layout.keys[1].n_inputs is -1, expected an integer from",
    ),
    "inputs more": (put(*OBS, "n_inputs", value=2), "its functional inputs"),
    "inputs bool": (put(*OBS, "n_inputs", value=True), "is True"),
    "rules None": (put(*RULES, value=None), "not written as tfmpe writes it"),
    "rules list": (put(*RULES, value=[]), "independence must be a dictionary"),
    "rules lack": (drop(*RULES, "cross"), "not written as tfmpe writes it"),
    "rules unknown": (
        put(*RULES, "x", value=[]),
        "its layout is invalid: Malformed independence: 'x' is not a",
    ),
    "rule unknown key": (
        put(*RULES, "local", value=["ob"]),
        "the local rule 'ob' names 'ob', which is not among the keys",
    ),
    "rule number": (put(*RULES, "local", value=[1]), "must be a key"),
    "rule dict": (put(*RULES, "local", value=[{}]), "must be a key"),
    "rules text": (put(*RULES, "local", value="mu"), "must be a list"),
    "cross short": (put(*RULES, "cross", value=[["mu"]]), "a pair of keys"),
    "dims bool": (
        put(*RULES, "cross_local", value=[["mu", "mu", [False, False]]]),
        "not written as tfmpe writes it",
    ),
    "dims beyond": (
        put(*RULES, "cross_local", value=[["mu", "mu", [0, 10**30]]]),
        "'mu' has no dimension 1",
    ),
    "dims unequal": (
        put(*RULES, "cross_local", value=[["mu", "site/obs", [0, 0]]]),
        "has size 1 but dimension 0 of 'site/obs' has size 3",
    ),
    **FORGED_NAMES,
    "arrays list": (
        put("arrays", value=[]),
        "record.arrays is [], expected a dictionary",
    ),
    "no data": (drop(*DATA), "expected 'data'"),
    "array more": (
        put("arrays", "labels", value={"dtype": "bool", "shape": [2]}),
        "record.arrays['labels'] holds ['dtype', 'shape'], expected the",
    ),
    "array None": (
        put(*DATA, value=None),
        "record.arrays['data'] holds None, expected the entries",
    ),
    "no padding": (drop("arrays", "padding"), "it holds the arrays"),
    "no inputs": (
        drop("arrays", "functional_inputs"),
        "it has no functional inputs, but its layout names some",
    ),
    "dtype object": (put(*DATA, "dtype", value="object"), "is 'object', which"),
    "dtype code": (put(*DATA, "dtype", value="f4"), "is 'f4', which"),
    "dtype fields": (put(*DATA, "dtype", value="f4,O"), "is 'f4,O', which"),
    "dtype number": (put(*DATA, "dtype", value=4), "expected a text"),
    "dtype list": (put(*DATA, "dtype", value=["f4"]), "expected a text"),
    "dtype other": (put(*DATA, "dtype", value="int32"), "it holds the arrays"),
    "dtype bytes": (
        put(*DATA, "dtype", value="bfloat16"),
        "it holds the arrays",
    ),
    "padding numbers": (
        put("arrays", "padding", "dtype", value="uint8"),
        "its padding has the dtype uint8",
    ),
    "shape other": (put(*DATA, "shape", value=[4, 4, 1]), "its functional"),
    "shape huge": (
        put(*DATA, "shape", value=[2**60, 4, 1]),
        "record.arrays['data'].shape[0] is 1152921504606846976, expected",
    ),
    "shape negative": (put(*DATA, "shape", value=[-2, 4, 1]), "is -2"),
    "shape short": (put(*DATA, "shape", value=[8]), "its data have the shape"),
    "shape None": (put(*DATA, "shape", value=None), "expected a list"),
    "sha256 other": (
        put(*DATA, "sha256", value="0" * 64),
        "its array 'data' does not match its checksum",
    ),
    "sha256 None": (put(*DATA, "sha256", value=None), "expected a text"),
}


@pytest.mark.parametrize("what", FORGED)
def test_forged_records_are_refused(path, tokens, good, what):
    """Although their checksum is right."""
    change, said = FORGED[what]
    record = copy.deepcopy(good)
    change(record)
    write(path, sealed(record), tokens)
    assert said in refusal(lambda: Tokens.load(path), path)


def test_the_unchanged_record_is_read(path, tokens, good):
    """So that it is the changes that are refused."""
    write(path, sealed(good), tokens)
    assert check(path, tokens)


def test_keys_that_make_no_tree_are_refused(path, tokens, good):
    """The same name twice, or an array where a group of arrays is."""
    mu, obs = good["layout"]["keys"]
    for other, said in (
        ({**mu, "label": 5}, "two keys of its layout have the same name"),
        (
            {**mu, "name": "site", "path": ["site"], "label": 5},
            "the key 'site' of its layout is both an array and a group",
        ),
    ):
        keys = [other, {**obs, "event_shape": [2]}, mu]
        layout = {"keys": keys, "independence": good["layout"]["independence"]}
        write(path, sealed({**good, "layout": layout}), tokens)
        assert said in refusal(lambda: Tokens.load(path), path)


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
    """Others, more, fewer, of another shape or dtype."""
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


def test_damaged_manifests_are_refused(folder, tokens):
    """By readers and by writers; nothing is overwritten."""
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
    path.unlink()
    path.mkdir()
    refusal(lambda: open_dataset(folder), path)


SHARD = ("shards", 1)

FORGED_MANIFESTS = {
    "newer": (put("version", value=3), "Update tfmpe."),
    "record of a file": (
        put("format", value="tfmpe.tokens"),
        "it is not a record of the format 'tfmpe.dataset'.",
    ),
    "no shards": (drop("shards"), "expected the entries"),
    "shards dict": (put("shards", value={}), "expected a list"),
    "shard None": (
        put(*SHARD, value=None),
        "record.shards[1] holds None, expected the entries ['file',",
    ),
    "path up": (
        put(*SHARD, "file", value="../secret.safetensors"),
        "the file of shard 1 is '../secret.safetensors', expected "
        "'shard-000001.safetensors'",
    ),
    "path root": (put(*SHARD, "file", value="/etc/passwd"), "the file of"),
    "path number": (
        put(*SHARD, "file", value=1),
        "record.shards[1].file is 1, expected a text",
    ),
    "shard twice": (
        put(*SHARD, "file", value="shard-000000.safetensors"),
        "the file of shard 1 is 'shard-000000.safetensors'",
    ),
    "samples negative": (put(*SHARD, "n_samples", value=-2), "is -2"),
    "samples huge": (
        put(*SHARD, "n_samples", value=2**62),
        "record.shards[1].n_samples is 4611686018427387904, expected an",
    ),
    "samples too many": (
        put(*SHARD, "n_samples", value=2**48),
        "the number of samples of all shards",
    ),
    "samples bool": (put(*SHARD, "n_samples", value=True), "is True"),
    "sha256 None": (put(*SHARD, "sha256", value=None), "expected a text"),
    "layout other": (
        put("layout", "keys", 0, "label", value=9),
        "its layout does not match its checksum",
    ),
    "layout None": (
        put("layout", value=None),
        "record.layout holds None, expected the entries ['keys',",
    ),
    **FORGED_NAMES,
    "arrays list": (
        put("samples", value=[]),
        "record.samples is [], expected a dictionary",
    ),
    "arrays lack": (drop("samples", "data"), "expected 'data'"),
    "dtype object": (
        put("samples", "data", "dtype", value="object"),
        "the dtype of the array 'data' is 'object', which jax does not",
    ),
    "shape huge": (
        put("samples", "data", "shape", value=[2**60]),
        "record.samples['data'].shape[0] is 1152921504606846976,",
    ),
    "shape other": (
        put("samples", "data", "shape", value=[5, 1]),
        "its data have the shape (5, 1), but its layout has 4 tokens",
    ),
}


@pytest.mark.parametrize("what", FORGED_MANIFESTS)
def test_forged_manifests_are_refused(folder, what):
    """Although their checksum is right."""
    change, said = FORGED_MANIFESTS[what]
    record = manifest_of(folder)
    change(record)
    path = folder / "manifest.json"
    path.write_text(sealed(record))
    assert said in refusal(lambda: open_dataset(folder), path)


def test_damaged_shards_are_found_when_they_are_needed(folder, tokens):
    """The others can be read."""
    path = folder / "shard-000001.safetensors"
    written = path.read_bytes()
    rng = random.Random(4)
    for _ in range(200):
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
    """Without the checksum too, if they do not fit the manifest."""
    path = folder / "shard-000001.safetensors"
    more = jax.tree.map(lambda x: np.repeat(x, 2, axis=0), tokens)
    view = tokens.select_tokens(["mu"]).to_tokens()
    wide = jax.tree.map(
        lambda x: x if x.dtype == bool else x.astype(np.float64), tokens
    )
    for other, said in (
        (more, "the shard has other arrays than the manifest"),
        (view, "the shard has another layout than the manifest"),
        (wide, "the shard has other arrays than the manifest"),
    ):
        other.save(path)
        dataset = open_dataset(folder, numpy=True, verify=False)
        assert said in refusal(lambda: dataset[2], path)  # noqa: B023
        dataset = open_dataset(folder, numpy=True)
        assert "checksum" in refusal(lambda: dataset[2], path)  # noqa: B023
    path.write_text("text")
    dataset = open_dataset(folder, verify=False)
    assert "safetensors" in refusal(lambda: dataset[2], path)


def test_verification_can_be_left_out(folder, tokens):
    """Then another value is not noticed."""
    path = folder / "shard-000001.safetensors"
    other = jax.tree.map(lambda x: x[::-1], tokens)
    other.save(path)
    dataset = open_dataset(folder, numpy=True, verify=False)
    np.testing.assert_array_equal(dataset[2].data, tokens.data[1])
    shutil.copy(folder / "shard-000000.safetensors", path)
    dataset = open_dataset(folder, numpy=True)
    np.testing.assert_array_equal(dataset[2].data, tokens.data[0])


def test_samples_that_are_listed_but_absent_take_no_memory(folder):
    """The shard is looked at before room is made for it."""
    record = manifest_of(folder)
    record["shards"][2]["n_samples"] = 2**47
    (folder / "manifest.json").write_text(sealed(record))
    dataset = open_dataset(folder)
    assert len(dataset) == 4 + 2**47
    path = folder / "shard-000002.safetensors"
    assert refusal(dataset.load, path) == (
        "the shard has other arrays than the manifest. Restore it from a "
        "copy, or write it again."
    )
