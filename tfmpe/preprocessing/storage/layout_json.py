"""Layouts as JSON: written, and read back without trusting a word of it."""

import textwrap
from typing import Any

from tfmpe._base.errors import IndependenceError, UnknownKeyError
from tfmpe._base.sealed_json import (
    DamageError,
    brief,
    canonical,
    checksum,
    entries,
    integer,
    items,
    shape,
    text,
)
from tfmpe._base.trees import SEPARATOR
from tfmpe.preprocessing.layout.dimensions import check_dimensions
from tfmpe.preprocessing.layout.groups import GroupIndex
from tfmpe.preprocessing.layout.independence import Independence
from tfmpe.preprocessing.layout.layout import KeyLayout, TokenLayout
from tfmpe.preprocessing.layout.rules import check_rules

_KEY = ("name", "path", "event_shape", "batch_shape", "label", "n_inputs")
_NAMED = ("dims", "groups")
_INT32 = 2**31


def layout_to_json(layout: TokenLayout) -> dict[str, Any]:
    """Return a layout as dictionaries, lists, strings, integers and None.

    Offsets are left out, as they follow from the order of the keys; named
    dimensions and groups are left out where a key has none, so that older
    versions read what they can.
    """
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
    """Return the version of the formats that can hold a layout.

    2 with named dimensions, else 1.
    """
    named = any(key.dims or key.groups for key in layout.keys)
    return 2 if named else 1


def layout_hash(layout: TokenLayout) -> str:
    """Return the sha256 of a layout, in hexadecimal.

    Equal layouts have equal ones, in every process and on every machine;
    ``hash(layout)`` differs between processes.

    Examples
    --------
    >>> layout_hash(TokenLayout(()))[:12]
    '9795481825ce'
    """
    return checksum(canonical(layout_to_json(layout)))


def layout_from_json(value: Any) -> TokenLayout:
    """Read a layout back.

    Parameters
    ----------
    value : object
        Anything that JSON can hold, from anywhere.

    Returns
    -------
    TokenLayout
        Equal to the one that was written.

    Raises
    ------
    StorageError
        If ``value`` is not exactly what :func:`layout_to_json` writes for a
        layout that :meth:`Tokens.from_pytree` could have built.
    """
    keys, rules = entries(value, ("keys", "independence"), "the layout")
    read = tuple(
        _key(entry, f"key {number} of the layout")
        for number, entry in enumerate(items(keys, "keys of the layout"))
    )
    _check_distinct(read)
    try:
        check_dimensions(read)
    except ValueError as error:
        raise DamageError(
            textwrap.shorten(f"in its layout, {error}", 300).rstrip(".")
        ) from None
    try:
        layout = TokenLayout(read, Independence.parse(rules))
        check_rules(layout)
    except (IndependenceError, UnknownKeyError, ValueError) as error:
        raise DamageError(
            "the rules of its layout do not fit: "
            + textwrap.shorten(str(error), 300).rstrip(".")
        ) from None
    # What was read leniently, such as True for 1 in a rule.
    if canonical(layout_to_json(layout)) != canonical(value):
        raise DamageError("its layout is not written as tfmpe writes it")
    return layout


def _key(entry: Any, where: str) -> KeyLayout:
    named = [
        part
        for part in _NAMED
        if part in (entry if isinstance(entry, dict) else ())
    ]
    name, path, event, batch, label, n_inputs, *rest = entries(
        entry, (*_KEY, *named), where
    )
    further = dict(zip(named, rest, strict=True))
    name = text(name, f"the name of {where}")
    where = f"key {brief(name)}"
    parts = tuple(
        text(part, f"the path of {where}")
        for part in items(path, f"the path of {where}")
    )
    if not parts or SEPARATOR.join(parts) != name:
        raise DamageError(f"the path of {where} is {brief(path)}")
    event = shape(event, f"the event shape of {where}")
    batch = shape(batch, f"the batch shape of {where}")
    shape([*event, *batch], f"the shape of {where}")
    return KeyLayout(
        name,
        parts,
        0,
        event,
        batch,
        integer(label, f"the label of {where}", -_INT32, _INT32 - 1),
        None
        if n_inputs is None
        else integer(n_inputs, f"the number of inputs of {where}"),
        _dims(further.get("dims", []), event, where),
        _groups(further.get("groups", {}), event, where),
    )


def _dims(value: Any, event: tuple[int, ...], where: str) -> tuple[str, ...]:
    names = tuple(
        text(name, f"a dimension of {where}")
        for name in items(value, f"the dimensions of {where}")
    )
    if len(names) not in (0, len(event)):
        raise DamageError(
            f"the dimensions of {where} are {brief(names)}, but its event "
            f"shape is {event}"
        )
    return names


def _groups(
    value: Any, event: tuple[int, ...], where: str
) -> tuple[GroupIndex, ...]:
    if not isinstance(value, dict):
        raise DamageError(f"the groups of {where} are {brief(value)}")
    read = []
    for name, entry in sorted(value.items()):
        what = f"the groups of {where} for {brief(name)}"
        size, ids = entries(entry, ("size", "ids"), what)
        size = integer(size, f"the number of {what}", 0, _INT32)
        entry_of = f"an entry of {what}"
        ids = [
            integer(each, entry_of, 0, size - 1) for each in items(ids, what)
        ]
        if (len(ids),) != event:
            raise DamageError(
                f"{what} have {len(ids)} entries, but its event shape is "
                f"{event}"
            )
        read.append(GroupIndex(name, size, ids))
    return tuple(read)


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
