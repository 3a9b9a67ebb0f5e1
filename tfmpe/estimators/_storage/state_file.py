"""Pytrees of arrays and a description in one safetensors file."""

import os
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from tfmpe._base.arrays import on_device
from tfmpe._base.atomic import write_atomically
from tfmpe._base.errors import raise_faults
from tfmpe._base.extras import import_extra
from tfmpe._base.keys import is_key, without_keys
from tfmpe._base.sealed_json import (
    DamageError,
    array_checksum,
    brief,
    entries,
    naming,
    seal,
    unseal,
)
from tfmpe.estimators._types import AnyArray, Arrays
from tfmpe.preprocessing import StorageError
from tfmpe.preprocessing.storage.header import NATIVE

_ENTRY = "tfmpe"
_VERSION = 1


def name_leaves(tree: Arrays, prefix: str) -> dict[str, AnyArray]:
    """Return the leaves of a pytree by name: a prefix and their path.

    The names do not depend on the Flax release that made the tree.
    """
    named = {}
    for path, leaf in jax.tree_util.tree_flatten_with_path(tree)[0]:
        # The array inside an NNX variable.
        if path and path[-1] == jax.tree_util.GetAttrKey("value"):
            path = path[:-1]
        ending = jax.tree_util.keystr(path, simple=True, separator="/")
        name = f"{prefix}/{ending}" if path else prefix
        if name in named:
            raise StorageError(
                f"Two arrays have the name {name!r}. Rename one of them."
            )
        named[name] = leaf
    return named


def refill(
    tree: Arrays,
    prefix: str,
    arrays: Mapping[str, np.ndarray],
    *,
    narrow: bool = False,
) -> Arrays:
    """Return a tree with stored arrays in place of its leaves.

    The error lists all faults. With ``narrow``, 64 and 32 bits are converted
    to each other, for files written with another ``jax_enable_x64``.
    """
    named = name_leaves(tree, prefix)
    faults = [
        f"{name!r} is not in the file" for name in named if name not in arrays
    ]
    faults += [
        f"{name!r} is only in the file"
        for name in arrays
        if name.startswith(f"{prefix}/") and name not in named
    ]
    leaves = []
    for name, leaf in named.items():
        if name not in arrays:
            continue
        found = arrays[name]
        plain = without_keys(leaf)
        expected = (jnp.shape(plain), jnp.result_type(plain))
        if narrow:
            found = _in_bits_of(found, expected[1])
        if (found.shape, found.dtype) != expected:
            faults.append(
                f"{name!r} is {found.dtype}{list(found.shape)} in the file, "
                f"{expected[1]}{list(expected[0])} here"
            )
            continue
        array = on_device(found)
        if is_key(leaf):
            impl = jax.random.key_impl(leaf)
            array = jax.random.wrap_key_data(array, impl=impl)
        leaves.append(array)
    raise_faults(StorageError, "The file holds another architecture", faults)
    return jax.tree.unflatten(jax.tree.structure(tree), leaves)


def _in_bits_of(found: np.ndarray, dtype: np.dtype) -> np.ndarray:
    """Convert 32 and 64 bits to each other, if the kinds of dtype agree."""
    sizes = {found.dtype.itemsize, np.dtype(dtype).itemsize}
    if found.dtype.kind != np.dtype(dtype).kind or sizes != {4, 8}:
        return found
    other = found.astype(dtype)
    same = found.dtype.kind == "f" or np.array_equal(other, found)
    return other if same else found


def write_state(
    path: str | os.PathLike[str],
    kind: str,
    arrays: Mapping[str, AnyArray],
    description: dict[str, Any],
) -> None:
    """Write arrays and a JSON description, completely or not at all.

    ``kind`` names the contents, such as ``'tfmpe.estimator'``.
    """
    safetensors = _import("safetensors.numpy")
    folder = Path(path).parent
    if not folder.is_dir():
        raise FileNotFoundError(
            f"The folder {folder} does not exist. Create it, or pass the path "
            "of a file in an existing folder."
        )
    host = {name: _on_host(name, array) for name, array in arrays.items()}
    checksums = {name: array_checksum(array) for name, array in host.items()}
    record = {"description": description, "checksums": checksums}
    metadata = {_ENTRY: seal(kind, _VERSION, record)}
    write_atomically(Path(path), safetensors.save(host, metadata=metadata))


def read_state(
    path: str | os.PathLike[str], kind: str
) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    """Read a file that :func:`write_state` wrote."""
    safetensors = _import("safetensors")
    path = Path(path)
    if not path.is_file():
        if path.is_dir():
            raise FileNotFoundError(
                f"{path} is a folder, expected a file. "
                "HierarchicalEstimator.load reads a folder that its save wrote."
            )
        raise FileNotFoundError(f"The file {path} does not exist.")
    with naming(path):
        try:
            file = safetensors.safe_open(str(path), framework="np")
        except safetensors.SafetensorError as error:
            message = f"it is not a whole safetensors file ({error})"
            raise DamageError(message) from None
        entry = (file.metadata() or {}).get(_ENTRY, "{}")
        record = unseal(entry, kind, _VERSION)
        fields = ("description", "checksums")
        description, checksums = entries(record, fields, "its record")
        names = sorted(file.keys())
        if names != sorted(checksums):
            raise DamageError(f"it holds the arrays {brief(names)}")
        arrays = {name: file.get_tensor(name) for name in names}
        for name, array in arrays.items():
            if array_checksum(array) != checksums[name]:
                raise DamageError(
                    f"its array {name!r} does not match its checksum"
                )
    return arrays, description


def _on_host(name: str, array: AnyArray) -> np.ndarray:
    host = np.asarray(without_keys(array))
    if host.dtype.name not in NATIVE:
        raise StorageError(
            f"{name!r} has the dtype {host.dtype}, which cannot be stored. "
            "Keep parameters in float32, and cast them where they are used."
        )
    return np.asarray(host, host.dtype.newbyteorder("="), order="C")


def _import(name: str) -> ModuleType:
    return import_extra(name, "data", "Estimators are stored with safetensors")
