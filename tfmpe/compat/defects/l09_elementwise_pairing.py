"""Defect L9: cross_local rules that pair tokens one to one."""

from typing import Any

import numpy as np

from tfmpe.compat.legacy_warnings import LegacyWarning
from tfmpe.preprocessing import KeyLayout
from tfmpe.preprocessing.layout.dimensions import token_coordinates


class ElementwisePairingWarning(LegacyWarning):
    """A cross_local rule does not open all matching pairs (L9)."""

    code = "L9"


def elementwise_opening(a: KeyLayout, b: KeyLayout, dims: Any) -> np.ndarray:
    """Return the pairs of tokens that a legacy cross_local rule opens.

    For each coordinate, the indices of the tokens of ``a`` and ``b`` are
    broadcast as in NumPy, which is right only if one key has one token there.

    Returns
    -------
    ndarray of bool, shape (n_a, n_b)

    Raises
    ------
    ValueError
        If sizes differ or a dimension is too large.
    IndexError
        If the indices do not broadcast, or a dimension is too negative.
    """
    opened = np.zeros((a.n_tokens, b.n_tokens), bool)
    if dims is None:
        if a.n_tokens != b.n_tokens:
            raise ValueError(
                f"cross_local rule ({a.name!r}, {b.name!r}, None): the keys "
                f"must have the same number of tokens, not {a.n_tokens} and "
                f"{b.n_tokens}."
            )
        np.fill_diagonal(opened, True)
        return opened
    dim_a, dim_b = dims
    rule = f"cross_local rule ({a.name!r}, {b.name!r}, {dims})"
    if dim_a >= len(a.event_shape) or dim_b >= len(b.event_shape):
        raise ValueError(
            f"{rule}: the event shapes {a.event_shape} and {b.event_shape} "
            "do not have these axes."
        )
    if a.event_shape[dim_a] != b.event_shape[dim_b]:
        raise ValueError(
            f"{rule}: the sizes along the dimensions differ in the event "
            f"shapes {a.event_shape} and {b.event_shape}."
        )
    along_a = token_coordinates(a, dim_a)
    along_b = token_coordinates(b, dim_b)
    for coordinate in range(a.event_shape[dim_a]):
        rows = np.flatnonzero(along_a == coordinate)
        columns = np.flatnonzero(along_b == coordinate)
        opened[rows, columns] = True
    wanted = int((along_a[:, None] == along_b[None, :]).sum())
    if missing := wanted - int(opened.sum()):
        ElementwisePairingWarning.warn(
            f"the {rule} leaves {missing} of {wanted} matching pairs of "
            "tokens closed, since both keys have several tokens at the same "
            "index. Tokens opens all of them."
        )
    return opened
