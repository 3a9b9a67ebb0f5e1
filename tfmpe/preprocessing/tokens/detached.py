"""Some keys of Tokens, with arrays of their own."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

import jax

from tfmpe.preprocessing.layout.layout import TokenLayout
from tfmpe.preprocessing.tokens.queries import TokenQueries
from tfmpe.preprocessing.tokens.tokens import Tokens
from tfmpe.preprocessing.tokens.views import TokenView


@jax.tree_util.register_pytree_with_keys_class
@dataclass(frozen=True, eq=False, repr=False)
class DetachedView(TokenQueries):
    """A view that carries the arrays of its keys and nothing else.

    What a compiled loop moves around: unlike a :class:`TokenView` it does
    not drag the other keys of its parent along, and unlike Tokens of its
    keys alone it knows the rules between its keys and the others, so masks
    between two detached views of one parent are those of the parent.

    Attributes
    ----------
    data : Array, shape (*sample, n_tokens, width)
        Values of the selected keys.
    root : TokenLayout
        The parent's layout.
    selected_keys : tuple of str
        The keys, in order.
    functional_inputs : Array, shape (*sample, n_tokens, n_inputs), or None
        Of the selected keys.
    padding : array of bool, shape (*sample, n_tokens), or None
        True for real tokens; None if all are.

    Notes
    -----
    A pytree whose leaves are the arrays, all with the sample axes first.
    """

    data: Any
    root: TokenLayout  # pyright: ignore[reportIncompatibleMethodOverride]
    selected_keys: tuple[str, ...]
    functional_inputs: Any = None
    padding: Any = None

    @property
    def layout(self) -> TokenLayout:
        """The layout of the selected keys, offsets from 0."""
        return self.root.select(self.selected_keys)

    def with_data(self, data: Any) -> "DetachedView":
        """Return the same view of other values; checks nothing."""
        return replace(self, data=data)

    def to_tokens(self) -> Tokens:
        """Return Tokens of these keys alone; rules on others are dropped."""
        return Tokens(
            self.data, self.layout, self.functional_inputs, self.padding
        )

    def tree_flatten_with_keys(
        self,
    ) -> tuple[tuple[Any, ...], tuple[TokenLayout, tuple[str, ...]]]:
        """Split into array leaves, and the static layout and keys."""
        names = ("data", "functional_inputs", "padding")
        return tuple(
            (jax.tree_util.GetAttrKey(name), getattr(self, name))
            for name in names
        ), (self.root, self.selected_keys)

    @classmethod
    def tree_unflatten(
        cls,
        static: tuple[TokenLayout, tuple[str, ...]],
        children: Iterable[Any],
    ) -> "DetachedView":
        """Rebuild from leaves, whatever they are; checks nothing."""
        data, functional_inputs, padding = children
        root, selected_keys = static
        view = object.__new__(cls)
        for name, value in (
            ("data", data),
            ("root", root),
            ("selected_keys", selected_keys),
            ("functional_inputs", functional_inputs),
            ("padding", padding),
        ):
            object.__setattr__(view, name, value)
        return view


def detach(
    tokens: Tokens | TokenView | DetachedView,
    keys: Iterable[str] | None = None,
) -> DetachedView:
    """Return a detached view of some keys, in the order asked for.

    Parameters
    ----------
    tokens : Tokens, TokenView or DetachedView
        A detached view is taken as it is, without ``keys``.
    keys : sequence of str, optional
        By default all.

    Raises
    ------
    UnknownKeyError
        If a key does not exist.
    TypeError, ValueError
        If ``keys`` is a bare string, or names a key twice.
    """
    if isinstance(tokens, DetachedView):
        if keys is not None:
            raise TypeError("A detached view has no other keys to select.")
        return tokens
    view = tokens.select_tokens(tokens.layout.names if keys is None else keys)
    return DetachedView(
        view.data,
        view.root,
        view.selected_keys,
        view.functional_inputs,
        view.padding,
    )
