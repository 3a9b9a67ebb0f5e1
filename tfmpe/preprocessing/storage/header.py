"""Header of a token file: reading, writing and consistency checks."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import ml_dtypes
import numpy as np

from tfmpe._base.arrays import is_numeric
from tfmpe._base.errors import StorageError
from tfmpe._base.sealed_json import (
    DamageError,
    brief,
    read_exactly,
    seal,
    unseal,
)
from tfmpe.preprocessing.layout.layout import TokenLayout

from .layout_json import layout_from_json, layout_to_json, layout_version

_FORMAT, _VERSION = "tfmpe.tokens", 2  # 2 has named dimensions
LEAVES = ("data", "functional_inputs", "padding")

_BITS = {"int": (8, 16, 32, 64), "uint": (8, 16, 32, 64), "float": (16, 32, 64)}
NATIVE = {"bool": "BOOL"} | {
    f"{kind}{n}": f"{kind[0].upper()}{n}" for kind in _BITS for n in _BITS[kind]
}
"""Dtypes that every safetensors since 0.4.5 reads as NumPy, and their names."""


class StoredArray(NamedTuple):
    """Dtype and shape; for a whole array in a file, also its checksum."""

    dtype: np.dtype
    shape: tuple[int, ...]
    sha256: str | None = None

    def __str__(self) -> str:
        return f"{self.dtype} of shape {self.shape}"

    def as_json(self) -> dict[str, Any]:
        """Return the dictionary that :func:`stored_arrays` reads."""
        entry = {"dtype": self.dtype.name, "shape": self.shape}
        return entry | ({"sha256": self.sha256} if self.sha256 else {})


class Header(NamedTuple):
    """Layout and arrays of a token file, consistent with each other."""

    layout: TokenLayout
    arrays: dict[str, StoredArray]

    def as_json(self) -> dict[str, Any]:
        """Return the dictionary that is sealed in the file."""
        arrays = {name: each.as_json() for name, each in self.arrays.items()}
        return {"layout": layout_to_json(self.layout), "arrays": arrays}


def write_header(header: Header) -> str:
    """Return the text that :func:`read_header` reads back."""
    return seal(_FORMAT, layout_version(header.layout), header.as_json())


def read_header(sealed: str) -> Header:
    """Read the text of a header."""
    record = unseal(sealed, _FORMAT, _VERSION)
    return read_exactly(record, _from_json, Header.as_json)


def _from_json(record: Mapping[str, Any]) -> Header:
    layout = layout_from_json(record["layout"])
    return Header(layout, stored_arrays(record["arrays"], layout))


def stored_arrays(
    described: Mapping[str, Mapping[str, Any]], layout: TokenLayout
) -> dict[str, StoredArray]:
    """Return the described arrays of Tokens, checked against a layout."""
    arrays = {
        name: StoredArray(
            _read_dtype(entry["dtype"], name),
            tuple(map(int, entry["shape"])),
            entry.get("sha256"),
        )
        for name, entry in described.items()
    }
    check_arrays(layout, arrays)
    return arrays


def _read_dtype(name: str, of: str) -> np.dtype:
    try:
        dtype = np.dtype(name)
    except (TypeError, SyntaxError):
        raise StorageError(
            f"the dtype of the array {of!r} is {brief(name)}, which this "
            "version of JAX does not have. Update JAX."
        ) from None
    if not is_storable(dtype):
        raise DamageError(
            f"the dtype of the array {of!r} is {brief(name)}, which JAX does "
            "not have"
        )
    return dtype


def check_arrays(
    layout: TokenLayout, arrays: Mapping[str, StoredArray]
) -> None:
    """Check that arrays are the leaves of Tokens with a layout."""
    if "data" not in arrays or not arrays.keys() <= set(LEAVES):
        raise DamageError(
            f"its arrays are {brief(list(arrays))}, expected 'data' and "
            "optionally 'functional_inputs' and 'padding'"
        )
    data = arrays["data"].shape
    room = (layout.n_tokens, layout.width)
    if len(data) < 2 or data[-2] != room[0] or data[-1] < room[1]:
        raise DamageError(
            f"its data have the shape {brief(data)}, but its layout has "
            f"{room[0]} tokens of width {room[1]}"
        )
    n_inputs = [k.n_inputs for k in layout.keys if k.n_inputs is not None]
    inputs = arrays.get("functional_inputs")
    if inputs is None and n_inputs:
        raise DamageError(
            "it has no functional inputs, but its layout names some"
        )
    if inputs is not None and (
        inputs.shape[:-1] != data[:-1]
        or inputs.shape[-1] < max(n_inputs, default=0)
    ):
        raise DamageError(
            f"its functional inputs have the shape {brief(inputs.shape)}, "
            f"expected {brief(data[:-1])} and a last axis of length "
            f"{max(n_inputs, default=0)} or more"
        )
    padding = arrays.get("padding")
    if padding is not None and padding[:2] != (np.dtype(bool), data[:-1]):
        raise DamageError(
            f"its padding has the dtype {padding.dtype} and the shape "
            f"{brief(padding.shape)}, expected bool and {brief(data[:-1])}"
        )


def is_storable(dtype: np.dtype) -> bool:
    """Return whether some version of JAX has a dtype, so it can be stored."""
    return is_numeric(dtype) or hasattr(ml_dtypes, dtype.name)


def stored_form(stored: StoredArray) -> tuple[str, tuple[int, ...]]:
    """Return the name of the dtype and the shape in the file."""
    if stored.dtype.name in NATIVE:
        return NATIVE[stored.dtype.name], stored.shape
    return "U8", (*stored.shape, stored.dtype.itemsize)
