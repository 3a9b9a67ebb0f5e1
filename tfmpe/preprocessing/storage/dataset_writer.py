"""Writer of sharded datasets, which may be larger than memory."""

import hashlib
import os
from contextlib import ExitStack
from pathlib import Path

from tfmpe._base.atomic import remove_leftovers, write_atomically
from tfmpe._base.errors import StorageError, raise_faults
from tfmpe.preprocessing.layout.differences import (
    EXACT,
    difference,
    layout_differences,
)
from tfmpe.preprocessing.tokens.tokens import Tokens

from .files import encode_tokens
from .header import StoredArray
from .manifest import (
    MANIFEST,
    Manifest,
    Shard,
    read_manifest,
    shard_name,
    without_samples,
    write_manifest,
)


class DatasetWriter:
    """Write Tokens into a folder, one file per call of :meth:`append`.

    A new writer on the same folder continues after the last shard in the
    manifest, also after an interruption.

    Parameters
    ----------
    folder : path
        Where to write; created if it does not exist.

    Raises
    ------
    StorageError
        If another writer uses the folder, its manifest is damaged, or it holds
        shards that are not in the manifest.

    Notes
    -----
    Every shard, then the manifest, is written atomically, so that
    :func:`open_dataset` may read at any time. Needs the extra ``data``.

    Examples
    --------
    >>> import tempfile
    >>> import numpy as np
    >>> from tfmpe import open_dataset
    >>> folder = tempfile.mkdtemp()
    >>> with DatasetWriter(folder) as writer:
    ...     for start in range(writer.n_samples, 30, 10):
    ...         mu = np.arange(start, start + 10.0).reshape(10, 1, 1)
    ...         writer.append(Tokens.from_pytree({"mu": mu}, {}))
    >>> open_dataset(folder)[8:12].data.ravel().tolist()
    [8.0, 9.0, 10.0, 11.0]
    """

    def __init__(self, folder: str | os.PathLike[str]) -> None:
        self._folder = Path(folder)
        self._folder.mkdir(parents=True, exist_ok=True)
        self._manifest: Manifest | None = None
        self._closed = False
        with ExitStack() as stack:
            _lock(self._folder, stack)
            if (self._folder / MANIFEST).exists():
                self._manifest = read_manifest(self._folder)
            _check_unlisted(self._folder, self.n_shards)
            remove_leftovers(self._folder, MANIFEST)
            remove_leftovers(self._folder, "shard-*.safetensors")
            self._lock = stack.pop_all()

    @property
    def n_samples(self) -> int:
        """Number of samples written so far, including earlier writers."""
        return self._manifest.n_samples if self._manifest else 0

    @property
    def n_shards(self) -> int:
        """Number of shards written so far, including earlier writers."""
        return len(self._manifest.shards) if self._manifest else 0

    def append(self, tokens: object) -> None:
        """Write Tokens as the next shard.

        Parameters
        ----------
        tokens : Tokens
            With the samples along the first axis. Layout, dtypes, further
            sample axes and the set of arrays must match the first shard.

        Raises
        ------
        ValueError
            If the Tokens do not match the first shard (all differences are
            listed), or the writer is closed.
        TypeError
            If ``tokens`` are not Tokens.
        """
        if self._closed:
            raise ValueError(
                "The DatasetWriter is closed. Open a new one on "
                f"{self._folder}; it continues after shard {self.n_shards - 1}."
            )
        if not isinstance(tokens, Tokens):
            raise TypeError(
                f"append takes Tokens, not {type(tokens).__name__}. For a "
                "view, append view.to_tokens()."
            )
        if not tokens.sample_shape:
            raise ValueError(
                "append takes Tokens with a sample axis, along which shards "
                "are joined. These have none."
            )
        content, header = encode_tokens(tokens)
        samples = without_samples(header.arrays)
        old = self._manifest or Manifest(header.layout, samples, ())
        raise_faults(
            ValueError,
            f"Cannot append these Tokens to {self._folder}",
            layout_differences(header.layout, old.layout, _NAMES, EXACT)
            + _array_differences(samples, old.samples),
        )
        shard = Shard(
            shard_name(self.n_shards),
            tokens.sample_shape[0],
            hashlib.sha256(content).hexdigest(),
        )
        # In this order, an interruption in between leaves a file that the next
        # writer overwrites, but never a listed shard that does not exist.
        write_atomically(self._folder / shard.file, content)
        new = old._replace(shards=(*old.shards, shard))
        write_manifest(self._folder, new)
        self._manifest = new

    def close(self) -> None:
        """Unlock the folder for other writers; done at the end of ``with``."""
        self._closed = True
        self._lock.close()

    def __enter__(self) -> "DatasetWriter":
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return (
            f"DatasetWriter({str(self._folder)!r}, {self.n_samples} samples "
            f"in {self.n_shards} shards)"
        )


def _lock(folder: Path, stack: ExitStack) -> None:
    """Lock a folder for this writer until the stack is closed."""
    import fcntl

    file = stack.enter_context((folder / ".lock").open("ab"))
    try:
        # The system unlocks it when this process ends, even by a crash.
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise StorageError(
            f"{folder}: another DatasetWriter has this folder open. Wait "
            "until it is closed, or choose another folder."
        ) from None


def _check_unlisted(folder: Path, n_shards: int) -> None:
    """Check that at most the next shard is missing from the manifest."""
    listed = {shard_name(number) for number in range(n_shards + 1)}
    unlisted = sorted(
        path.name
        for path in folder.glob("shard-*.safetensors")
        if path.name not in listed
    )
    if unlisted:
        raise StorageError(
            f"{folder}: its manifest lists {n_shards} shards, but there is "
            f"also {unlisted[0]!r}. Restore {MANIFEST} from a copy, or move "
            "the shards away."
        )


_NAMES = ("these Tokens", "the first shard")


def _array_differences(
    new: dict[str, StoredArray], old: dict[str, StoredArray]
) -> list[str]:
    """Return a sentence for every difference between two shards' arrays."""
    faults: list[str] = []
    for name in sorted(new.keys() | old.keys()):
        a, b = (arrays.get(name, "missing") for arrays in (new, old))
        faults += difference(f"one sample of {name!r}", a, b, _NAMES)
    return faults
