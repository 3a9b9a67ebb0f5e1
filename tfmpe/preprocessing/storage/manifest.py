"""Manifest of a dataset: its shards, and what they have in common."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from tfmpe._base.atomic import write_atomically
from tfmpe._base.sealed_json import (
    DamageError,
    naming,
    read_exactly,
    seal,
    unseal,
)
from tfmpe.preprocessing.layout.layout import TokenLayout

from .header import StoredArray, stored_arrays
from .layout_json import (
    layout_from_json,
    layout_hash,
    layout_to_json,
    layout_version,
    sizes_from_json,
)

MANIFEST = "manifest.json"
_FORMAT, _VERSION = "tfmpe.dataset", 2  # 2 has named dimensions


class Shard(NamedTuple):
    """File name, number of samples and SHA-256 of one file of a dataset."""

    file: str
    n_samples: int
    sha256: str


class Manifest(NamedTuple):
    """Layout, arrays of one sample, and shards of a dataset."""

    layout: TokenLayout
    samples: dict[str, StoredArray]
    shards: tuple[Shard, ...]

    @property
    def n_samples(self) -> int:
        """Number of samples in all shards."""
        return sum(shard.n_samples for shard in self.shards)

    def as_json(self) -> dict[str, Any]:
        """Return the dictionary that is sealed in the manifest."""
        return {
            "layout": layout_to_json(self.layout),
            "layout_sha256": layout_hash(self.layout),
            "samples": {
                name: array.as_json() for name, array in self.samples.items()
            },
            "shards": [shard._asdict() for shard in self.shards],
        }


def shard_name(number: int) -> str:
    """Return the file name of a shard."""
    return f"shard-{number:06d}.safetensors"


def without_samples(
    arrays: Mapping[str, StoredArray],
) -> dict[str, StoredArray]:
    """Return the arrays of Tokens without their first sample axis."""
    return {
        name: StoredArray(array.dtype, array.shape[1:])
        for name, array in arrays.items()
    }


def write_manifest(folder: Path, manifest: Manifest) -> None:
    """Replace the manifest of a dataset atomically."""
    version = layout_version(manifest.layout)
    content = seal(_FORMAT, version, manifest.as_json()) + "\n"
    write_atomically(folder / MANIFEST, content.encode("ascii"))


def read_manifest(folder: Path) -> Manifest:
    """Read the manifest of a dataset; raise StorageError if it is invalid."""
    path = folder / MANIFEST
    if not path.exists():
        raise FileNotFoundError(
            f"There is no file {path}. Pass the folder of a dataset that a "
            "DatasetWriter has written."
        )
    with naming(path):
        try:
            written = path.read_bytes().decode("ascii")
        except UnicodeDecodeError as error:
            raise DamageError(f"it is not JSON of tfmpe ({error})") from None
        record = unseal(written, _FORMAT, _VERSION)
        return read_exactly(record, _read, Manifest.as_json)


def _read(record: Mapping[str, Any]) -> Manifest:
    layout = layout_from_json(record["layout"])
    shards = tuple(
        # Stored file names are not used: they could lead out of the folder.
        Shard(shard_name(number), n_samples, str(entry["sha256"]))
        for number, entry in enumerate(record["shards"])
        for n_samples in sizes_from_json([entry["n_samples"]])
    )
    return Manifest(layout, stored_arrays(record["samples"], layout), shards)
