"""Layouts as JSON: written, and read back without trusting a word of it."""

import textwrap
from typing import Any

from tfmpe.preprocessing._errors import IndependenceError, UnknownKeyError
from tfmpe.preprocessing._independence import Independence
from tfmpe.preprocessing._layout import KeyLayout, TokenLayout
from tfmpe.preprocessing._masks import check_rules
from tfmpe.preprocessing._sealed_json import (
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
from tfmpe.preprocessing._trees import SEPARATOR

_KEY = ("name", "path", "event_shape", "batch_shape", "label", "n_inputs")
_INT32 = 2**31


def layout_to_json(layout: TokenLayout) -> dict[str, Any]:
    """Return a layout as dictionaries, lists, strings, integers and None.

    Offsets are left out, as they follow from the order of the keys.
    """
    return {
        "keys": [
            {
                "name": key.name,
                "path": list(key.path),
                "event_shape": list(key.event_shape),
                "batch_shape": list(key.batch_shape),
                "label": key.label,
                "n_inputs": key.n_inputs,
            }
            for key in layout.keys
        ],
        "independence": layout.independence.to_dict(),
    }


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
    name, path, event, batch, label, n_inputs = entries(entry, _KEY, where)
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
