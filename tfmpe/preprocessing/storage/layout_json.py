"""JSON form of a layout, written and read back with every check."""

import textwrap
from typing import Any

import numpy as np

from tfmpe._base.sealed_json import (
    SIZE,
    DamageError,
    brief,
    canonical,
    check_form,
    check_size,
    checksum,
)
from tfmpe._base.trees import SEPARATOR
from tfmpe.preprocessing.layout.dimensions import check_dimensions
from tfmpe.preprocessing.layout.groups import GroupIndex
from tfmpe.preprocessing.layout.independence import Independence
from tfmpe.preprocessing.layout.layout import KeyLayout, TokenLayout
from tfmpe.preprocessing.layout.rules import check_rules

_INT32 = 2**31
_KEY = {
    "name": str,
    "path": [str],
    "event_shape": [SIZE],
    "batch_shape": [SIZE],
    "label": range(-_INT32, _INT32),
    "n_inputs": (SIZE,),
}
_NAMED = {
    "dims": [str],
    "groups": {...: {"size": range(_INT32 + 1), "ids": [range(_INT32)]}},
}


def layout_to_json(layout: TokenLayout) -> dict[str, Any]:
    """Return a layout as dictionaries, lists, strings, integers and None."""
    return {
        "keys": [_key_to_json(key) for key in layout.keys],
        "independence": layout.independence.to_dict(),
    }


def _key_to_json(key: KeyLayout) -> dict[str, Any]:
    entry = {
        "name": key.name,
        "path": list(key.path),
        "event_shape": list(key.event_shape),
        "batch_shape": list(key.batch_shape),
        "label": key.label,
        "n_inputs": key.n_inputs,
    }
    if key.dims:
        entry["dims"] = list(key.dims)
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
    """Return the sha256 of a layout, the same in every process.

    Examples
    --------
    >>> layout_hash(TokenLayout(()))[:12]
    '9795481825ce'
    """
    return checksum(canonical(layout_to_json(layout)))


def layout_from_json(value: Any) -> TokenLayout:
    """Read a layout as :func:`layout_to_json` writes it, or raise."""
    check_form(
        value, {"keys": [object], "independence": object}, "record.layout"
    )
    keys = tuple(
        _key(entry, f"record.layout.keys[{number}]")
        for number, entry in enumerate(value["keys"])
    )
    _check_distinct(keys)
    try:
        check_dimensions(keys)
        layout = TokenLayout(keys, Independence.parse(value["independence"]))
        check_rules(layout)
    except (KeyError, ValueError) as error:
        raise DamageError(
            textwrap.shorten(f"its layout is invalid: {error}", 300).rstrip(".")
        ) from None
    # What was read leniently, such as True for 1 in a rule.
    if canonical(layout_to_json(layout)) != canonical(value):
        raise DamageError("its layout is not written as tfmpe writes it")
    return layout


def _key(entry: Any, where: str) -> KeyLayout:
    form = dict(_KEY)
    if isinstance(entry, dict):
        form |= {name: _NAMED[name] for name in _NAMED if name in entry}
    check_form(entry, form, where)
    path, event, batch = (
        tuple(entry[name]) for name in ("path", "event_shape", "batch_shape")
    )
    dims, groups = tuple(entry.get("dims", ())), entry.get("groups", {})
    if not path or SEPARATOR.join(path) != entry["name"]:
        raise DamageError(
            f"{where}.path is {brief(path)}, expected the parts of its "
            f"name {brief(entry['name'])}"
        )
    check_size((*event, *batch), where)
    if len(dims) not in (0, len(event)):
        raise DamageError(
            f"{where}.dims is {brief(dims)}, but its event shape is {event}"
        )
    for name, group in groups.items():
        ids, size = group["ids"], group["size"]
        if (len(ids),) != event or max(ids, default=-1) >= size:
            raise DamageError(
                f"{where}.groups[{brief(name)}] has {len(ids)} ids up to "
                f"{max(ids, default=-1)}, but its event shape is {event} and "
                f"its size {size}"
            )
    return KeyLayout(
        entry["name"],
        path,
        0,
        event,
        batch,
        entry["label"],
        entry["n_inputs"],
        dims,
        tuple(
            GroupIndex(name, group["size"], np.array(group["ids"], np.int32))
            for name, group in sorted(groups.items())
        ),
    )


def _check_distinct(keys: tuple[KeyLayout, ...]) -> None:
    """Check that names and labels are unique, and paths make one tree."""
    for what, values in (
        ("name", [key.name for key in keys]),
        ("label", [key.label for key in keys]),
    ):
        if len(set(values)) < len(values):
            raise DamageError(f"two keys of its layout have the same {what}")
    paths = {key.path for key in keys}
    for path in paths:
        for depth in range(1, len(path)):
            if path[:depth] in paths:
                raise DamageError(
                    f"the key {brief(SEPARATOR.join(path[:depth]))} of its "
                    "layout is both an array and a group of arrays"
                )
