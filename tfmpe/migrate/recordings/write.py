"""Trees of values as nodes of a recording: what `NodeReader` reads back."""

import hashlib
import io
from typing import Any

import jax
import jax.core
import numpy as np

from tfmpe.migrate.errors import one_line

from .arrays import DTYPES
from .nodes import MAX_DEPTH, Abstract, Opaque

__all__ = ["NodeWriter"]

_SCALARS = {bool: "bool", int: "int", float: "float", str: "str"}
_MAX_WEAK = 1024


class NodeWriter:
    """Turns values into nodes, and collects their arrays.

    Equal arrays are kept once, so equal values give equal nodes.
    """

    def __init__(self) -> None:
        self._names: dict[bytes, str] = {}
        self._arrays: dict[str, np.ndarray] = {}
        self.opaque: dict[str, None] = {}
        """What could not be written, in words."""

    def write(self, value: Any) -> dict[str, Any]:
        """Return the node of a value.

        Parameters
        ----------
        value
            Anything; what the format does not have becomes an opaque node.

        Returns
        -------
        dict
            For `json`.

        Examples
        --------
        >>> NodeWriter().write({"a": (1, None)})["items"][0][1]["items"]
        [{'t': 'int', 'v': 1}, {'t': 'none'}]
        """
        return self._write(value, 0)

    def npz(self) -> bytes:
        """Return the collected arrays as `numpy.savez` packs them.

        Returns
        -------
        bytes
            The same for the same arrays.
        """
        file = io.BytesIO()
        np.savez(file, allow_pickle=False, **self._arrays)
        return file.getvalue()

    def _write(self, value: Any, depth: int) -> dict[str, Any]:
        if value is None:
            return {"t": "none"}
        if type(value) in _SCALARS:
            return {"t": _SCALARS[type(value)], "v": value}
        if isinstance(value, jax.core.Tracer):
            value = Abstract(value.shape, value.dtype.name)
        if isinstance(value, Abstract) and value.dtype in DTYPES:
            return {
                "t": "tracer",
                "shape": list(value.shape),
                "dtype": value.dtype,
            }
        if isinstance(value, jax.Array | np.ndarray):
            return self._array(value)
        if isinstance(value, np.generic) and value.dtype.kind in "biuf":
            if value.dtype.name in DTYPES:
                return {
                    "t": "npscalar",
                    "dtype": value.dtype.name,
                    "v": value.item(),
                }
        elif depth < MAX_DEPTH and self._is_container(value):
            return self._container(value, depth + 1)
        return self._opaque(value)

    def _is_container(self, value: Any) -> bool:
        if type(value) is dict:
            return all(type(key) is str for key in value)
        return type(value) in (tuple, list)

    def _container(self, value: Any, depth: int) -> dict[str, Any]:
        if type(value) is dict:
            pairs = [[k, self._write(x, depth)] for k, x in value.items()]
            return {"t": "dict", "items": pairs}
        items = [self._write(item, depth) for item in value]
        return {"t": type(value).__name__, "items": items}

    def _array(self, array: Any) -> dict[str, Any]:
        weak = bool(getattr(array, "weak_type", False))
        # Only such weakly typed arrays can be built again.
        rebuilt = 0 < array.size <= _MAX_WEAK and array.dtype.name in (
            "int32",
            "float32",
        )
        if array.dtype.name not in DTYPES or (weak and not rebuilt):
            return self._opaque(array)
        values = np.asarray(array, order="C")
        if not values.dtype.isnative:
            return self._opaque(array)
        header = f"{values.dtype.name} {values.shape} ".encode()
        digest = hashlib.sha256(header + values.tobytes()).digest()
        name = self._names.setdefault(digest, f"a{len(self._names)}")
        # A copy, since the script may go on to change its own.
        self._arrays.setdefault(name, values.copy())
        return {
            "t": "array",
            "npz": name,
            "shape": list(values.shape),
            "dtype": values.dtype.name,
            "lib": "jax" if isinstance(array, jax.Array) else "numpy",
            "weak_type": weak,
        }

    def _opaque(self, value: Any) -> dict[str, Any]:
        if isinstance(value, Opaque):
            text = value.description
        elif isinstance(value, jax.Array | np.ndarray):
            weak = "weakly typed " if getattr(value, "weak_type", 0) else ""
            text = f"{weak}array of {value.dtype} {value.shape}"
        else:
            kind = type(value)
            text = f"{kind.__module__}.{kind.__qualname__}"
        text = one_line(text, 200)
        self.opaque.setdefault(text)
        return {"t": "opaque", "repr": text}
