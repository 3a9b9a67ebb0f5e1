"""Writer of values as nodes, the counterpart of `NodeReader`."""

import hashlib
import io
from typing import Any

import jax
import jax.core
import msgspec
import numpy as np

from tfmpe._base.keys import is_key
from tfmpe.migrate.errors import one_line

from . import nodes
from .arrays import DTYPES

_SCALARS = {
    bool: nodes.Bool,
    int: nodes.Int,
    float: nodes.Float,
    str: nodes.Str,
}


class NodeWriter:
    """Converts values to nodes, and collects their distinct arrays."""

    def __init__(self) -> None:
        self._names: dict[bytes, str] = {}
        self._arrays: dict[str, np.ndarray] = {}
        self.opaque: dict[str, None] = {}
        """Descriptions of values that could not be written."""

    def write(self, value: Any) -> dict[str, Any]:
        """Return the node of a value."""
        return msgspec.to_builtins(self._node(value, 0))

    def npz(self) -> bytes:
        """Return the collected arrays in the format of `numpy.savez`."""
        file = io.BytesIO()
        np.savez(file, allow_pickle=False, **self._arrays)
        return file.getvalue()

    def _node(self, value: Any, depth: int) -> nodes.Node:
        if depth < nodes.MAX_DEPTH and type(value) in (tuple, list):
            kind = nodes.Tuple if type(value) is tuple else nodes.List
            return kind([self._node(item, depth + 1) for item in value])
        if depth < nodes.MAX_DEPTH and _is_plain_dict(value):
            pairs = value.items()
            return nodes.Dict([(k, self._node(x, depth + 1)) for k, x in pairs])
        if value is None:
            return nodes.None_()
        if type(value) in _SCALARS:
            return _SCALARS[type(value)](value)
        if isinstance(value, jax.core.Tracer):
            value = nodes.Abstract(value.shape, value.dtype.name)
        if isinstance(value, nodes.Abstract) and value.dtype in DTYPES:
            return value
        if isinstance(value, jax.Array | np.ndarray):
            return self._array(value)
        if isinstance(value, np.generic):
            name = value.dtype.name
            if value.dtype.kind in "biuf" and name in DTYPES:
                return nodes.Npscalar(name, value.item())
        return self._opaque(value)

    def _array(self, array: Any) -> nodes.Node:
        if is_key(array):
            data = self._array(jax.random.key_data(array))
            assert isinstance(data, nodes.Array)
            return nodes.Key(str(jax.random.key_impl(array)), data)
        weak = bool(getattr(array, "weak_type", False))
        # Only these weakly typed arrays can be rebuilt.
        is_small = 0 < array.size <= nodes.MAX_WEAK
        rebuilt = is_small and array.dtype.name in ("int32", "float32")
        if array.dtype.name not in DTYPES or (weak and not rebuilt):
            return self._opaque(array)
        values = np.asarray(array, order="C")
        if not values.dtype.isnative:
            return self._opaque(array)
        header = f"{values.dtype.name} {values.shape} ".encode()
        digest = hashlib.sha256(header + values.tobytes()).digest()
        name = self._names.setdefault(digest, f"a{len(self._names)}")
        # A copy, because the script may change its array later.
        self._arrays.setdefault(name, values.copy())
        lib = "jax" if isinstance(array, jax.Array) else "numpy"
        return nodes.Array(name, values.shape, values.dtype.name, lib, weak)

    def _opaque(self, value: Any) -> nodes.Opaque:
        if isinstance(value, nodes.Opaque):
            text = value.repr
        elif isinstance(value, jax.Array | np.ndarray):
            weak = "weakly typed " if getattr(value, "weak_type", 0) else ""
            text = f"{weak}array of {value.dtype} {value.shape}"
        elif isinstance(value, nodes.Abstract):
            text = f"traced array of {value.dtype} {value.shape}"
        else:
            kind = type(value)
            text = f"{kind.__module__}.{kind.__qualname__}"
        text = one_line(text, 200)
        self.opaque.setdefault(text)
        return nodes.Opaque(text)


def _is_plain_dict(value: Any) -> bool:
    return type(value) is dict and all(type(key) is str for key in value)
