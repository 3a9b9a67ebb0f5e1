"""A subset of tokens, seen without copying."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

import jax

from tfmpe._base.arrays import (
    readable,
    take,
)
from tfmpe._base.narrowing import check_castable
from tfmpe._base.trees import unflatten_tree
from tfmpe.preprocessing.layout.layout import TokenLayout
from tfmpe.preprocessing.tokens.decode import (
    check_room,
    check_token_count,
    decode_values,
    set_blocks,
    token_array,
)
from tfmpe.preprocessing.tokens.queries import TokenQueries
from tfmpe.preprocessing.tokens.tokens import Tokens


@jax.tree_util.register_pytree_with_keys_class
@dataclass(frozen=True, eq=False, repr=False)
class TokenView(TokenQueries):
    """Some keys of Tokens, in the order asked for.

    Answers the same questions as :class:`Tokens`, all in that order. Holds
    its parent and the keys; arrays are taken when they are read, and are
    views of host memory where the keys are neighbours.

    Attributes
    ----------
    parent : Tokens
        What was selected from.
    selected_keys : tuple of str
        The keys.

    Notes
    -----
    A pytree with the parent's leaves.
    """

    parent: Tokens
    selected_keys: tuple[str, ...]

    @property
    def root(self) -> TokenLayout:
        """The parent's layout."""
        return self.parent.layout

    @property
    def layout(self) -> TokenLayout:
        """The layout of the selected keys, offsets from 0."""
        return self.root.select(self.selected_keys)

    @property
    def data(self) -> Any:
        """Values, shape ``(*sample, n_tokens, width)``."""
        return self._take(self.parent.data)

    @property
    def functional_inputs(self) -> Any:
        """Functional inputs, ``(*sample, n_tokens, n_inputs)``, or None."""
        return self._take(self.parent.functional_inputs)

    @property
    def padding(self) -> Any:
        """True for real tokens, ``(*sample, n_tokens)``; None if all are."""
        padding = self.parent.padding
        if padding is None:
            return None
        return take(padding, self.root.blocks(self.selected_keys), -1)

    def _take(self, array: Any) -> Any:
        if array is None:
            return None
        return take(array, self.root.blocks(self.selected_keys), -2)

    def select_tokens(self, keys: Iterable[str]) -> "TokenView":
        """Return a view of some of these keys, in the order asked for.

        Raises
        ------
        UnknownKeyError
            If a key is not in this view.
        """
        return TokenView(self.parent, self.layout.select(keys).names)

    def to_tokens(self) -> Tokens:
        """Return Tokens of these keys alone; rules on others are dropped."""
        return Tokens(
            self.data, self.layout, self.functional_inputs, self.padding
        )

    def with_data(self, data: Any) -> Tokens:
        """Return the parent with these tokens replaced as one block.

        Parameters
        ----------
        data : array, shape (*sample, n_tokens, width)
            In the order of this view, as its ``data``.

        Returns
        -------
        Tokens
            All keys of the parent, with the same layout object, so nothing
            compiles anew.

        Raises
        ------
        ValueError
            If the shape is not that of this view's ``data``.
        TypeError
            If the dtype does not fit into that of the tokens.

        Notes
        -----
        Works under ``jit``, ``vmap`` and ``grad``.

        Examples
        --------
        >>> import numpy as np
        >>> tokens = Tokens.from_pytree(
        ...     {"mu": np.zeros((2, 1, 1)), "obs": np.ones((2, 3, 1))}, {}
        ... )
        >>> view = tokens.select_tokens(["obs"])
        >>> view.with_data(2 * view.data).data[0, :, 0].tolist()
        [0.0, 2.0, 2.0, 2.0]
        """
        data = token_array(data, "data")
        expected = (*self.sample_shape, self.n_tokens, self.width)
        if tuple(data.shape) != expected:
            raise ValueError(
                f"data has shape {tuple(data.shape)}, expected {expected} "
                f"(sample axes, tokens of {list(self.selected_keys)}, width)."
            )
        check_castable(data, self.parent.data.dtype, "data")
        block = readable(data)
        changes = [
            (self.root[key.name].block, block[..., key.block, :])
            for key in self.layout.keys
        ]
        return replace(self.parent, data=set_blocks(self.parent.data, changes))

    def decode(self, flat_array: Any = None) -> dict[str, Any]:
        """Rebuild the tree of the selected keys.

        Parameters
        ----------
        flat_array : array, shape (*sample, n_tokens, width), optional
            Another array with the tokens of this view, in its order; its
            sample shape may be any. By default this view's ``data``.

        Returns
        -------
        nested dict of arrays, each of shape (*sample, *event, *batch)

        Raises
        ------
        ValueError
            If the array has another number of tokens.
        """
        flat = token_array(
            self.data if flat_array is None else flat_array, "flat_array"
        )
        check_token_count(flat, self.n_tokens)
        keys = self.layout.keys
        check_room(flat, keys)
        return unflatten_tree(
            [key.path for key in keys],
            decode_values(flat, keys, tuple(flat.shape[:-2])),
        )

    def tree_flatten_with_keys(self) -> tuple[tuple[Any, ...], tuple[str, ...]]:
        """Split into the parent and the static keys."""
        key = jax.tree_util.GetAttrKey("parent")
        return ((key, self.parent),), self.selected_keys

    @classmethod
    def tree_unflatten(
        cls, selected_keys: tuple[str, ...], children: Iterable[Any]
    ) -> "TokenView":
        """Rebuild from the parent, whatever it is; checks nothing."""
        view = object.__new__(cls)
        (parent,) = children
        object.__setattr__(view, "parent", parent)
        object.__setattr__(view, "selected_keys", selected_keys)
        return view
