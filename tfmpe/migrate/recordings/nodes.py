"""Nodes: the JSON form of values in a recording.

A node describes a value, such as `{"t": "tuple", "items": [...]}`; the README
of the stored output lists all kinds. Every field of every node is checked, and
nothing is ever evaluated.
"""

import math
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal, TypeAlias

import jax
import jax.numpy as jnp
import msgspec
import numpy as np

from tfmpe.migrate.errors import RecordingError

from .arrays import DTYPES, MAX_ENTRY_BYTES, MAX_NDIM, ArrayFile

# The other node classes, and MAX_WEAK, are only for the writer.
__all__ = ["MAX_DEPTH", "Abstract", "Made", "Node", "NodeReader", "Opaque"]

MAX_DEPTH = 40
"""Deepest nesting of containers that is read."""

MAX_WEAK = 1024
"""Largest size of a weakly typed array, which is built number by number."""


@dataclass(frozen=True)
class Made:
    """An object that is created for a call, by a named recipe."""

    # A recipe in `tfmpe.migrate.replay.objects`; for 'ref', the first argument
    # names an object that was made before.
    what: str
    args: tuple[Any, ...]
    kwargs: dict[str, Any] = field(default_factory=dict)
    # Initial weights of the object, by path.
    state: dict[str, Any] | None = None


class _Node(
    msgspec.Struct, tag_field="t", tag=str.lower, forbid_unknown_fields=True
):
    pass


class Bool(_Node):
    v: bool


class Int(_Node):
    v: int


_NotFinite: TypeAlias = Literal["inf", "-inf", "nan"]


class Float(_Node):
    v: float | _NotFinite


class Str(_Node):
    v: str


class Tuple(_Node):
    items: "list[Node]"


class List(_Node):
    items: "list[Node]"


class Dict(_Node):
    items: "list[tuple[str | Int, Node]]"


_Shape: TypeAlias = Annotated[
    tuple[Annotated[int, msgspec.Meta(ge=0)], ...],
    msgspec.Meta(max_length=MAX_NDIM),
]


class Array(_Node):
    npz: str
    shape: _Shape
    dtype: str
    lib: Literal["jax", "numpy"]
    weak_type: bool


class Key(_Node):
    """An array of new-style PRNG keys."""

    impl: str
    data: Array


class Abstract(_Node, tag="tracer"):
    """A value of which only the shape and data type were recorded."""

    shape: _Shape
    dtype: str


class Npscalar(_Node):
    dtype: str
    v: bool | int | float | _NotFinite


class Opaque(_Node):
    """A value that could not be recorded, only described."""

    repr: str


class None_(_Node, tag="none"):  # noqa: N801 - None is a keyword
    pass


class Make(_Node):
    what: str
    args: Tuple
    kwargs: Dict
    state: Dict | None = None


class Ref(_Node):
    name: str


Node: TypeAlias = (
    None_
    | Bool
    | Int
    | Float
    | Str
    | Tuple
    | List
    | Dict
    | Array
    | Key
    | Abstract
    | Npscalar
    | Opaque
    | Make
    | Ref
)
"""A node as `msgspec` reads it; `NodeReader` converts it to a value."""


