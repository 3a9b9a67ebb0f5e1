"""Joining Tokens of different sizes along the sample axis.

Padding follows each key: its token axes grow to the largest event shape
among the operands, of a ragged key each group to its largest number of tokens;
the padding mask remembers which tokens are real.
"""

from collections.abc import Sequence
from typing import Any

from tfmpe._base.arrays import (
    PAD_VALUE,
    grow,
    join,
    readable,
    spread,
)
from tfmpe._base.errors import raise_faults
from tfmpe._base.narrowing import check_joined
from tfmpe.preprocessing.layout.layout import KeyLayout, TokenLayout
from tfmpe.preprocessing.tokens.growing import (
    check_growth,
    joint_layout,
    token_positions,
)
from tfmpe.preprocessing.tokens.tokens import Tokens


def concatenate_tokens(*tokens: Any) -> Tokens:
    """Join any number of Tokens along their first sample axis.

    Parameters
    ----------
    *tokens : Tokens
        With the same keys, labels, batch shapes, rules, numbers of event
        axes and names of dimensions. Event shapes, groups and numbers of
        samples may differ, and so may the order of the keys: that of the
        first is taken.

    Returns
    -------
    Tokens
        Every key has the largest event shape along each axis. A ragged key
        whose ids differ has, of each group (or combination of groups), as
        many tokens as the operand with most of it, sorted by group; else
        its tokens keep their order. Tokens that an
        operand does not have hold -1e8 and are False in ``padding_mask``;
        without any such token there is no padding mask.

    Raises
    ------
    ValueError
        If there is nothing to join or the operands do not fit; all faults
        are listed. Nothing is ever dropped silently.

    Notes
    -----
    Works under ``jit`` and ``vmap``. Masks between tokens are not copied per
    sample: they follow from the layout. Joining joined Tokens again, in any
    grouping, gives the same. Legacy: ``combine_data``, which pads the token
    axis as a whole, so that keys no longer line up.

    Examples
    --------
    >>> import numpy as np
    >>> one = Tokens.from_pytree({"obs": np.ones((2, 1, 1))}, {})
    >>> three = Tokens.from_pytree({"obs": np.ones((1, 3, 1))}, {})
    >>> concatenate_tokens(one, three).padding_mask.astype(int)
    Array([[1, 0, 0],
           [1, 0, 0],
           [1, 1, 1]], dtype=int32)
    """
    if not tokens:
        raise ValueError("concatenate_tokens needs at least one Tokens.")
    _check_operands(tokens)
    layouts = [operand.layout for operand in tokens]
    layout = layouts[0]
    if any(other != layout for other in layouts):
        layout = joint_layout(layouts)
        check_growth(layouts, layout)
    inputs = None
    if tokens[0].functional_inputs is not None:
        inputs = _join_rows(
            [operand.functional_inputs for operand in tokens], layouts, layout
        )
    data = _join_rows([operand.data for operand in tokens], layouts, layout)
    return Tokens(data, layout, inputs, _join_padding(tokens, layout))


def _check_operands(tokens: Sequence[Any]) -> None:
    """List everything that keeps the operands from being joined."""
    first = tokens[0]
    faults: list[str] = []
    for number, operand in enumerate(tokens):
        if not isinstance(operand, Tokens):
            raise TypeError(
                f"Operand {number} of concatenate_tokens is a "
                f"{type(operand).__name__}, expected Tokens. Of a view, join "
                "view.to_tokens()."
            )
        if not operand.sample_shape:
            faults.append(f"operand {number} has no sample axis")
        elif operand.sample_shape[1:] != first.sample_shape[1:]:
            faults.append(
                f"operand {number} has the sample shape "
                f"{operand.sample_shape}, operand 0 {first.sample_shape}: "
                "only the first axis may differ"
            )
        if number:
            faults += _layout_faults(number, operand, first)
    raise_faults(ValueError, "Cannot join Tokens", faults)


def _layout_faults(number: int, operand: Tokens, first: Tokens) -> list[str]:
    mine, theirs = operand.layout, first.layout
    if set(mine.names) != set(theirs.names):
        fault = (
            f"operand {number} has the keys {list(mine.names)}, operand 0 "
            f"{list(theirs.names)}"
        )
        return [fault]
    faults = []
    for key in theirs.keys:
        other = mine[key.name]
        for what, a, b in (
            ("label", other.label, key.label),
            ("batch shape", other.batch_shape, key.batch_shape),
            (
                "number of event axes",
                len(other.event_shape),
                len(key.event_shape),
            ),
            ("number of functional inputs", other.n_inputs, key.n_inputs),
            ("names of the axes", other.dims, key.dims),
            (
                "names of the groups",
                [group.name for group in other.groups],
                [group.name for group in key.groups],
            ),
        ):
            if a != b:
                faults.append(
                    f"the {what} of {key.name!r} is {a} in operand {number}, "
                    f"{b} in operand 0"
                )
    if mine.independence != theirs.independence:
        faults.append(
            f"operand {number} has the rules "
            f"{mine.independence.to_dict()}, operand 0 "
            f"{theirs.independence.to_dict()}"
        )
    if operand.width != first.width:
        faults.append(
            f"operand {number} has tokens of width {operand.width}, "
            f"operand 0 of {first.width}"
        )
    return faults


def _join_rows(
    arrays: Sequence[Any],
    layouts: Sequence[TokenLayout],
    layout: TokenLayout,
    pad_value: float = PAD_VALUE,
) -> Any:
    check_joined(
        {f"Operand {number}": array for number, array in enumerate(arrays)}
    )
    return join(
        [
            _regrid(array, old, layout, pad_value)
            for array, old in zip(arrays, layouts, strict=True)
        ],
        axis=0,
    )


def _regrid(
    array: Any, old: TokenLayout, new: TokenLayout, pad_value: float
) -> Any:
    """Move rows ``(*sample, n_tokens, columns)`` to a larger layout."""
    if old == new:
        return array
    array = readable(array)
    blocks = []
    for key in new.keys:
        before = old[key.name]
        rows = array[..., before.block, :]
        blocks.append(_grow_block(rows, before, key, pad_value))
    return join(blocks, axis=-2)


def _grow_block(
    rows: Any, before: KeyLayout, after: KeyLayout, pad_value: float
) -> Any:
    lead, columns = tuple(rows.shape[:-2]), rows.shape[-1]
    if after.groups:
        places = token_positions(before, after)
        return spread(rows, places, after.n_tokens, pad_value)
    if before.event_shape == after.event_shape:
        return rows
    grid = rows.reshape((*lead, *before.event_shape, columns))
    grown = grow(grid, len(lead), after.event_shape, pad_value)
    return grown.reshape((*lead, after.n_tokens, columns))


def _join_padding(tokens: Sequence[Tokens], layout: TokenLayout) -> Any:
    complete = all(
        operand.padding is None and operand.n_tokens == layout.n_tokens
        for operand in tokens
    )
    if complete:
        return None
    columns = [operand.padding_mask[..., None] for operand in tokens]
    layouts = [operand.layout for operand in tokens]
    return _join_rows(columns, layouts, layout, pad_value=0)[..., 0]
