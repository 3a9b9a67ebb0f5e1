"""Positions of tokens within a key, as functional inputs."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from jaxtyping import Int

from tfmpe._base.errors import raise_faults
from tfmpe._base.trees import Tree, flatten_tree, lookup_as_given
from tfmpe.preprocessing.layout.dimensions import (
    find_dimension,
    token_coordinates,
)
from tfmpe.preprocessing.layout.groups import number_combinations, ranks_within
from tfmpe.preprocessing.layout.layout import KeyLayout, checked_names


def with_positions(
    functional_inputs: Tree, positions: Tree, keys: Sequence[KeyLayout]
) -> Tree:
    """Return functional inputs with the positions of some keys added."""
    if positions is None:
        return functional_inputs
    by_name = {key.name: key for key in keys}
    chosen = read_positions(positions, by_name)
    given = (
        {}
        if functional_inputs is None
        else {
            leaf.name: leaf.value
            for leaf in flatten_tree(functional_inputs, "functional_inputs")
        }
    )
    made, faults = {}, []
    for name, axes in chosen.items():
        key = by_name[name]
        n_axes = len(key.event_shape)
        if isinstance(axes, str) or not isinstance(axes, Sequence | None):
            raise TypeError(
                f"positions of {name!r} must be a list of axes, by number or "
                f"name, not {axes!r}. Write {{{name!r}: [{axes!r}]}}."
            )
        axes = range(n_axes) if axes is None else axes
        if name in given:
            faults.append(
                f"{name!r} has functional inputs already; add its positions "
                "to them as a column"
            )
        elif not axes:
            faults.append(
                f"{name!r} has the event shape {key.event_shape} and no axis "
                "to count along; leave it out"
            )
        else:
            try:
                columns = [_along(key, axis) for axis in axes]
            except ValueError as error:
                faults.append(str(error).rstrip("."))
                continue
            made[name] = np.stack(columns, -1, dtype=np.float32).reshape(
                (*key.event_shape, len(columns))
            )
    raise_faults(ValueError, "Cannot add positions of tokens", faults)
    return given | made


def read_positions(positions: Tree, names: Iterable[str]) -> dict[str, Any]:
    """Return the axes of each key that gets positions; None for all axes."""
    if not isinstance(positions, Mapping | None):
        positions = dict.fromkeys(checked_names(positions))
    return lookup_as_given(positions, list(names), "positions")


def _along(key: KeyLayout, axis: int | str) -> Int[np.ndarray, " tokens"]:
    """Return the position of every token along an event axis."""
    if not key.groups or find_dimension(key, axis) != 0:
        return token_coordinates(key, axis)
    ids = (group.ids for group in key.groups)
    return ranks_within(number_combinations(ids, key.n_tokens))
