"""Trees of values as the recordings write them: JSON nodes to Python.

A node says what a value was: `{"t": "tuple", "items": [...]}` and so on;
the README beside the stored output lists all of them. Every field of every
node is checked, and nothing is ever evaluated.
"""

import math
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from tfmpe.migrate.errors import RecordingError

from .arrays import DTYPES, MAX_ENTRY_BYTES, MAX_NDIM, ArrayFile

__all__ = ["MAX_DEPTH", "Abstract", "Made", "NodeReader", "Opaque", "Reference"]

MAX_DEPTH = 40
"""Deepest nesting of containers that is read."""

_MAX_WEAK = 1024


@dataclass(frozen=True)
class Abstract:
    """A value of which only shape and data type were recorded.

    Parameters
    ----------
    shape
        Its shape.
    dtype
        The name of its data type.
    """

    shape: tuple[int, ...]
    dtype: str

    def __str__(self) -> str:
        """Return the data type and shape, as in an error message."""
        return f"{self.dtype} {self.shape}"


@dataclass(frozen=True)
class Opaque:
    """A value that could not be recorded, only described.

    Parameters
    ----------
    description
        What the recorder saw.
    """

    description: str


@dataclass(frozen=True)
class Made:
    """An object that is made for a call, by a named recipe.

    Parameters
    ----------
    what
        The recipe; only those of `tfmpe.migrate.replay.objects` exist.
    args, kwargs
        What it is given.
    state
        The weights that the object began with, by path; None if it has none.
    """

    what: str
    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    state: dict[str, Any] | None = None


@dataclass(frozen=True)
class Reference:
    """An object that was made before, by its name."""

    name: str


_FIELDS = {
    "none": set(),
    "bool": {"v"},
    "int": {"v"},
    "float": {"v"},
    "str": {"v"},
    "tuple": {"items"},
    "list": {"items"},
    "dict": {"items"},
    "array": {"npz", "shape", "dtype", "lib", "weak_type"},
    "tracer": {"shape", "dtype"},
    "npscalar": {"dtype", "v"},
    "opaque": {"repr"},
}

_OF_FORMAT_2 = {
    "make": {"what", "args", "kwargs"},
    "ref": {"name"},
}

_NOT_FINITE = ("inf", "-inf", "nan")


