"""Every stored call of preprocessing gives the same through the bridge.

Those that solve an equation are replayed by ``tfmpe verify``, within a
tolerance; test_structured_cnf.py and test_sfmpe.py have a part of them.
"""

import functools
import json

import pytest

from tfmpe.migrate.recordings.files import find_recordings
from tfmpe.migrate.recordings.read import read_cases
from tfmpe.migrate.recordings.stored import stored_folder
from tfmpe.migrate.replay.replay import replay, why_not
from tfmpe.migrate.replay.targets import REPLAYED, bridge

STORED = stored_folder()

# What was recorded of functions that solve nothing: 726 calls of 954.
N_STORED = {
    "flatten_structured": 418,
    "combine_data": 103,
    "decode_theta": 61,
    "pad_multidim_event": 53,
    "_make_attention_masks": 51,
    "split_data": 30,
    "_flatten_index": 8,
    "encode_unknown_theta": 2,
}


def _stored_names():
    """List file and name of every case, without reading any array."""
    for file in find_recordings(STORED):
        content = json.loads(file.read_text())
        target = REPLAYED.get(content["function"])
        if target is not None and target.module is not None:
            for record in content["cases"]:
                yield file, record["case"]


NAMES = [
    pytest.param(file, name, id=f"{file.parent.name}-{file.stem}-{name}")
    for file, name in _stored_names()
]


@functools.cache
def _cases(file):
    return {case.name: case for case in read_cases(file, STORED)}


@pytest.mark.parametrize(("file", "name"), NAMES)
def test_stored_call_gives_the_same(file, name):
    """Bits, types, order of dicts, changed arguments, or the exception."""
    case = _cases(file)[name]
    assert why_not(case) is None
    result = replay(case)
    assert result.identical, "\n".join(map(str, result.differences))


def test_all_stored_calls_are_there():
    """None is left out because a file or a name was not found."""
    counts = dict.fromkeys(N_STORED, 0)
    for file in find_recordings(STORED):
        content = json.loads(file.read_text())
        if content["function"] in counts:
            counts[content["function"]] += len(content["cases"])
    assert counts == N_STORED
    assert len(NAMES) == sum(N_STORED.values()) == 726


@pytest.mark.parametrize("name", ["flatten_structured", "combine_data"])
def test_a_wrong_bridge_is_seen(name):
    """Reversing every dict of what comes back is a difference."""
    right = bridge(name)

    def reverse(tree):
        if isinstance(tree, dict):
            return {k: reverse(v) for k, v in reversed(tree.items())}
        if isinstance(tree, tuple) and tree and isinstance(tree[0], dict):
            return tuple(map(reverse, tree))
        return tree

    file = STORED / "seir" / f"{name}.json"
    case = next(c for c in _cases(file).values() if c.raises is None)

    def wrong(*args, **kwargs):
        return reverse(right(*args, **kwargs))

    result = replay(case, lambda _: wrong)
    assert {each.kind for each in result.differences} == {"key order"}
