"""Reading the arrays of a stored npz, with nothing in it trusted.

Every entry is checked before numpy sees it: its name, how it is packed, its
size, and a header that must be plain text of the one form that `numpy.savez`
writes. Only then is it loaded, with `allow_pickle=False`.
"""

import io
import math
import re
import struct
import zipfile
from pathlib import Path

import numpy as np

from tfmpe.migrate.errors import RecordingError

from .files import read_bytes

__all__ = ["DTYPES", "MAX_ENTRY_BYTES", "MAX_NDIM", "ArrayFile"]

DTYPES = frozenset(
    {
        "bool",
        *(f"{sign}int{bits}" for sign in ("", "u") for bits in (8, 16, 32, 64)),
        *("float16", "float32", "float64"),
        *("complex64", "complex128"),
    }
)
"""Names of the data types that a recording may hold."""

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
        Where the npz is.
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
        # One read: what is checked is what is used.
        content = io.BytesIO(read_bytes(file, self.shown))
        # zipfile raises many kinds of exception on bytes that are no zip.
        try:
            self._zip = zipfile.ZipFile(content)
            entries = self._zip.infolist()
        except Exception as error:
            raise self._error(f"not a readable npz ({error})") from None
        self._entries: dict[str, zipfile.ZipInfo] = {}
        total = 0
        for entry in entries:
            total += entry.file_size
            fault = self._fault(entry, total)
            if fault is not None:
                raise self._error(f"entry {entry.filename!r} {fault}")
            self._entries[entry.filename] = entry

    def _error(self, fault: str) -> RecordingError:
        return RecordingError(self.shown, fault)

    def _fault(self, entry: zipfile.ZipInfo, total: int) -> str | None:
        if not _ENTRY_NAME.fullmatch(entry.filename):
            return "is not the name of an array"
        if entry.filename in self._entries:
            return "occurs twice"
        if entry.flag_bits & 0x1:
            return "is encrypted"
        if entry.compress_type not in (
            zipfile.ZIP_STORED,
            zipfile.ZIP_DEFLATED,
        ):
            return "is packed in a way that numpy.savez does not use"
        if entry.file_size > MAX_ENTRY_BYTES or total > 4 * MAX_ENTRY_BYTES:
            return (
                f"unpacks to {entry.file_size} bytes ({total} with those "
                f"before it); at most {MAX_ENTRY_BYTES} are read"
            )
        return None

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
        dtype, shape
            What it must have; the first is one of `DTYPES`.

        Returns
        -------
        ndarray
            Read-only.

        Raises
        ------
        RecordingError
            If the entry is missing, broken, pickled, or of another data
            type or shape.
        """
        if name not in self._arrays:
            self._arrays[name] = self._read(name)
        array = self._arrays[name]
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
        # Reads at most the declared size, and checks its checksum.
        try:
            raw = self._zip.read(entry)
        except Exception as error:
            fault = f"array {name!r} cannot be unpacked ({error})"
            raise self._error(fault) from None
        fault = _header_fault(raw)
        if fault is not None:
            raise self._error(f"array {name!r} {fault}")
        try:
            array = np.load(io.BytesIO(raw), allow_pickle=False)
        except Exception as error:
            fault = f"array {name!r} cannot be read ({error})"
            raise self._error(fault) from None
        array.flags.writeable = False
        return array


def _header_fault(raw: bytes) -> str | None:
    if raw[:8] != b"\x93NUMPY\x01\x00" or len(raw) < 10:
        return "does not begin like a numpy array"
    (length,) = struct.unpack("<H", raw[8:10])
    header = _HEADER.fullmatch(raw[10 : 10 + length].decode("latin-1"))
    if header is None:
        return (
            "has a header that numpy.savez does not write for an array of "
            "numbers"
        )
    descr = header["descr"]
    if "O" in descr or "V" in descr:
        return "holds objects (pickled), not numbers"
    try:
        dtype = np.dtype(descr)
        sizes = header["shape"].split(",")
        shape = tuple(int(size) for size in sizes if size.strip())
    except (TypeError, ValueError):
        return f"has a header that makes no sense: {header[0]!r}"
    if dtype.name not in DTYPES or not dtype.isnative:
        return (
            f"has the data type {descr!r}; recordings hold native numbers only"
        )
    held = len(raw) - 10 - length
    if len(shape) > MAX_NDIM or math.prod(shape) * dtype.itemsize != held:
        return f"declares {dtype} {shape}, but holds {held} bytes"
    return None
