"""Reader of the arrays in an untrusted npz file.

The name, compression and size of every entry are checked before its content
is read. The header must describe a numeric array; the remaining bytes are
interpreted as its data, and nothing is ever unpickled.
"""

import io
import math
import re
import zipfile
from pathlib import Path

import numpy as np

from tfmpe.migrate.errors import RecordingError

from .files import read_bytes

_DTYPES = """
    bool int8 int16 int32 int64 uint8 uint16 uint32 uint64
    float16 float32 float64 complex64 complex128
"""

DTYPES = frozenset(_DTYPES.split())
"""Names of the data types that a recording may hold."""

MAX_ENTRY_BYTES = 64 * 2**20
"""Largest size of an unpacked array; a whole file may have four times this."""

MAX_NDIM = 16

_PACKINGS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
_ENTRY_NAME = re.compile(r"[A-Za-z0-9_.\-]{1,200}\.npy")


class ArrayFile:
    """The arrays of an npz file by name, loaded on access."""

    def __init__(self, file: Path, shown: str):
        self.shown = shown
        self._arrays: dict[str, np.ndarray] = {}
        # Read once, so that no other process can change the checked bytes.
        content = io.BytesIO(read_bytes(file, self.shown))
        # zipfile raises many kinds of exceptions on invalid bytes.
        try:
            self._zip = zipfile.ZipFile(content)
            entries = self._zip.infolist()
        except Exception as error:
            raise self._error(f"not a readable npz ({error})") from None
        self._entries: dict[str, zipfile.ZipInfo] = {}
        total = 0
        for entry in entries:
            total += entry.file_size
            if fault := self._fault(entry, total):
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
        if entry.compress_type not in _PACKINGS:
            return "is compressed in a way that numpy.savez does not use"
        if entry.file_size > MAX_ENTRY_BYTES or total > 4 * MAX_ENTRY_BYTES:
            return (
                f"unpacks to {entry.file_size} bytes ({total} with those "
                f"before it); at most {MAX_ENTRY_BYTES} are read"
            )
        return None

    def array(
        self, name: str, dtype: str, shape: tuple[int, ...]
    ) -> np.ndarray:
        """Return one array, which must have the declared dtype and shape."""
        if name not in self._arrays:
            self._arrays[name] = self._read(name)
        array = self._arrays[name]
        if array.dtype != np.dtype(dtype) or array.shape != shape:
            raise self._error(
                f"array {name!r} is {array.dtype} {array.shape}, "
                f"but the JSON file declares {dtype} {shape}"
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
        stream = io.BytesIO(raw)
        try:
            version = np.lib.format.read_magic(stream)
            if version != (1, 0):
                raise ValueError(f"version {version}")
            # It evaluates a literal of limited length, and nothing else.
            header = np.lib.format.read_array_header_1_0(stream)
        except Exception as error:
            fault = f"array {name!r} has a header not written by numpy.savez"
            raise self._error(f"{fault} ({error})") from None
        shape, is_fortran, dtype = header
        if dtype.name not in DTYPES or not dtype.isnative:
            fault = f"has the data type {dtype}; expected native numbers"
            raise self._error(f"array {name!r} {fault}")
        held = raw[stream.tell() :]
        size = math.prod(shape) * dtype.itemsize
        if len(shape) > MAX_NDIM or min(shape, default=0) < 0:
            raise self._error(f"array {name!r} has the shape {shape}")
        if size != len(held):
            fault = f"declares {dtype} {shape}, but holds {len(held)} bytes"
            raise self._error(f"array {name!r} {fault}")
        order = "F" if is_fortran else "C"
        return np.ndarray(shape, dtype, held, order=order)
