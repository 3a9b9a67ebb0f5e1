"""Header of a token file: reading, writing and consistency checks."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import ml_dtypes
import numpy as np

from tfmpe._base.arrays import is_numeric
from tfmpe._base.errors import StorageError
from tfmpe._base.sealed_json import (
    SIZE,
    DamageError,
    brief,
    check_form,
    check_size,
    seal,
    unseal,
)
from tfmpe.preprocessing.layout.layout import TokenLayout

from .layout_json import layout_from_json, layout_to_json, layout_version

_FORMAT, _VERSION = "tfmpe.tokens", 2  # 2 has named dimensions
LEAVES = ("data", "functional_inputs", "padding")
ARRAY_FORM = {"dtype": str, "shape": [SIZE]}

_BITS = {"int": (8, 16, 32, 64), "uint": (8, 16, 32, 64), "float": (16, 32, 64)}
NATIVE = {"bool": "BOOL"} | {
    f"{kind}{n}": f"{kind[0].upper()}{n}" for kind in _BITS for n in _BITS[kind]
}
"""What every safetensors since 0.4.5 reads as NumPy, with its names for it."""


class StoredArray(NamedTuple):
    """Dtype and shape of an array in a file."""

    dtype: np.dtype
    shape: tuple[int, ...]

    def as_json(self) -> dict[str, Any]:
        """Return the dictionary that :func:`stored_array` reads."""
        return {"dtype": self.dtype.name, "shape": list(self.shape)}


class Header(NamedTuple):
    """Layout, arrays and checksums of a token file, checked."""

    layout: TokenLayout
    arrays: dict[str, StoredArray]
    checksums: dict[str, str]


def write_header(
    layout: TokenLayout,
    arrays: Mapping[str, np.ndarray],
    checksums: Mapping[str, str],
) -> str:
    """Return the text that :func:`read_header` reads back."""
    described = {
        name: StoredArray(array.dtype, array.shape).as_json()
        | {"sha256": checksums[name]}
        for name, array in arrays.items()
    }
    record = {"layout": layout_to_json(layout), "arrays": described}
    return seal(_FORMAT, layout_version(layout), record)


def read_header(sealed: str) -> Header:
    """Read the text of a header."""
    record = unseal(sealed, _FORMAT, _VERSION)
    form = {"layout": object, "arrays": {...: ARRAY_FORM | {"sha256": str}}}
    check_form(record, form)
    layout = layout_from_json(record["layout"])
    arrays = stored_arrays(record["arrays"], layout)
    checksums = {
        name: each["sha256"] for name, each in record["arrays"].items()
    }
    return Header(layout, arrays, checksums)


def stored_arrays(
    described: Mapping[str, Mapping[str, Any]], layout: TokenLayout
) -> dict[str, StoredArray]:
    """Read the arrays of Tokens of a layout, of a form already checked."""
    arrays = {
        name: stored_array(entry, f"the array {brief(name)}")
        for name, entry in described.items()
    }
    check_arrays(layout, arrays)
    return arrays


def stored_array(entry: Mapping[str, Any], where: str) -> StoredArray:
    """Read the dtype and the shape of an array."""
    name = entry["dtype"]
    try:
        dtype = np.dtype(name)
    except (TypeError, ValueError, SyntaxError):
        raise StorageError(
            f"the dtype of {where} is {brief(name)}, which this version of "
            "jax does not have. Update jax."
        ) from None
    # A name is stored only if it is the full one.
    if dtype.name != name or not is_storable(dtype):
        raise DamageError(
            f"the dtype of {where} is {brief(name)}, which jax does not have"
        )
    check_size(entry["shape"], where)
    return StoredArray(dtype, tuple(entry["shape"]))


def check_arrays(
    layout: TokenLayout, arrays: Mapping[str, StoredArray]
) -> None:
    """Check that arrays by name are the leaves of Tokens of a layout."""
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
            f"its functional inputs have the shape {brief(inputs.shape)}, but "
            f"its data {brief(data)} and its keys {brief(n_inputs)} inputs"
        )
    padding = arrays.get("padding")
    if padding is not None and padding != (np.dtype(bool), data[:-1]):
        raise DamageError(
            f"its padding has the dtype {padding.dtype} and the shape "
            f"{brief(padding.shape)}, expected bool and {brief(data[:-1])}"
        )


def is_storable(dtype: np.dtype) -> bool:
    """Whether this version of jax, or another one, has a dtype."""
    return is_numeric(dtype) or hasattr(ml_dtypes, dtype.name)


def stored_form(stored: StoredArray) -> tuple[str, tuple[int, ...]]:
    """Return the file's name for a dtype, and the shape in the file."""
    if stored.dtype.name in NATIVE:
        return NATIVE[stored.dtype.name], stored.shape
    return "U8", (*stored.shape, stored.dtype.itemsize)
