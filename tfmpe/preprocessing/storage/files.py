"""Tokens in a safetensors file (extra ``data``).

Arrays are stored so that any safetensors tool can read them; those of dtypes
that not all tools know are stored as bytes, with one more axis. The header has
one entry: a JSON text with the layout, and the dtype, shape and checksum of
every array.
"""

import math
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

import jax
import numpy as np

from tfmpe._base.arrays import AnyArray, hand_over
from tfmpe._base.errors import StorageError
from tfmpe._base.extras import import_extra
from tfmpe._base.sealed_json import DamageError, array_checksum, brief, naming
from tfmpe.preprocessing.layout.layout import TokenLayout

from .header import (
    LEAVES,
    NATIVE,
    Header,
    StoredArray,
    is_storable,
    read_header,
    stored_form,
    write_header,
)

if TYPE_CHECKING:
    from tfmpe.preprocessing.tokens.tokens import Tokens

_ENTRY = "tfmpe"


Parts = tuple[AnyArray, TokenLayout, AnyArray | None, AnyArray | None]


def encode_tokens(tokens: "Tokens") -> tuple[bytes, Header]:
    """Return the content of a token file and its header, as read back."""
    safetensors = _safetensors()
    leaves = {name: getattr(tokens, name) for name in LEAVES}
    arrays = {
        name: _plain(name, leaf)
        for name, leaf in leaves.items()
        if leaf is not None
    }
    stored = {
        name: StoredArray(array.dtype, array.shape, array_checksum(array))
        for name, array in arrays.items()
    }
    written = write_header(Header(tokens.layout, stored))
    try:
        # Do not write what could not be read.
        header = read_header(written)
    except DamageError as error:
        raise StorageError(
            f"These Tokens cannot be stored: {error}. Build them with "
            "Tokens.from_pytree."
        ) from None
    content = safetensors.numpy.save(
        {
            name: a if a.dtype.name in NATIVE else a[..., None].view(np.uint8)
            for name, a in arrays.items()
        },
        metadata={_ENTRY: written},
    )
    return content, header


def read_tokens(path: Path, numpy: bool) -> Parts:
    """Return the parts of Tokens in a file; see ``Tokens.load`` for errors."""
    with naming(path):
        file, header = open_tokens(path)
        if not numpy:
            check_jax_dtypes(path, header.arrays)
        arrays = {}
        for name, stored in header.arrays.items():
            arrays[name] = _as_dtype(file.get_tensor(name), stored.dtype)
            if array_checksum(arrays[name]) != stored.sha256:
                raise DamageError(
                    f"its array {name!r} does not match its checksum"
                )
    return as_leaves(arrays, header.layout, numpy)


def as_leaves(
    arrays: Mapping[str, np.ndarray], layout: TokenLayout, numpy: bool
) -> Parts:
    """Return the parts of Tokens; arrays must have no other references."""
    found: dict[str, AnyArray] = {
        name: array if numpy else hand_over(array)
        for name, array in arrays.items()
    }
    _, inputs, padding = LEAVES
    return found["data"], layout, found.get(inputs), found.get(padding)


def open_tokens(path: Path) -> tuple[Any, Header]:
    """Return an open token file and its checked header."""
    safetensors = _safetensors()
    if not path.exists():
        raise FileNotFoundError(f"There is no file {path}.")
    if not path.is_file():
        raise StorageError("it is not a file. Pass one that tokens.save wrote.")
    try:
        file = safetensors.safe_open(str(path), framework="np")
    except safetensors.SafetensorError as error:
        raise StorageError(
            f"it is not a whole safetensors file ({error}). Pass one that "
            "tokens.save wrote."
        ) from None
    entry = (file.metadata() or {}).get(_ENTRY)
    if entry is None:
        raise StorageError(
            "it is a safetensors file without the entry 'tfmpe'. Pass one "
            "that tokens.save wrote."
        )
    header = read_header(entry)
    _check_stored(file, header.arrays)
    return file, header


def read_rows(
    file: Any, name: str, sample: StoredArray, rows: slice
) -> np.ndarray:
    """Return some rows of an array; ``sample`` describes one row."""
    part = (rows.stop - rows.start, *sample.shape)
    if not math.prod(part):
        # safetensors refuses to read empty slices.
        return np.empty(part, sample.dtype)
    return _as_dtype(file.get_slice(name)[rows.start : rows.stop], sample.dtype)


def check_jax_dtypes(path: Path, arrays: Mapping[str, StoredArray]) -> None:
    """Raise a TypeError for dtypes that JAX would narrow without warning."""
    for name, (dtype, *_) in arrays.items():
        narrowed = jax.dtypes.canonicalize_dtype(dtype)
        if narrowed != dtype:
            raise TypeError(
                f"{path}: {name!r} has the dtype {dtype}, which JAX would "
                f"narrow to {narrowed}. Load with numpy=True, or call "
                "jax.config.update('jax_enable_x64', True) first."
            )


def _check_stored(file: Any, arrays: Mapping[str, StoredArray]) -> None:
    """Check that a file holds the arrays that its header describes."""
    expected = {name: stored_form(stored) for name, stored in arrays.items()}
    found = {}
    for name in file.keys():  # noqa: SIM118, not a dictionary
        entry = file.get_slice(name)
        found[name] = (entry.get_dtype(), tuple(entry.get_shape()))
    if found != expected:
        raise DamageError(
            f"it holds the arrays {brief(found)}, but describes "
            f"{brief(expected)}"
        )


def _plain(name: str, leaf: Any) -> np.ndarray:
    """Return a leaf as a contiguous NumPy array in native byte order."""
    array = np.asarray(leaf)
    if not is_storable(array.dtype):
        raise StorageError(
            f"These Tokens cannot be stored: {name!r} has the dtype "
            f"{array.dtype}, which JAX does not have. Build them with "
            "Tokens.from_pytree."
        )
    # safetensors writes noncontiguous arrays wrongly, without an error.
    return np.asarray(array, array.dtype.newbyteorder("="), order="C")


def _as_dtype(array: np.ndarray, dtype: np.dtype) -> np.ndarray:
    return array if dtype.name in NATIVE else array.view(dtype)[..., 0]


def _safetensors() -> ModuleType:
    need = "Tokens are stored with safetensors"
    import_extra("safetensors.numpy", "data", need)
    return import_extra("safetensors", "data", need)
