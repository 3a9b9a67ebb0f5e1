"""Views: some keys of Tokens, selected without copying."""

from collections.abc import Iterable
from dataclasses import dataclass, replace

from jaxtyping import Bool, Shaped

from tfmpe._base.arrays import AnyArray, readable, take
from tfmpe._base.pytree import pytree
from tfmpe.preprocessing.layout.layout import TokenLayout

from .decode import set_blocks
from .queries import TokenQueries
from .tokens import Tokens


@pytree("parent")
@dataclass(frozen=True, eq=False, repr=False)
class TokenView(TokenQueries):
    """Some keys of Tokens, in the order of the selection.

    Has the same properties as :class:`Tokens`, all in this order. Arrays are
    taken from the parent when they are read; in host memory they are not copied
    if the keys are adjacent.

    Attributes
    ----------
    parent : Tokens
        The Tokens that the keys were selected from; its arrays are the leaves
        of this pytree.
    selected_keys : tuple of str
        The keys.
    """

    parent: Tokens
    selected_keys: tuple[str, ...]

    @property
    def root(self) -> TokenLayout:
        """The root layout of the parent."""
        return self.parent.root

    @property
    def layout(self) -> TokenLayout:
        """The layout of the selected keys, with offsets from 0."""
        return self.parent.layout.select(self.selected_keys)

    @property
    def data(self) -> Shaped[AnyArray, "*sample tokens width"]:
        """The values of the selected keys."""
        return take(self.parent.data, self._blocks, -2)

    @property
    def functional_inputs(
        self,
    ) -> Shaped[AnyArray, "*sample tokens inputs"] | None:
        """Functional inputs of the selected keys, or None."""
        inputs = self.parent.functional_inputs
        return None if inputs is None else take(inputs, self._blocks, -2)

    @property
    def padding(self) -> Bool[AnyArray, "*sample tokens"] | None:
        """False for padding; None if there is no padding."""
        padding = self.parent.padding
        return None if padding is None else take(padding, self._blocks, -1)

    @property
    def _blocks(self) -> list[slice]:
        return self.parent.layout.blocks(self.selected_keys)

    def select_tokens(self, keys: Iterable[str]) -> "TokenView":
        """Return a view of some of these keys, in the given order.

        Raises
        ------
        UnknownKeyError
            If a key is not in this view.
        """
        return TokenView(self.parent, self.layout.select(keys).names)

    def to_tokens(self) -> Tokens:
        """Return Tokens of only these keys; rules on other keys are dropped."""
        return Tokens(
            self.data, self.layout, self.functional_inputs, self.padding
        )

    def with_data(self, data: object) -> Tokens:
        """Return the parent with these tokens replaced as one block.

        Parameters
        ----------
        data : array, shape (*sample, n_tokens, width)
            In the order of this view, like its ``data``.

        Returns
        -------
        Tokens
            All keys of the parent, with the same layout object.

        Raises
        ------
        ValueError, TypeError
            See :meth:`Tokens.with_data`; both work under the same
            transformations.
        """
        block = readable(self._same_tokens(data))
        parent = self.parent
        changes = [
            (parent.layout[key.name].block, block[..., key.block, :])
            for key in self.layout.keys
        ]
        return replace(parent, data=set_blocks(parent.data, changes))


def detach(
    tokens: Tokens | TokenView, keys: Iterable[str] | None = None
) -> Tokens:
    """Return Tokens of some keys (by default all), with their root layout.

    Unlike a view, they do not carry the arrays of other keys through a compiled
    loop. Unlike ``view.to_tokens()``, they keep the rules on other keys: masks
    between detached Tokens of one parent equal the masks of the parent.
    """
    if keys is None and isinstance(tokens, Tokens):
        return replace(tokens, root_layout=tokens.root)
    view = tokens.select_tokens(tokens.layout.names if keys is None else keys)
    return replace(view.to_tokens(), root_layout=view.root)