class NodeReader:
    """Converts the nodes of a JSON file to values."""

    def __init__(self, shown: str, arrays: ArrayFile | None):
        self._shown = shown
        self._arrays = arrays

    def read(self, node: Node, where: str, depth: int = 0) -> Any:
        """Return the value of a node."""
        if depth > MAX_DEPTH:
            raise self._error(where, f"nested deeper than {MAX_DEPTH}")
        match node:
            case None_():
                return None
            case Float(v):
                return float(v)
            case Bool(v) | Int(v) | Str(v):
                return v
            case Tuple(items) | List(items):
                kind = tuple if isinstance(node, Tuple) else list
                return kind(
                    self.read(item, f"{where}[{i}]", depth + 1)
                    for i, item in enumerate(items)
                )
            case Dict(items):
                return self._dict(items, where, depth)
            case Array():
                return self._array(node, where)
            case Key():
                return self._key(node, where)
            case Npscalar():
                return self._npscalar(node, where)
            case Abstract():
                self._check_declared(node, where)
                return node
            case Opaque():
                return node
            case Ref(name):
                return Made("ref", (name,))
            case Make(what):
                parts = (node.args, node.kwargs, node.state or None_())
                read = (self.read(part, where, depth + 1) for part in parts)
                return Made(what, *read)

    def _error(self, where: str, fault: str) -> RecordingError:
        return RecordingError(self._shown, f"{where}: {fault}")

    def _dict(self, items: list[Any], where: str, depth: int) -> Any:
        result = {}
        for key, value in items:
            name = key.v if isinstance(key, Int) else key
            if name in result:
                raise self._error(where, f"key {name!r} occurs twice")
            result[name] = self.read(value, f"{where}[{name!r}]", depth + 1)
        return result

    def _check_declared(self, node: Array | Abstract, where: str) -> None:
        """Refuse an impossible shape or data type."""
        self._check_dtype(node.dtype, where)
        # A size of 0 must not hide a huge one.
        if math.prod(max(size, 1) for size in node.shape) > MAX_ENTRY_BYTES:
            fault = (
                f"shape {node.shape!r:.60} has more than the limit of "
                f"{MAX_ENTRY_BYTES:,} values; record smaller arrays"
            )
            raise self._error(where, fault)

    def _check_dtype(self, dtype: str, where: str) -> None:
        if dtype not in DTYPES:
            fault = f"not a data type of a recording: {dtype!r:.60}"
            raise self._error(where, fault)

    def _npscalar(self, node: Npscalar, where: str) -> Any:
        self._check_dtype(node.dtype, where)
        kind = np.dtype(node.dtype)
        value = float(node.v) if isinstance(node.v, str) else node.v
        try:
            with np.errstate(all="ignore"):
                return kind.type(value)
        except (OverflowError, ValueError, TypeError):
            fault = f"{value!r:.60} is not of type {kind}"
            raise self._error(where, fault) from None

    def _array(self, node: Array, where: str) -> Any:
        self._check_declared(node, where)
        if self._arrays is None:
            fault = f"array {node.npz!r} needs an npz file beside the JSON file"
            raise self._error(where, fault)
        dtype = node.dtype
        value = self._arrays.array(node.npz, dtype, node.shape)
        if node.lib == "numpy":
            return value
        if jax.dtypes.canonicalize_dtype(dtype) != np.dtype(dtype):
            fault = f"a JAX array of {dtype} needs jax_enable_x64, which is off"
            raise self._error(where, fault)
        # Unlike `jnp.asarray`, this compiles nothing per shape.
        weak = node.weak_type
        return self._weak(value, where) if weak else jax.device_put(value)

    def _key(self, node: Key, where: str) -> Any:
        data = self._array(node.data, where)
        try:
            return jax.random.wrap_key_data(data, impl=node.impl)
        except (TypeError, ValueError) as error:
            fault = f"not PRNG keys of {node.impl!r:.60} ({error})"
            raise self._error(where, fault) from None

    def _weak(self, value: np.ndarray, where: str) -> Any:
        # JAX has no public way to mark an array as weakly typed; but arrays of
        # Python scalars are, and stacking and reshaping keep the mark.
        bits = "64" if jax.config.read("jax_enable_x64") else "32"
        possible = {"int32", "float32", f"int{bits}", f"float{bits}"}
        if value.size > MAX_WEAK or value.dtype.name not in possible:
            fault = f"cannot rebuild a weakly typed {value.dtype} array"
            raise self._error(where, fault)
        items = value.ravel().tolist() or [value.dtype.type(0).item()]
        scalars = [jnp.asarray(item) for item in items]
        return jnp.stack(scalars)[: value.size].reshape(value.shape)
