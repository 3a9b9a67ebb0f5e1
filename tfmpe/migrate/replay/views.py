"""Views of results that are not arrays, for recordings of format 2."""

from collections.abc import Callable, Mapping
from typing import Any

import jax
import numpy as np
from flax import nnx

from tfmpe._base.keys import without_keys

from .weights import fields_of, held_by, value_of, weights_of


def seen(
    view: str | None, result: Any, argument: Any, by_name: Mapping[str, Any]
) -> Any:
    """Return a view of a result as a tree that can be compared."""
    if view is None:
        return plain(result)
    if view == "same":
        return result is by_name[argument]
    if view == "update":
        improved, stopping = result
        fields = _fields(stopping, None)
        return [bool(improved), fields, stopping is by_name["es"]]
    if view not in _VIEWS:
        raise LookupError(f"no view {view!r}")
    return plain(_VIEWS[view](result, argument))


def plain(tree: Any) -> Any:
    """Return a tree in the form of recordings, with PRNG keys as their data."""
    if isinstance(tree, Mapping):
        return {key: plain(value) for key, value in tree.items()}
    if isinstance(tree, tuple | list):
        kind = tuple if isinstance(tree, tuple) else list
        return kind(plain(value) for value in tree)
    return without_keys(tree) if isinstance(tree, jax.Array) else tree


def _fields(result: Any, _: Any) -> Any:
    return {"type": type(result).__name__, **fields_of(result)}


def _state_paths(result: Any, _: Any) -> Any:
    # Old Flax stores a variable's type, new Flax uses it as the class.
    return sorted(
        [
            "/".join(map(str, path)),
            getattr(variable, "type", type(variable)).__name__,
            list(np.shape(value_of(variable))),
        ]
        for path, variable in nnx.to_flat_state(nnx.state(result))
    )


def _bijectors(result: Any, example: Any) -> Any:
    """Return the image of the value at each path under its bijector."""
    leaves = dict(jax.tree_util.tree_leaves_with_path(example))
    found = []
    for path, bijector in result.items():
        forward = bijector.forward(leaves[path])
        density = bijector.forward_log_det_jacobian(leaves[path], 0)
        inverse = bijector.inverse(forward)
        found.append([jax.tree_util.keystr(path), forward, inverse, density])
    return found


def _rows(result: Any, _: Any) -> Any:
    """Return batches as a set of rows; the order is ignored."""
    batches = list(result)

    def table(batch: Any) -> np.ndarray:
        leaves = [np.asarray(x, np.float64) for x in jax.tree.leaves(batch)]
        return np.concatenate([x.reshape(len(x), -1) for x in leaves], -1)

    rows = np.concatenate([table(batch) for batch in batches])
    leaves = jax.tree_util.tree_leaves_with_path(batches[0])
    return {
        "sizes": [len(jax.tree.leaves(batch)[0]) for batch in batches],
        "num_samples": getattr(result, "num_samples", None),
        "structure": [str(jax.tree.structure(batch)) for batch in batches[:1]],
        "spec": [
            [jax.tree_util.keystr(path), list(leaf.shape), str(leaf.dtype)]
            for path, leaf in leaves
        ],
        "rows": rows[np.lexsort(rows.T[::-1])],
    }


def _inference_data(result: Any, _: Any) -> Any:
    def variable(array: Any) -> Any:
        places = array.coords.items()
        return {
            "dims": [str(dim) for dim in array.dims],
            "coords": {str(k): np.asarray(c.values) for k, c in places},
            "values": np.asarray(array.values),
        }

    return {
        group: {
            str(name): variable(array)
            for name, array in result[group].data_vars.items()
        }
        for group in result.groups()
    }


def _pictures(axes: Any, _: Any) -> Any:
    """Return the content of axes, or of an array of axes; close the figures."""
    from matplotlib import pyplot as plt

    one = not isinstance(axes, np.ndarray | list)
    array = np.asarray([axes] if one else axes, dtype=object)
    found = {
        "shape": [] if one else list(array.shape),
        "axes": [_picture(each) for each in array.ravel()],
    }
    plt.close("all")
    return found


def _figure(_: Any, argument: Any) -> Any:
    from matplotlib import pyplot as plt

    return _pictures(plt.gcf().axes, argument)


def _picture(axes: Any) -> dict[str, Any]:
    legend = axes.get_legend()
    return {
        "lines": [_line(line) for line in axes.lines[:12]],
        "n_lines": len(axes.lines),
        "n_patches": len(axes.patches),
        "n_collections": len(axes.collections),
        "xlabel": axes.get_xlabel(),
        "ylabel": axes.get_ylabel(),
        "title": axes.get_title(),
        "legend": legend and [text.get_text() for text in legend.get_texts()],
        "left_spine": bool(axes.spines["left"].get_visible()),
        "y_locator": type(axes.yaxis.get_major_locator()).__name__,
        "xlim": [float(limit) for limit in axes.get_xlim()],
    }


def _line(line: Any) -> dict[str, Any]:
    label = str(line.get_label())
    return {
        "n": len(line.get_xdata()),
        "y": np.asarray(line.get_ydata(), float)[:50],
        "x": np.asarray(line.get_xdata(), float)[:50],
        # A label that matplotlib numbers automatically.
        "label": "_" if label.startswith("_") else label,
    }


_VIEWS: dict[str, Callable[[Any, Any], Any]] = {
    "params": lambda result, _: weights_of(result),
    "fields": _fields,
    "type": lambda result, _: type(result).__name__,
    "exists": lambda result, _: True,
    "state_paths": _state_paths,
    "attrs": lambda result, ns: {n: held_by(getattr(result, n)) for n in ns},
    "plain_attrs": lambda result, names: {n: getattr(result, n) for n in names},
    "paths": lambda result, _: [jax.tree_util.keystr(path) for path in result],
    "bijmap": _bijectors,
    "strtree": lambda result, _: jax.tree.map(str, result),
    "sample": lambda result, arg: result.sample(arg[0], seed=arg[1]),
    "batches": lambda result, _: list(result),
    "twice": lambda result, _: [list(result), list(result)],
    "rowset": _rows,
    "rowsets": lambda result, _: [_rows(each, None) for each in result],
    "idata": _inference_data,
    "axes": _pictures,
    "figure": _figure,
}
