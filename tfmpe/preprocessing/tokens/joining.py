"""Joining of Tokens of different sizes along the sample axis.

Each key is padded separately: its event axes grow to the largest event shape of
the operands, or each group of a ragged key to its largest number of tokens.
"""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Array, Bool, Shaped

from tfmpe._base.arrays import PAD_VALUE, AnyArray, join, like, readable, spread
from tfmpe._base.errors import raise_faults
from tfmpe._base.narrowing import check_joined
from tfmpe.preprocessing.layout.differences import (
    JOINABLE,
    difference,
    layout_differences,
)
from tfmpe.preprocessing.layout.layout import TokenLayout

from .growing import check_growth, joint_layout, token_positions
from .tokens import Tokens


def concatenate_tokens(*tokens: object) -> Tokens:
    """Join any number of Tokens along their first sample axis.

    Parameters
    ----------
    *tokens : Tokens
        With the same keys, labels, batch shapes, rules, numbers of event
        axes and names of dimensions. Event shapes, groups, numbers of samples
        and the order of keys may differ; the first operand's order is kept.

    Returns
    -------
    Tokens
        Every key has the largest event shape along each axis. If the ids of a
        ragged key differ, its tokens are sorted by group, and each group (or
        combination of groups) has as many tokens as in the operand where it
        is largest; otherwise its tokens keep their order. Tokens that an
        operand does not have hold -1e8 and are False in ``padding_mask``; if
        there are none, there is no padding mask.

    Raises
    ------
    ValueError
        If there is nothing to join or the operands do not match; all faults
        are listed.

    Notes
    -----
    Works under ``jit`` and ``vmap``. Joining joined Tokens again, in any
    grouping, gives the same result. Legacy: ``combine_data``, which pads the
    token axis as a whole, so that keys are no longer aligned.

    Examples
    --------
    >>> import numpy as np
    >>> one = Tokens.from_pytree({"obs": np.ones((1, 1, 1))}, {})
    >>> two = Tokens.from_pytree({"obs": np.ones((1, 2, 1))}, {})
    >>> concatenate_tokens(one, two).padding_mask.tolist()
    [[True, False], [True, True]]
    """
    if not tokens:
        raise ValueError("concatenate_tokens needs at least one Tokens.")
    operands = _checked(tokens)
    layouts = [operand.layout for operand in operands]
    layout = layouts[0]
    if any(other != layout for other in layouts):
        layout = joint_layout(layouts)
        check_growth(layouts, layout)
    inputs = [operand.functional_inputs for operand in operands]
    rows = [each for each in inputs if each is not None]
    return Tokens(
        _join_rows([operand.data for operand in operands], layouts, layout),
        layout,
        _join_rows(rows, layouts, layout) if rows else None,
        _join_padding(operands, layout),
    )


def _checked(tokens: Sequence[object]) -> list[Tokens]:
    """Return the operands, or raise an error that lists all differences."""
    operands: list[Tokens] = []
    faults: list[str] = []
    for number, operand in enumerate(tokens):
        if not isinstance(operand, Tokens):
            raise TypeError(
                f"Operand {number} of concatenate_tokens is a "
                f"{type(operand).__name__}, expected Tokens. For a view, join "
                "view.to_tokens()."
            )
        operands.append(operand)
        first, names = operands[0], (f"operand {number}", "operand 0")
        if not operand.sample_shape:
            faults.append(f"operand {number} has no sample axis")
        elif operand.sample_shape[1:] != first.sample_shape[1:]:
            faults.append(
                f"operand {number} has the sample shape "
                f"{operand.sample_shape}, but operand 0 has "
                f"{first.sample_shape}: only the first axis may differ"
            )
        faults += layout_differences(
            operand.layout, first.layout, names, JOINABLE
        )
        widths = operand.width, first.width
        faults += difference("the width of tokens", *widths, names)
    raise_faults(ValueError, "Cannot join Tokens", faults)
    return operands


def _join_rows(
    arrays: Sequence[Shaped[AnyArray, "*_ columns"]],
    layouts: Sequence[TokenLayout],
    layout: TokenLayout,
    pad_value: float = PAD_VALUE,
) -> Shaped[Array, "*sample tokens columns"]:
    check_joined(
        {f"Operand {number}": array for number, array in enumerate(arrays)}
    )
    regridded = [
        _regrid(array, old, layout, pad_value)
        for array, old in zip(arrays, layouts, strict=True)
    ]
    return join(regridded, axis=0)


def _regrid(
    array: Shaped[AnyArray, "*sample _ columns"],
    old: TokenLayout,
    new: TokenLayout,
    pad_value: float,
) -> Shaped[AnyArray, "*sample tokens columns"]:
    """Move the tokens of a layout to their places in a larger layout."""
    if old == new:
        return array
    places = [np.zeros(0, int)]
    order = [np.zeros(0, int)]
    for key in new.keys:
        before = old[key.name]
        order.append(np.arange(before.block.start, before.block.stop))
        places.append(key.offset + token_positions(before, key))
    rows = readable(array)[..., np.concatenate(order), :]
    return spread(rows, np.concatenate(places), new.n_tokens, pad_value)


def _join_padding(
    tokens: Sequence[Tokens], layout: TokenLayout
) -> Bool[Array, "*sample tokens"] | None:
    if all(
        operand.padding is None and operand.n_tokens == layout.n_tokens
        for operand in tokens
    ):
        return None
    columns = [readable(each.padding_mask)[..., None] for each in tokens]
    layouts = [operand.layout for operand in tokens]
    joined = _join_rows(columns, layouts, layout, pad_value=0)
    return like(readable(joined)[..., 0], joined)
