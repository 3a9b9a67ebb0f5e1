"""What a file of Tokens says about its arrays, and whether it can be so."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from tfmpe._base.errors import StorageError
from tfmpe._base.sealed_json import (
    DamageError,
    brief,
    entries,
    seal,
    shape,
    text,
    unseal,
)
from tfmpe.preprocessing.layout.layout import TokenLayout
from tfmpe.preprocessing.storage.layout_json import (
    layout_from_json,
    layout_to_json,
    layout_version,
)

_FORMAT, _VERSION = "tfmpe.tokens", 2  # 2 has named dimensions
LEAVES = ("data", "functional_inputs", "padding")

# What every safetensors since 0.4.5 reads as NumPy, with its names for them.
NATIVE = {
    "bool": "BOOL",
    "int8": "I8",
    "int16": "I16",
    "int32": "I32",
    "int64": "I64",
    "uint8": "U8",
    "uint16": "U16",
    "uint32": "U32",
    "uint64": "U64",
    "float16": "F16",
    "float32": "F32",
    "float64": "F64",
}
# Those, and further ones that some version of jax has.
DTYPES = (
    *NATIVE,
    "complex64",
    "complex128",
    "bfloat16",
    "float8_e3m4",
    "float8_e4m3",
    "float8_e4m3b11fnuz",
    "float8_e4m3fn",
    "float8_e4m3fnuz",
    "float8_e5m2",
    "float8_e5m2fnuz",
    "float8_e8m0fnu",
    "float4_e2m1fn",
    "int1",
    "int2",
    "int4",
    "uint1",
    "uint2",
    "uint4",
)


class StoredArray(NamedTuple):
    """Dtype and shape of an array in a file."""

    dtype: np.dtype
    shape: tuple[int, ...]


class Header(NamedTuple):
    """What a file says about its arrays, checked."""

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
        name: {
            "dtype": array.dtype.name,
            "shape": list(array.shape),
            "sha256": checksums[name],
        }
        for name, array in arrays.items()
    }
    record = {"layout": layout_to_json(layout), "arrays": described}
    return seal(_FORMAT, layout_version(layout), record)


def read_header(sealed: str) -> Header:
    """Read the entry of a header."""
    layout, described = entries(
        unseal(sealed, _FORMAT, _VERSION), ("layout", "arrays"), "its record"
    )
    arrays, checksums = {}, {}
    if not isinstance(described, dict):
        raise DamageError(f"its arrays are {brief(described)}")
    for name, entry in described.items():
        where = f"the array {brief(name)}"
        dtype, sizes, sha256 = entries(
            entry, ("dtype", "shape", "sha256"), where
        )
        arrays[name] = stored_array(dtype, sizes, where)
        checksums[name] = text(sha256, f"the checksum of {where}")
    read = layout_from_json(layout)
    check_arrays(read, arrays)
    return Header(read, arrays, checksums)


def stored_array(dtype: Any, sizes: Any, where: str) -> StoredArray:
    """Read the dtype and the shape of an array from JSON."""
    name = text(dtype, f"the dtype of {where}")
    if name not in DTYPES:
        raise DamageError(
            f"the dtype of {where} is {brief(name)}, which jax has not"
        )
    try:
        known = np.dtype(name)
    except TypeError:
        raise StorageError(
            f"the dtype of {where} is {name}, which this version of jax does "
            "not have. Update jax."
        ) from None
    return StoredArray(known, shape(sizes, f"the shape of {where}"))


def check_arrays(
    layout: TokenLayout, arrays: Mapping[str, StoredArray]
) -> None:
    """Check that arrays by name are the leaves of Tokens of a layout."""
    if "data" not in arrays or not arrays.keys() <= set(LEAVES):
        raise DamageError(
            f"its arrays are {brief(list(arrays))}, expected 'data' and maybe "
            "'functional_inputs' and 'padding'"
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


def stored_form(stored: StoredArray) -> tuple[str, tuple[int, ...]]:
    """Return how the file names an array's dtype, and the shape in it."""
    if stored.dtype.name in NATIVE:
        return NATIVE[stored.dtype.name], stored.shape
    return "U8", (*stored.shape, stored.dtype.itemsize)
