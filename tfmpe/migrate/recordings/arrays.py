"""Reading the arrays of a stored npz, with nothing in it trusted.

Every entry is checked before numpy sees it: its name, how it is packed,
its size, and a header that must be plain text of the one form that
`numpy.savez` writes. Only then is it loaded, with `allow_pickle=False`.
"""

import io
import math
import re
import struct
import zipfile
from pathlib import Path

import numpy as np

from tfmpe.migrate.errors import RecordingError

__all__ = ["DTYPES", "MAX_ENTRY_BYTES", "MAX_FILE_BYTES", "ArrayFile"]

DTYPES = frozenset(
    {
        "bool",
        *(f"{sign}int{bits}" for sign in ("", "u") for bits in (8, 16, 32, 64)),
        *("float16", "float32", "float64"),
        *("complex64", "complex128"),
    }
)
"""Names of the data types that a recording may hold."""

MAX_FILE_BYTES = 64 * 2**20
"""Largest file that is opened."""

MAX_ENTRY_BYTES = 64 * 2**20
"""Largest array, unpacked; the arrays of a file together: four times this."""

MAX_NDIM = 16

_ENTRY_NAME = re.compile(r"[A-Za-z0-9_.\-]{1,200}\.npy")
_HEADER = re.compile(
    r"\{'descr': '(?P<descr>[^']{1,16})', "
    r"'fortran_order': (?:True|False), "
    r"'shape': \((?P<shape>[0-9, ]{0,400})\), \} *\n"
)


class ArrayFile:
    """The arrays of one npz, by name, read when asked for.

    Parameters
    ----------
    file
        Where the npz is; used to open it.
    shown
        How to name it in an error; `file` if not given.

    Raises
    ------
    RecordingError
        If the file is not a zip archive that `numpy.savez` could have
        written, or declares more bytes than `MAX_ENTRY_BYTES` per entry.
    """

    def __init__(self, file: Path, shown: str | None = None):
        self.shown = str(file) if shown is None else shown
        self._arrays: dict[str, np.ndarray] = {}
        try:
            size = file.stat().st_size
            if size > MAX_FILE_BYTES:
                raise self._error(
                    f"{size} bytes; at most {MAX_FILE_BYTES} are read"
                )
            # One read: what is checked is what is used.
            self._zip = zipfile.ZipFile(io.BytesIO(file.read_bytes()))
            entries = self._zip.infolist()
        except OSError as error:
            raise self._error(f"cannot be read ({error.strerror})") from None
        except RecordingError:
            raise
        # zipfile raises many kinds of exception on bytes that are no zip.
        except Exception as error:
            raise self._error(f"not a readable npz ({error})") from None
        self._entries = self._checked(entries)

    def _error(self, fault: str) -> RecordingError:
        return RecordingError(self.shown, fault)

    def _checked(
        self, entries: list[zipfile.ZipInfo]
    ) -> dict[str, zipfile.ZipInfo]:
        checked: dict[str, zipfile.ZipInfo] = {}
        total = 0
        for entry in entries:
            if not _ENTRY_NAME.fullmatch(entry.filename):
                raise self._error(
                    f"entry {entry.filename!r} is not the name of an array"
                )
            if entry.filename in checked:
                raise self._error(f"entry {entry.filename!r} occurs twice")
            if entry.flag_bits & 0x1:
                raise self._error(f"entry {entry.filename!r} is encrypted")
            if entry.compress_type not in (
                zipfile.ZIP_STORED,
                zipfile.ZIP_DEFLATED,
            ):
                raise self._error(
                    f"entry {entry.filename!r} is packed in a way that "
                    "numpy.savez does not use"
                )
            total += entry.file_size
            if entry.file_size > MAX_ENTRY_BYTES or total > 4 * MAX_ENTRY_BYTES:
                raise self._error(
                    f"entry {entry.filename!r} unpacks to "
                    f"{entry.file_size} bytes ({total} with those before "
                    f"it); at most {MAX_ENTRY_BYTES} are read"
                )
            checked[entry.filename] = entry
        return checked

    def names(self) -> tuple[str, ...]:
        """Return the names of all arrays, in the order of the file."""
        return tuple(name.removesuffix(".npy") for name in self._entries)

    def array(
        self, name: str, dtype: str, shape: tuple[int, ...]
    ) -> np.ndarray:
        """Return one array, which must be what was declared.

        Parameters
        ----------
        name
            Name of the entry, without `.npy`.
        dtype
            The data type it must have, one of `DTYPES`.
        shape
            The shape it must have.

        Returns
        -------
        ndarray
            Read-only, of exactly that data type and shape.

        Raises
        ------
        RecordingError
            If the entry is missing, broken, pickled, or of another data
            type or shape.
        """
        array = self._arrays.get(name)
        if array is None:
            array = self._read(name)
            self._arrays[name] = array
        if array.dtype != np.dtype(dtype) or array.shape != shape:
            raise self._error(
                f"array {name!r} is {array.dtype} {array.shape}, "
                f"but the json beside it says {dtype} {shape}"
            )
        return array

    def _read(self, name: str) -> np.ndarray:
        entry = self._entries.get(f"{name}.npy")
        if entry is None:
            raise self._error(f"has no array {name!r}")
        try:
            # Reads at most the declared size, and checks its checksum.
            raw = self._zip.read(entry)
        except Exception as error:
            raise self._error(
                f"array {name!r} cannot be unpacked ({error})"
            ) from None
        self._check_header(name, raw)
        try:
            array = np.load(io.BytesIO(raw), allow_pickle=False)
        except Exception as error:
            raise self._error(
                f"array {name!r} cannot be read ({error})"
            ) from None
        array.flags.writeable = False
        return array

    def _check_header(self, name: str, raw: bytes) -> None:
        if raw[:8] != b"\x93NUMPY\x01\x00" or len(raw) < 10:
            raise self._error(
                f"array {name!r} does not begin like a numpy array"
            )
        (length,) = struct.unpack("<H", raw[8:10])
        header = _HEADER.fullmatch(raw[10 : 10 + length].decode("latin-1"))
        if header is None:
            raise self._error(
                f"array {name!r} has a header that numpy.savez does not "
                "write for an array of numbers"
            )
        descr = header["descr"]
        if "O" in descr or "V" in descr:
            raise self._error(
                f"array {name!r} holds objects (pickled), not numbers"
            )
        try:
            dtype = np.dtype(descr)
            shape = tuple(
                int(size) for size in header["shape"].split(",") if size.strip()
            )
        except (TypeError, ValueError):
            raise self._error(
                f"array {name!r} has a header that makes no sense: "
                f"{header[0]!r}"
            ) from None
        if dtype.name not in DTYPES or not dtype.isnative:
            raise self._error(
                f"array {name!r} has the data type {descr!r}; "
                "recordings hold native numbers only"
            )
        held = len(raw) - 10 - length
        if len(shape) > MAX_NDIM or math.prod(shape) * dtype.itemsize != held:
            raise self._error(
                f"array {name!r} declares {dtype} {shape}, "
                f"but holds {held} bytes"
            )
