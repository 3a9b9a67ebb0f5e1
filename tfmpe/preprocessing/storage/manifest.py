"""The list of a dataset's shards, and what all of them have in common."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from tfmpe._base.atomic import write_atomically
from tfmpe._base.errors import StorageError
from tfmpe._base.sealed_json import (
    DamageError,
    brief,
    entries,
    integer,
    items,
    naming,
    seal,
    text,
    unseal,
)
from tfmpe.preprocessing.layout.layout import TokenLayout
from tfmpe.preprocessing.storage.header import (
    StoredArray,
    check_arrays,
    stored_array,
)
from tfmpe.preprocessing.storage.layout_json import (
    layout_from_json,
    layout_hash,
    layout_to_json,
    layout_version,
)

MANIFEST = "manifest.json"
_FORMAT, _VERSION = "tfmpe.dataset", 2  # 2 has named dimensions


class Shard(NamedTuple):
    """One file of a dataset.

    Attributes
    ----------
    file : str
        Its name in the folder.
    n_samples : int
        Length of its first sample axis.
    sha256 : str
        Checksum of the whole file, in hexadecimal.
    """

    file: str
    n_samples: int
    sha256: str


class Manifest(NamedTuple):
    """What is known of a dataset without opening a shard.

    ``samples`` has the dtype of each array, and its shape without the first
    sample axis.
    """

    layout: TokenLayout
    samples: dict[str, StoredArray]
    shards: tuple[Shard, ...]

    @property
    def n_samples(self) -> int:
        """Number of samples in all shards."""
        return sum(shard.n_samples for shard in self.shards)


def shard_name(number: int) -> str:
    """Return the file name of a shard."""
    return f"shard-{number:06d}.safetensors"


def without_samples(
    arrays: Mapping[str, StoredArray],
) -> dict[str, StoredArray]:
    """Return the arrays of Tokens without their first sample axis."""
    return {
        name: array._replace(shape=array.shape[1:])
        for name, array in arrays.items()
    }


def write_manifest(folder: Path, manifest: Manifest) -> None:
    """Renew the manifest of a dataset, atomically."""
    record = {
        "layout": layout_to_json(manifest.layout),
        "layout_sha256": layout_hash(manifest.layout),
        "samples": {
            name: {"dtype": dtype.name, "shape": list(shape)}
            for name, (dtype, shape) in manifest.samples.items()
        },
        "shards": [shard._asdict() for shard in manifest.shards],
    }
    version = layout_version(manifest.layout)
    content = seal(_FORMAT, version, record) + "\n"
    write_atomically(folder / MANIFEST, content.encode("ascii"))


def read_manifest(folder: Path) -> Manifest:
    """Read the manifest of a dataset.

    Raises
    ------
    FileNotFoundError
        If there is none.
    StorageError
        If it is damaged, of a newer version, or not of a dataset.
    """
    path = folder / MANIFEST
    if not path.exists():
        raise FileNotFoundError(
            f"There is no file {path}. Give the folder of a dataset that a "
            "DatasetWriter has written."
        )
    with naming(path):
        if not path.is_file():
            raise StorageError("it is not a file. Move it away.")
        try:
            written = path.read_bytes().decode("ascii")
        except UnicodeDecodeError as error:
            raise DamageError(f"it is no JSON of tfmpe ({error})") from None
        return _manifest(unseal(written, _FORMAT, _VERSION))


def _manifest(record: Any) -> Manifest:
    layout, sha256, samples, shards = entries(
        record, ("layout", "layout_sha256", "samples", "shards"), "its record"
    )
    read = layout_from_json(layout)
    if sha256 != layout_hash(read):
        raise DamageError("its layout does not match its checksum")
    if not isinstance(samples, dict):
        raise DamageError(f"its samples are {brief(samples)}")
    arrays = {}
    for name, entry in samples.items():
        where = f"the array {brief(name)}"
        dtype, shape = entries(entry, ("dtype", "shape"), where)
        arrays[name] = stored_array(dtype, shape, where)
    check_arrays(read, arrays)
    listed = tuple(
        _shard(entry, number)
        for number, entry in enumerate(items(shards, "its list of shards"))
    )
    manifest = Manifest(read, arrays, listed)
    integer(manifest.n_samples, "the number of samples of all shards")
    return manifest


def _shard(entry: Any, number: int) -> Shard:
    where = f"shard {number}"
    file, n_samples, sha256 = entries(entry, Shard._fields, where)
    # No other name is ever opened: not one that leads out of the folder.
    if file != shard_name(number):
        raise DamageError(
            f"the file of {where} is {brief(file)}, expected "
            f"{shard_name(number)!r}"
        )
    return Shard(
        file,
        integer(n_samples, f"the number of samples of {where}"),
        text(sha256, f"the checksum of {where}"),
    )
