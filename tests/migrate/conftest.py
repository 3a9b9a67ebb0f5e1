"""A small folder of recordings, and implementations to replay through."""

import hashlib
import json
import shutil
from pathlib import Path

import pytest

from tfmpe.migrate import oracle
from tfmpe.migrate.recordings.stored import stored_folder

SMALL = (
    "hierarchical_brownian/flatten_index",
    "errors/decode_theta",
    "seir/SFMPE_sample_base_dist",
)

UNKNOWN = "SFMPE.not_here"
"""A function that the bridge does not have, in place of one that it has."""


def write_manifest(folder: Path) -> None:
    """Write a manifest of all stored files as they are now."""
    files = {
        file.relative_to(folder).as_posix(): {
            "sha256": hashlib.sha256(file.read_bytes()).hexdigest(),
            "bytes": file.stat().st_size,
        }
        for file in sorted(folder.glob("*/*.*"))
    }
    (folder / "MANIFEST.json").write_text(
        json.dumps({"format": 1, "provenance": {}, "files": files})
    )


@pytest.fixture
def folder(tmp_path):
    """Return a folder of three small recordings with their manifest.

    Four cases of `_flatten_index`, one that raises, and one that is not
    replayed.
    """
    root = tmp_path / "recordings"
    for name in SMALL:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        for suffix in (".json", ".npz"):
            source = stored_folder() / f"{name}{suffix}"
            shutil.copyfile(source, root / f"{name}{suffix}")
    unknown = root / f"{SMALL[-1]}.json"
    text = unknown.read_text()
    unknown.write_text(text.replace("SFMPE.sample_base_dist", UNKNOWN))
    write_manifest(root)
    return root


@pytest.fixture
def recording(folder):
    """Return the json of one small recording; its npz lies beside it."""
    return folder / "hierarchical_brownian" / "flatten_index.json"


@pytest.fixture
def right():
    """Return a lookup of an implementation that is right."""
    return lambda name: getattr(oracle, name)


@pytest.fixture
def wrong():
    """Return a lookup where `_flatten_index` is off by 0.25 in one place."""

    def off(*args, **kwargs):
        array = oracle._flatten_index(*args, **kwargs)
        return array.at[0, 1, 0].add(0.25)

    return lambda name: (
        off if name == "_flatten_index" else getattr(oracle, name)
    )
