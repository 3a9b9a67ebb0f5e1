"""JSON form of a layout: writing, and reading with all checks."""

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from tfmpe._base.sealed_json import canonical, checksum
from tfmpe._base.trees import SEPARATOR, flatten_tree, unflatten_tree
from tfmpe.preprocessing.layout.dimensions import check_dimensions
from tfmpe.preprocessing.layout.groups import GroupIndex
from tfmpe.preprocessing.layout.independence import Independence
from tfmpe.preprocessing.layout.layout import (
    KeyLayout,
    TokenLayout,
    list_of_names,
    merge_labels,
)
from tfmpe.preprocessing.layout.rules import check_rules

_FIELDS = ("name", "path", "event_shape", "batch_shape", "label", "n_inputs")


def layout_to_json(layout: TokenLayout) -> dict[str, Any]:
    """Return a layout as values that JSON can represent."""
    return {
        "keys": [_key_to_json(key) for key in layout.keys],
        "independence": layout.independence.to_dict(),
    }


def _key_to_json(key: KeyLayout) -> dict[str, Any]:
    entry = {name: getattr(key, name) for name in _FIELDS}
    if key.dims:
        entry["dims"] = key.dims
    if key.groups:
        entry["groups"] = {
            group.name: {"size": group.size, "ids": group.ids.tolist()}
            for group in key.groups
        }
    return entry


def layout_version(layout: TokenLayout) -> int:
    """Return the format version: 2 with named dimensions, else 1."""
    return 1 + any(key.dims or key.groups for key in layout.keys)


def layout_hash(layout: TokenLayout) -> str:
    """Return the SHA-256 of a layout, the same in every process.

    Examples
    --------
    >>> layout_hash(TokenLayout(()))[:12]
    '9795481825ce'
    """
    return checksum(canonical(layout_to_json(layout)))


def layout_from_json(value: Any) -> TokenLayout:
    """Return the layout that a value describes, for ``read_exactly``."""
    keys = tuple(map(_key_from_json, value["keys"]))
    layout = TokenLayout(keys, Independence.parse(value["independence"]))
    names = [key.name for key in keys]
    tree = unflatten_tree(keys, names)
    if len(flatten_tree(tree, "the layout")) < len(names):
        raise ValueError(f"the keys {names} do not form a tree")
    merge_labels(names, layout.label_map)
    check_dimensions(keys)
    check_rules(layout)
    return layout


def sizes_from_json(values: Iterable[Any]) -> tuple[int, ...]:
    """Return sizes as a tuple of integers, none of them negative."""
    sizes = tuple(map(int, values))
    if min(sizes, default=0) < 0:
        raise ValueError(f"{sizes} has a negative size")
    return sizes


def _key_from_json(entry: Mapping[str, Any]) -> KeyLayout:
    name, event = entry["name"], sizes_from_json(entry["event_shape"])
    dims = list_of_names(entry.get("dims", ()), f"dims of {name!r}")
    groups = [
        GroupIndex(group, int(given["size"]), np.array(given["ids"], np.int32))
        for group, given in sorted(entry.get("groups", {}).items())
    ]
    fits = len(dims) in (0, len(event)) and all(
        group.ids.shape == event
        and ((group.ids >= 0) & (group.ids < group.size)).all()
        for group in groups
    )
    if not fits:
        raise ValueError(
            f"{name!r} has the event shape {event}, the names {dims} and the "
            f"groups {groups}, which do not match"
        )
    n_inputs = entry["n_inputs"]
    return KeyLayout(
        name,
        tuple(name.split(SEPARATOR)),
        0,
        event,
        sizes_from_json(entry["batch_shape"]),
        int(entry["label"]),
        None if n_inputs is None else sizes_from_json([n_inputs])[0],
        dims,
        tuple(groups),
    )
