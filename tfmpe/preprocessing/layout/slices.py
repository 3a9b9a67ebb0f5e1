"""Dictionary form of a layout, as used by the low-level functions."""

from tfmpe._base.errors import raise_faults
from tfmpe._base.static import static_int, static_shape
from tfmpe._base.trees import SEPARATOR

from .independence import Independence
from .layout import KeyLayout, Slices, TokenLayout, rank_labels
from .naming import name_dimensions


def keys_from_slices(slices: Slices) -> tuple[KeyLayout, ...]:
    """Read slices; ``offset`` and ``batch_shape`` may be left out."""
    required = {"offset", "event_shape", "batch_shape"}
    known = {*required, "dims", "groups"}
    faults = [
        f"the entry of {name!r} has {sorted(entry)}"
        for name, entry in slices.items()
        if "event_shape" not in entry or not known.issuperset(entry)
    ]
    raise_faults(
        ValueError,
        f"Entries of slices must have 'event_shape', and only {sorted(known)}",
        faults,
    )
    labels = rank_labels(slices)
    keys: list[KeyLayout] = []
    for name, entry in slices.items():
        follows = keys[-1].block.stop if keys else 0
        keys.append(
            KeyLayout(
                name,
                tuple(name.split(SEPARATOR)),
                static_int(entry.get("offset", follows), f"offset of {name!r}"),
                static_shape(entry["event_shape"], f"event_shape of {name!r}"),
                static_shape(
                    entry.get("batch_shape", (1,)), f"batch_shape of {name!r}"
                ),
                labels[name],
            )
        )
    dims, groups = (
        {name: entry[what] for name, entry in slices.items() if what in entry}
        for what in ("dims", "groups")
    )
    return name_dimensions(keys, [None] * len(keys), dims, groups, 0)


def layout_from_slices(
    slices: Slices, independence: object = None
) -> TokenLayout:
    """Return the layout of slices; keys stay in their written order."""
    return TokenLayout(
        keys_from_slices(slices), Independence.parse(independence)
    )