class NodeReader:
    """Turns the nodes of one json into values.

    Parameters
    ----------
    shown
        How to name the json in an error.
    arrays
        The npz beside it, or None if there is none.
    format_2
        Whether objects may be made, keys of dicts be integers, and floats
        that are not finite be texts.
    """

    def __init__(
        self, shown: str, arrays: ArrayFile | None, format_2: bool = False
    ):
        self._shown = shown
        self._arrays = arrays
        self._format_2 = format_2
        self._fields = _FIELDS | (_OF_FORMAT_2 if format_2 else {})

    def read(self, node: Any, where: str) -> Any:
        """Return the value that a node stands for.

        Parameters
        ----------
        node
            What `json` made of it.
        where
            Its place in the file, for errors.

        Returns
        -------
        object
            None, bool, int, float, str, tuple, list, dict (in the recorded
            order), a NumPy or a JAX array, a NumPy scalar, `Abstract` or
            `Opaque`; of format 2 also `Made` and `Reference`.

        Raises
        ------
        RecordingError
            If the node, or the array it points to, is not in our format.
        """
        return self._read(node, where, 0)

    def _error(self, where: str, fault: str) -> RecordingError:
        return RecordingError(self._shown, f"{where}: {fault}")

    def _read(self, node: Any, where: str, depth: int) -> Any:
        if depth > MAX_DEPTH:
            raise self._error(where, f"nested deeper than {MAX_DEPTH}")
        if not isinstance(node, dict) or not isinstance(node.get("t"), str):
            raise self._error(where, f"not a node with a type: {node!r:.60}")
        kind = node["t"]
        if kind not in self._fields:
            raise self._error(where, f"unknown type of node {kind!r}")
        fields = self._fields[kind]
        if set(node) - ({"state"} if kind == "make" else set()) != {
            "t",
            *fields,
        }:
            raise self._error(
                where,
                f"a node of type {kind!r} has the fields "
                f"{sorted(fields)}, not {sorted(set(node) - {'t'})}",
            )
        if kind == "none":
            return None
        if kind in ("tuple", "list", "dict"):
            return self._container(kind, node["items"], where, depth)
        if kind == "array":
            return self._array(node, where)
        if kind == "tracer":
            return Abstract(
                self._shape(node["shape"], where),
                self._dtype(node["dtype"], where),
            )
        if kind == "npscalar":
            return self._npscalar(node, where)
        if kind == "opaque":
            if not isinstance(node["repr"], str):
                raise self._error(where, "an opaque value without a text")
            return Opaque(node["repr"])
        if kind == "make":
            return self._made(node, where, depth)
        if kind == "ref":
            if not isinstance(node["name"], str):
                raise self._error(where, "a reference without a name")
            return Reference(node["name"])
        return self._scalar(kind, node["v"], where)

    def _made(self, node: dict[str, Any], where: str, depth: int) -> Made:
        found = {
            field: self._read(node[field], f"{where}: {field}", depth + 1)
            for field in ("args", "kwargs", "state")
            if field in node
        }
        if (
            not isinstance(node["what"], str)
            or not isinstance(found["args"], tuple)
            or not all(isinstance(key, str) for key in found["kwargs"])
            or not isinstance(found.get("state", {}), dict)
        ):
            raise self._error(
                where, "an object is made of what, args, kwargs and state"
            )
        return Made(node["what"], **found)

    def _scalar(self, kind: str, value: Any, where: str) -> Any:
        if self._format_2 and kind == "float" and value in _NOT_FINITE:
            value = float(value)
        expected = {"bool": bool, "int": int, "float": float, "str": str}[kind]
        if type(value) is not expected:
            raise self._error(where, f"{value!r:.60} is not of type {kind}")
        return value

    def _container(self, kind: str, items: Any, where: str, depth: int) -> Any:
        if not isinstance(items, list):
            raise self._error(where, f"a {kind} without a list of items")
        if kind != "dict":
            values = [
                self._read(item, f"{where}[{i}]", depth + 1)
                for i, item in enumerate(items)
            ]
            return tuple(values) if kind == "tuple" else values
        result = {}
        for item in items:
            if not isinstance(item, list) or len(item) != 2:
                raise self._error(where, "a dict item is not [name, node]")
            key, value = item
            if self._format_2 and isinstance(key, dict):
                key = self._read(key, f"{where}: key", depth + 1)
            if type(key) is not str and not (
                self._format_2 and type(key) is int
            ):
                raise self._error(where, "a dict item is not [name, node]")
            if key in result:
                raise self._error(where, f"key {key!r} occurs twice")
            result[key] = self._read(value, f"{where}[{key!r}]", depth + 1)
        return result

    def _shape(self, shape: Any, where: str) -> tuple[int, ...]:
        if (
            not isinstance(shape, list)
            or len(shape) > MAX_NDIM
            or not all(type(size) is int and size >= 0 for size in shape)
        ):
            raise self._error(where, f"not a shape: {shape!r:.60}")
        # Each size alone too: a 0 elsewhere must not hide a huge one.
        if math.prod(max(size, 1) for size in shape) > MAX_ENTRY_BYTES:
            raise self._error(where, f"too large a shape: {shape!r:.60}")
        return tuple(shape)

    def _dtype(self, dtype: Any, where: str) -> str:
        if not isinstance(dtype, str) or dtype not in DTYPES:
            raise self._error(
                where, f"not a data type of a recording: {dtype!r:.60}"
            )
        return dtype

    def _npscalar(self, node: dict[str, Any], where: str) -> Any:
        kind = np.dtype(self._dtype(node["dtype"], where))
        value = node["v"]
        if self._format_2 and value in _NOT_FINITE:
            value = float(value)
        if type(value) not in (bool, int, float):
            raise self._error(where, f"not a number: {value!r:.60}")
        try:
            with np.errstate(all="ignore"):
                return kind.type(value)
        except (OverflowError, ValueError, TypeError):
            raise self._error(where, f"{value!r:.60} is no {kind}") from None

    def _array(self, node: dict[str, Any], where: str) -> Any:
        shape = self._shape(node["shape"], where)
        dtype = self._dtype(node["dtype"], where)
        name, lib, weak = node["npz"], node["lib"], node["weak_type"]
        if not isinstance(name, str):
            raise self._error(where, f"not the name of an array: {name!r:.60}")
        if lib not in ("jax", "numpy") or type(weak) is not bool:
            raise self._error(
                where,
                f"an array is of lib 'jax' or 'numpy' and weakly typed or "
                f"not; got {lib!r:.60}, {weak!r:.60}",
            )
        if self._arrays is None:
            raise self._error(
                where, f"array {name!r}, but no npz lies beside the json"
            )
        value = self._arrays.array(name, dtype, shape)
        if lib == "numpy":
            return value
        if jax.dtypes.canonicalize_dtype(dtype) != np.dtype(dtype):
            raise self._error(
                where,
                f"a jax array of {dtype} needs jax_enable_x64, which is off",
            )
        # Unlike `jnp.asarray`, this compiles nothing per shape.
        return self._weak(value, where) if weak else jax.device_put(value)

    def _weak(self, value: np.ndarray, where: str) -> Any:
        # JAX has no public way to mark an array as weakly typed; built from
        # Python scalars it is, and stacking and reshaping keep that.
        if value.size > _MAX_WEAK or value.dtype.name not in (
            *("int32", "float32"),
            *(
                ("int64", "float64")
                if jax.config.read("jax_enable_x64")
                else ()
            ),
        ):
            raise self._error(
                where, f"cannot rebuild a weakly typed {value.dtype} array"
            )
        items = value.ravel().tolist() or [value.dtype.type(0).item()]
        scalars = [jnp.asarray(item) for item in items]
        return jnp.stack(scalars)[: value.size].reshape(value.shape)
