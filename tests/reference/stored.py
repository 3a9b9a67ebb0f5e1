"""Reading stored legacy calls, and comparing results with them exactly."""

import json
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

ROOT = Path(__file__).parents[2] / "legacy_fixtures"


class Stored(NamedTuple):
    """One recorded call: its JSON, and the arrays of the file beside it."""

    example: str
    function: str
    case: dict
    arrays: Any

    @property
    def name(self):
        """Name of the case within all stored cases."""
        return f"{self.example}-{self.function}-{self.case['case']}"


@cache
def _arrays(path):
    with np.load(path, allow_pickle=False) as npz:
        return {name: npz[name] for name in npz.files}


def stored_cases(functions):
    """Return every stored case of some functions, by example and file.

    Parameters
    ----------
    functions : sequence of str
        File names without their suffix, such as ``'flatten_structured'``.

    Returns
    -------
    list of Stored
    """
    cases = []
    for folder in sorted(path for path in ROOT.iterdir() if path.is_dir()):
        for function in functions:
            path = folder / f"{function}.json"
            if path.exists():
                arrays = _arrays(path.with_suffix(".npz"))
                cases += [
                    Stored(folder.name, function, case, arrays)
                    for case in json.loads(path.read_text())["cases"]
                ]
    return cases


def abstract_leaves(node):
    """Return the shape and dtype of every abstract value, in stored order."""
    if node["t"] == "tracer":
        return [jax.ShapeDtypeStruct(tuple(node["shape"]), node["dtype"])]
    items = node.get("items", [])
    if node["t"] == "dict":
        items = [item for _, item in items]
    return [leaf for item in items for leaf in abstract_leaves(item)]


def rebuild(node, arrays, tracers=None):
    """Return the value that a stored tree describes.

    Parameters
    ----------
    node : dict
        The stored tree.
    arrays : mapping of str to ndarray
        Arrays of the file beside it.
    tracers : iterator, optional
        Gives a value for each abstract leaf, in stored order.

    Returns
    -------
    tree
        A new one at each call, so that a change of it is seen.
    """
    kind = node["t"]
    if kind == "none":
        return None
    if kind in ("bool", "int", "float", "str"):
        return node["v"]
    if kind == "dict":
        return {
            key: rebuild(item, arrays, tracers) for key, item in node["items"]
        }
    if kind in ("tuple", "list"):
        items = [rebuild(item, arrays, tracers) for item in node["items"]]
        return tuple(items) if kind == "tuple" else items
    if kind == "tracer":
        return next(tracers)
    if kind == "array":
        array = arrays[node["npz"]].copy()
        return array if node["lib"] == "numpy" else jnp.asarray(array)
    raise ValueError(f"cannot rebuild a stored {kind!r}")


def assert_same(node, value, arrays, path="result"):
    """Raise ``AssertionError`` unless a value is exactly the stored one.

    Compared: types, iteration order of dicts, shape, dtype, weak type, JAX or
    NumPy, and every bit of every array. Of an abstract value, shape and dtype.

    Parameters
    ----------
    node : dict
        The stored tree.
    value : tree
        What is to be judged.
    arrays : mapping of str to ndarray
        Arrays of the file beside it.
    path : str
        Where in the tree this is, for the message.
    """
    kind = node["t"]
    if kind == "none":
        assert value is None, f"{path}: {value!r} is not None"
    elif kind in ("bool", "int", "float", "str"):
        assert type(value) is type(node["v"]), f"{path}: {type(value)}"
        assert value == node["v"], f"{path}: {value!r} is not {node['v']!r}"
    elif kind == "dict":
        assert type(value) is dict, f"{path}: {type(value)}"
        keys = [key for key, _ in node["items"]]
        assert list(value) == keys, f"{path}: keys {list(value)}, not {keys}"
        for key, item in node["items"]:
            assert_same(item, value[key], arrays, f"{path}[{key!r}]")
    elif kind in ("tuple", "list"):
        expected = tuple if kind == "tuple" else list
        assert type(value) is expected, f"{path}: {type(value)}"
        assert len(value) == len(node["items"]), f"{path}: {len(value)} items"
        for i, item in enumerate(node["items"]):
            assert_same(item, value[i], arrays, f"{path}[{i}]")
    elif kind in ("array", "tracer"):
        assert list(value.shape) == node["shape"], f"{path}: {value.shape}"
        assert value.dtype == node["dtype"], f"{path}: {value.dtype}"
        if kind == "array":
            _assert_same_array(node, value, arrays, path)
    else:
        raise ValueError(f"{path}: cannot compare with a stored {kind!r}")


def _assert_same_array(node, value, arrays, path):
    library = jax.Array if node["lib"] == "jax" else np.ndarray
    assert isinstance(value, library), f"{path}: {type(value)}"
    weak = bool(getattr(value, "weak_type", False))
    assert weak == node["weak_type"], f"{path}: weak type {weak}"
    stored = np.ascontiguousarray(arrays[node["npz"]])
    same = np.ascontiguousarray(value).tobytes() == stored.tobytes()
    assert same, f"{path}: values differ\n{value}\nis not\n{stored}"
