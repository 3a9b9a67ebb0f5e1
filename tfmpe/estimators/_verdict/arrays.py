"""Token arrays in which parameters or data are replaced."""

from collections.abc import Mapping

import numpy as np

from tfmpe._base.arrays import hand_over
from tfmpe._base.trees import Tree, flatten_tree
from tfmpe.estimators._types import AnyArray, AnyTokens
from tfmpe.preprocessing import Tokens


def repeated(tokens: Tokens, n: int) -> Tokens:
    """Return ``n`` copies of Tokens without sample axes."""

    def rows(array: AnyArray | None) -> np.ndarray | None:
        if array is None:
            return None
        return np.broadcast_to(np.asarray(array), (n, *array.shape))

    return Tokens(
        np.array(rows(tokens.data)),
        tokens.layout,
        rows(tokens.functional_inputs),
        rows(tokens.padding),
        tokens.root_layout,
    )


def replaced(tokens: Tokens, values: Mapping[str, np.ndarray]) -> Tokens:
    """Return Tokens in which some keys have ``(n, tokens, width)`` values."""
    n = len(next(iter(values.values())))
    rows = repeated(tokens, n)
    data = np.asarray(rows.data)
    for name, value in values.items():
        entry = tokens.layout[name]
        columns = value[..., : entry.width]
        data[:, entry.block, : entry.width] = columns
    return rows.with_data(hand_over(data))


def values_of(draws: AnyTokens) -> dict[str, np.ndarray]:
    """Return the values of every key, each of shape (n, tokens, width)."""
    data = np.asarray(draws.data)
    return {key.name: data[:, key.block] for key in draws.layout.keys}


def values_in(tree: Tree, tokens: Tokens) -> dict[str, np.ndarray]:
    """Return the arrays whose keys are in the tokens, (n, tokens, width)."""
    found = {}
    for leaf in flatten_tree(tree, "values"):
        if leaf.name in tokens.layout:
            entry = tokens.layout[leaf.name]
            shape = (len(leaf.value), entry.n_tokens, entry.width)
            found[leaf.name] = np.asarray(leaf.value).reshape(shape)
    return found
