"""The layout that several layouts have room in, and where tokens go in it."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from jaxtyping import Int

from tfmpe.preprocessing._dimensions import (
    check_dimensions,
    find_dimension,
    matched_dims,
)
from tfmpe.preprocessing._groups import GroupIndex
from tfmpe.preprocessing._layout import KeyLayout, TokenLayout
from tfmpe.preprocessing._masks import check_rules


def joint_layout(layouts: Sequence[TokenLayout]) -> TokenLayout:
    """Return the first layout with every key grown to hold those of all."""
    return TokenLayout(
        tuple(
            _joint_key([layout[key.name] for layout in layouts])
            for key in layouts[0].keys
        ),
        layouts[0].independence,
    )


def _joint_key(keys: Sequence[KeyLayout]) -> KeyLayout:
    shape = tuple(map(max, zip(*(k.event_shape for k in keys), strict=True)))
    first = keys[0]
    if not first.groups:
        return first._replace(event_shape=shape)
    ids = _combinations(first)
    if any(not np.array_equal(ids, _combinations(key)) for key in keys[1:]):
        ids = _largest_groups([_combinations(key) for key in keys])
    groups = tuple(
        GroupIndex(
            group.name,
            max(key.groups[i].size for key in keys),
            ids[:, i],
        )
        for i, group in enumerate(first.groups)
    )
    return first._replace(event_shape=(len(ids),), groups=groups)


def _combinations(key: KeyLayout) -> Int[np.ndarray, "tokens indices"]:
    """Return the groups of every token of a ragged key."""
    return np.stack([group.ids for group in key.groups], axis=-1)


def _largest_groups(
    operands: Sequence[Int[np.ndarray, "_ indices"]],
) -> Int[np.ndarray, "tokens indices"]:
    """Return every combination as often as the operand that has most of it."""
    found, number = np.unique(
        np.concatenate(operands), axis=0, return_inverse=True
    )
    ends = np.cumsum([len(each) for each in operands])[:-1]
    counts = [
        np.bincount(part, minlength=len(found))
        for part in np.split(number.reshape(-1), ends)
    ]
    return np.repeat(found, np.max(counts, axis=0), axis=0)


def token_positions(
    before: KeyLayout, after: KeyLayout
) -> Int[np.ndarray, " tokens"]:
    """Return where each token of a key lies after the key has grown.

    The n-th token of a group stays the n-th of it; in other keys a token
    keeps its coordinates.
    """
    if not before.groups:
        grid = np.arange(after.n_tokens).reshape(after.event_shape)
        return grid[tuple(map(slice, before.event_shape))].ravel()
    old, new = _combinations(before), _combinations(after)
    number = np.unique(np.concatenate([new, old]), axis=0, return_inverse=True)[
        1
    ].reshape(-1)
    # Both sorted by group: the n-th of a group has the same place in it.
    new_order = np.argsort(number[: len(new)], kind="stable")
    old_order = np.argsort(number[len(new) :], kind="stable")
    new_sorted = number[: len(new)][new_order]
    old_sorted = number[len(new) :][old_order]
    rank = np.arange(len(old)) - np.searchsorted(old_sorted, old_sorted)
    places = np.empty(len(old), int)
    places[old_order] = new_order[
        np.searchsorted(new_sorted, old_sorted) + rank
    ]
    return places


def check_growth(layouts: Sequence[TokenLayout], joint: TokenLayout) -> None:
    """Check that dimensions and rules mean in the joint layout what they did.

    Raises
    ------
    ValueError
        If a name would have two sizes, or a rule would pair other tokens:
        padding moves tokens, so keys paired along the axis of a ragged key,
        or by position, have to grow in the same way.
    """
    try:
        check_dimensions(joint.keys)
    except ValueError as error:
        raise ValueError(
            f"Cannot join Tokens: {error}. Give all keys with the axis of a "
            "ragged key the same groups."
        ) from None
    check_rules(joint)
    for rule in joint.independence.cross_local:
        a, b, _ = rule
        dims = matched_dims(rule) or (None, None)
        for old in layouts:
            moved_a = _moved(old[a], joint[a], dims[0])
            moved_b = _moved(old[b], joint[b], dims[1])
            # Of a group index by itself only the used ids are known.
            n = min(len(moved_a), len(moved_b))
            if np.array_equal(moved_a[:n], moved_b[:n]):
                continue
            raise ValueError(
                f"Cannot join Tokens: the rule {tuple(rule)!r} pairs tokens "
                "by position, but padding the event shapes "
                f"{old[a].event_shape} and {old[b].event_shape} to "
                f"{joint[a].event_shape} and {joint[b].event_shape} moves "
                "them apart. Name the dimensions to match."
            )


def _moved(before: KeyLayout, after: KeyLayout, dim: Any) -> np.ndarray:
    """Return what becomes of each position, or coordinate, of a dimension."""
    if dim is None:
        return token_positions(before, after)
    found = find_dimension(before, dim)
    if not isinstance(found, int):
        return np.arange(found.size)
    if before.groups:
        return token_positions(before, after)
    return np.arange(before.event_shape[found])
