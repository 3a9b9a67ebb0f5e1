"""Reader of sharded datasets that reads only the requested samples."""

import bisect
import hashlib
import itertools
import operator
import os
from pathlib import Path
from typing import Any, SupportsIndex

from tfmpe._base.arrays import empty
from tfmpe._base.sealed_json import DamageError, naming
from tfmpe.preprocessing.layout.layout import TokenLayout
from tfmpe.preprocessing.tokens.tokens import Tokens

from .files import as_leaves, check_jax_dtypes, open_tokens, read_rows
from .manifest import Manifest, Shard, read_manifest, without_samples


def open_dataset(
    folder: str | os.PathLike[str], *, numpy: bool = False, verify: bool = True
) -> "StoredDataset":
    """Open a dataset that a :class:`DatasetWriter` has written.

    Parameters
    ----------
    folder : path
        The folder with the manifest and the shards.
    numpy : bool
        Whether to read NumPy arrays instead of JAX arrays, for data loaders
        and for dtypes that JAX would narrow.
    verify : bool
        Whether to compare each shard with its checksum when it is first
        needed, which reads the whole shard once.

    Returns
    -------
    StoredDataset
        With the shards that are in the manifest now.

    Raises
    ------
    FileNotFoundError, StorageError
        If there is no manifest, or it is damaged or of a newer version.
    TypeError
        If JAX would narrow a dtype, and ``numpy`` is False.

    Examples
    --------
    See :class:`DatasetWriter`.
    """
    path = Path(folder)
    manifest = read_manifest(path)
    if not numpy:
        check_jax_dtypes(path, manifest.samples)
    return StoredDataset(path, manifest, numpy, verify)


class StoredDataset:
    """Samples in a folder of shards, read on demand; see :func:`open_dataset`.

    Notes
    -----
    ``dataset[i]`` is one sample, Tokens without the first sample axis;
    ``dataset[a:b]`` are Tokens with it. Only these samples are read, after the
    checksum of a shard has been verified once. With ``numpy=True``, it is a
    data source for ``grain``. A pickled copy opens its own files.
    """

    def __init__(
        self, folder: Path, manifest: Manifest, numpy: bool, verify: bool
    ) -> None:
        self._folder = folder
        self._manifest = manifest
        self._numpy = numpy
        self._verify = verify
        # The first sample of every shard, and the end of the last.
        self._starts = [
            0,
            *itertools.accumulate(s.n_samples for s in self.shards),
        ]
        self._files: dict[int, Any] = {}

    @property
    def layout(self) -> TokenLayout:
        """The layout of all samples."""
        return self._manifest.layout

    @property
    def shards(self) -> tuple[Shard, ...]:
        """Name, number of samples and checksum of every file."""
        return self._manifest.shards

    def __len__(self) -> int:
        return self._starts[-1]

    def __getitem__(self, index: SupportsIndex | slice) -> Tokens:
        """Return one sample, or the samples of a slice with step 1.

        Raises
        ------
        IndexError, ValueError
            If the sample does not exist, or the slice has a different step.
        StorageError
            If a shard is missing or damaged; the message names it.
        """
        if isinstance(index, slice):
            start, stop, step = index.indices(len(self))
            if step != 1:
                raise ValueError(
                    f"A dataset can only be sliced with step 1, not {step}. "
                    "Read dataset[a:b], and select samples from the result."
                )
            return self._read(start, max(start, stop))
        number = operator.index(index)
        if not -len(self) <= number < len(self):
            raise IndexError(
                f"There is no sample {number} in a dataset of {len(self)}."
            )
        number %= len(self)
        return self._read(number, number + 1, single=True)

    def load(self) -> Tokens:
        """Return all samples as Tokens; raise StorageError if damaged."""
        return self[:]

    def _read(self, start: int, stop: int, single: bool = False) -> Tokens:
        # The last shard that begins at or before ``start``, after empty shards.
        number = bisect.bisect_right(self._starts, start) - 1
        parts = []
        at = start
        while at < stop:
            first, end = self._starts[number : number + 2]
            until = min(end, stop)
            parts.append((number, slice(at - first, until - first)))
            at, number = until, number + 1
        # First open the files, which checks that they hold the listed samples.
        files = [self._file(number) for number, _ in parts]
        arrays = {}
        for name, sample in self._manifest.samples.items():
            arrays[name] = empty((stop - start, *sample.shape), sample.dtype)
            at = 0
            for file, (_, rows) in zip(files, parts, strict=True):
                until = at + rows.stop - rows.start
                arrays[name][at:until] = read_rows(file, name, sample, rows)
                at = until
            if single:
                arrays[name] = arrays[name][0]
        return Tokens(*as_leaves(arrays, self.layout, self._numpy))

    def _file(self, number: int) -> Any:
        """Return a shard's file, compared with the manifest when opened."""
        if number in self._files:
            return self._files[number]
        shard = self.shards[number]
        path = self._folder / shard.file
        with naming(path):
            if not path.exists():
                raise DamageError("the shard is missing")
            if self._verify and path.is_file():
                with path.open("rb") as content:
                    found = hashlib.file_digest(content, "sha256").hexdigest()
                if found != shard.sha256:
                    raise DamageError("the shard does not match its checksum")
            file, header = open_tokens(path)
            if (
                header.layout != self.layout
                or without_samples(header.arrays) != self._manifest.samples
                or header.arrays["data"].shape[0] != shard.n_samples
            ):
                raise DamageError(
                    "the shard has a different layout or different arrays than "
                    "the manifest"
                )
        self._files[number] = file
        return file

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_files": {}}

    def __repr__(self) -> str:
        n = len(self.shards)
        return (
            f"StoredDataset({len(self)} samples in {n} "
            f"shard{'s' * (n != 1)}, {self.layout})"
        )
