"""Joint layout of several layouts, and the places of tokens in it."""

from collections.abc import Sequence
from typing import TypeAlias

import numpy as np
from jaxtyping import Int

from tfmpe.preprocessing.layout.dimensions import (
    check_dimensions,
    find_dimension,
)
from tfmpe.preprocessing.layout.groups import (
    GroupIndex,
    number_combinations,
    ranks_within,
)
from tfmpe.preprocessing.layout.layout import KeyLayout, TokenLayout
from tfmpe.preprocessing.layout.rules import check_rules
from tfmpe.preprocessing.masks.relations import Dim, match_of

_Ints: TypeAlias = Int[np.ndarray, " _"]


def joint_layout(layouts: Sequence[TokenLayout]) -> TokenLayout:
    """Return the first layout, with every key grown to its largest size."""
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
    if all(_same_ids(key, first) for key in keys[1:]):
        rows = np.arange(first.n_tokens)
    else:
        rows = _largest_groups(_group_numbers(keys))
    groups = tuple(
        GroupIndex(
            group.name,
            max(key.groups[i].size for key in keys),
            np.concatenate([key.groups[i].ids for key in keys])[rows],
        )
        for i, group in enumerate(first.groups)
    )
    return first._replace(event_shape=(len(rows),), groups=groups)


def _same_ids(a: KeyLayout, b: KeyLayout) -> bool:
    return all(
        np.array_equal(mine.ids, theirs.ids)
        for mine, theirs in zip(a.groups, b.groups, strict=True)
    )


def _group_numbers(keys: Sequence[KeyLayout]) -> list[_Ints]:
    """Return a number for every token's groups, equal for equal groups."""
    sizes = [key.n_tokens for key in keys]
    number = number_combinations(
        (
            np.concatenate([key.groups[i].ids for key in keys])
            for i in range(len(keys[0].groups))
        ),
        sum(sizes),
    )
    return np.split(number, np.cumsum(sizes)[:-1])


def _largest_groups(numbers: Sequence[_Ints]) -> _Ints:
    """Return positions of tokens, with each group at its largest size."""
    groups, first = np.unique(np.concatenate(numbers), return_index=True)
    counts = [np.bincount(each, minlength=len(groups)) for each in numbers]
    return np.repeat(first, np.max(counts, axis=0))


def token_positions(before: KeyLayout, after: KeyLayout) -> _Ints:
    """Return the position of each token of a key after the key has grown.

    The n-th token of a group stays its n-th token; in keys without groups,
    tokens keep their coordinates.
    """
    if not before.groups:
        grid = np.arange(after.n_tokens).reshape(after.event_shape)
        return grid[tuple(map(slice, before.event_shape))].ravel()
    if _same_ids(before, after):
        return np.arange(before.n_tokens)
    new, old = _group_numbers([after, before])
    # Sort both by group, so that the n-th token of a group stays the n-th.
    new_order = np.argsort(new, kind="stable")
    old_order = np.argsort(old, kind="stable")
    new, old = new[new_order], old[old_order]
    places = np.empty(len(old), int)
    places[old_order] = new_order[np.searchsorted(new, old) + ranks_within(old)]
    return places


def check_growth(layouts: Sequence[TokenLayout], joint: TokenLayout) -> None:
    """Check that dimensions and rules keep their meaning in a joint layout."""
    try:
        check_dimensions(joint.keys)
    except ValueError as error:
        raise ValueError(
            f"Cannot join Tokens: {error}. Give the same groups to all keys "
            "that share an axis with a ragged key."
        ) from None
    check_rules(joint)
    for rule in joint.independence.matching:
        a, b, dims = rule.a, rule.b, match_of(rule)
        for old in layouts:
            moved_a = _moved(old[a], joint[a], dims[0])
            moved_b = _moved(old[b], joint[b], dims[1])
            # Without an axis, a group index ends at its largest id.
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


def _moved(before: KeyLayout, after: KeyLayout, dim: Dim) -> _Ints:
    """Return the new place of each position or coordinate of a dimension."""
    if dim is None:
        return token_positions(before, after)
    found = find_dimension(before, dim)
    if not isinstance(found, int):
        return np.arange(found.size)
    if before.groups:
        return token_positions(before, after)
    return np.arange(before.event_shape[found])
