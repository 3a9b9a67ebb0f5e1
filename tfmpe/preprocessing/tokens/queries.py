"""Properties that Tokens and views derive from layout and padding."""

from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Bool, Int32, Shaped

from tfmpe._base.arrays import AnyArray, take, to_rank
from tfmpe._base.narrowing import check_castable
from tfmpe.preprocessing.layout.independence import Independence
from tfmpe.preprocessing.layout.layout import TokenLayout
from tfmpe.preprocessing.masks.attention import combine_masks
from tfmpe.preprocessing.masks.dense import declared_mask
from tfmpe.preprocessing.masks.padding import filled_columns
from tfmpe.preprocessing.masks.plan import AttentionPlan, attention_plan

from .decode import decode_tree, token_array


class TokenQueries:
    """Base class of Tokens and TokenView: what layout and padding determine.

    Subclasses have ``data``, ``layout``, ``functional_inputs``, ``padding`` and
    ``root``, the layout that the keys were selected from.
    """

    if TYPE_CHECKING:

        @property
        def data(self) -> Shaped[AnyArray, "*sample tokens width"]:
            """Values."""
            ...

        @property
        def functional_inputs(
            self,
        ) -> Shaped[AnyArray, "*sample tokens inputs"] | None:
            """Functional inputs of every token."""
            ...

        @property
        def padding(self) -> Bool[AnyArray, "*sample tokens"] | None:
            """False for padding; None if there is no padding."""
            ...

        @property
        def layout(self) -> TokenLayout:
            """Layout of the tokens."""
            ...

        @property
        def root(self) -> TokenLayout:
            """Layout that the keys were selected from."""
            ...

    @property
    def sample_shape(self) -> tuple[int, ...]:
        """The leading axes of ``data``."""
        return tuple(self.data.shape[:-2])

    @property
    def n_tokens(self) -> int:
        """Number of tokens in every sample."""
        return self.layout.n_tokens

    @property
    def width(self) -> int:
        """Number of values that a token can hold."""
        return self.data.shape[-1]

    @property
    def independence(self) -> Independence:
        """The declared rules between the keys."""
        return self.layout.independence

    @property
    def labels(self) -> Int32[np.ndarray, "*sample tokens"]:
        """Label of every token."""
        return np.broadcast_to(
            self.layout.labels, (*self.sample_shape, self.n_tokens)
        )

    @property
    def self_attention_mask(self) -> Bool[np.ndarray, "tokens tokens"]:
        """Mask that the rules declare; rows may be empty.

        For attention, use :meth:`attention_mask`.
        """
        return declared_mask(self.root, self.layout.names)

    @property
    def padding_mask(self) -> Bool[AnyArray, "*sample tokens"]:
        """False for padding, else True."""
        if self.padding is None:
            return np.broadcast_to(True, (*self.sample_shape, self.n_tokens))
        return self.padding

    @property
    def value_mask(self) -> Bool[AnyArray, "*sample tokens width"]:
        """False for padding, else True.

        Padding consists of whole tokens, and columns that a key does not
        fill.
        """
        layout = self.layout
        filled = layout.memo(
            ("filled", self.width),
            lambda: filled_columns(layout.keys, self.width),
        )
        shape = (*self.sample_shape, self.n_tokens, self.width)
        if self.padding is None:
            return np.broadcast_to(filled, shape)
        padding = self.padding[..., None]
        return to_rank(filled, padding.ndim) & padding

    @property
    def slices(self) -> dict[str, dict[str, Any]]:
        """``{key: {'offset', 'event_shape', 'batch_shape'}}``."""
        return self.layout.slices

    @property
    def label_map(self) -> dict[str, int]:
        """``{key: label}``."""
        return self.layout.label_map

    @property
    def key_order(self) -> list[str]:
        """The keys in token order."""
        return list(self.layout.names)

    def attention_mask(
        self,
        keys: "TokenQueries | None" = None,
        *,
        both_ways: bool = False,
        empty_rows: str = "self",
    ) -> Bool[AnyArray, "samples 1 queries keys"]:
        """Return the mask for attention: rules and padding, with no row empty.

        Parameters
        ----------
        keys : Tokens or TokenView, optional
            The tokens attended to, selected from the same layout; rules of
            cross-attention apply. By default these tokens themselves, with the
            rules of self-attention.
        both_ways : bool
            For cross-attention: whether a cross_local rule ``(a, b, dims)``
            also restricts which tokens of ``a`` the tokens of ``b`` attend to.
        empty_rows : {'self', 'all', 'error'}
            What tokens attend to if rules and padding leave them nothing.
            ``'self'``: themselves or, if they are not among ``keys`` or are
            padding there, all tokens but padding. ``'all'``: all tokens but
            padding. ``'error'``: as ``'self'``, but rules that leave a row
            empty raise an error.

        Returns
        -------
        array of bool
            For ``jax.nn.dot_product_attention``. Sample axes are flattened to
            one, of size 1 if there is no padding.

        Raises
        ------
        ValueError
            If ``keys`` were selected from a different layout or have a
            different number of samples, or ``empty_rows`` is ``'error'`` and
            rules leave a row empty.

        Notes
        -----
        Works under ``jit`` and ``vmap``. A fully masked row would make the
        softmax attend to everything, without an error.

        Examples
        --------
        >>> import numpy as np
        >>> from tfmpe import Tokens
        >>> obs = np.zeros((8, 2, 1))
        >>> tokens = Tokens.from_pytree({"obs": obs}, {"local": ["obs"]})
        >>> tokens.attention_mask()[0, 0].astype(int)
        array([[1, 0],
               [0, 1]])
        """
        other = self if keys is None else keys
        self._check_same_root(other)
        names = (self.layout.names, other.layout.names)
        declared = declared_mask(
            self.root,
            names[0],
            None if keys is None else names[1],
            both_ways=both_ways,
        )
        numbers = np.arange(self.root.n_tokens)
        query, key = (take(numbers, self.root.blocks(n), 0) for n in names)
        return combine_masks(
            declared,
            query[:, None] == key[None, :],
            self.padding,
            other.padding,
            empty_rows,
        )

    def attention_plan(
        self,
        keys: "TokenQueries | None" = None,
        *,
        both_ways: bool = False,
        empty_rows: str = "self",
    ) -> AttentionPlan:
        """Return the open pairs of :meth:`attention_mask` as small blocks.

        A pair is open if its query token may attend to its key token. Memory
        grows with the numbers of tokens and open pairs, not with the number of
        all pairs. Used by :func:`tfmpe.nn.structured_attention`.

        Parameters
        ----------
        keys, both_ways, empty_rows
            See :meth:`attention_mask`.

        Returns
        -------
        AttentionPlan
            Ignores padding. Cached per layout.

        Raises
        ------
        ValueError
            See :meth:`attention_mask`.

        Notes
        -----
        Static, so safe under ``jit``.

        Examples
        --------
        >>> import numpy as np
        >>> from tfmpe import Tokens
        >>> rules = {"cross_local": [("theta", "theta", (0, 0))]}
        >>> tokens = Tokens.from_pytree({"theta": np.zeros((8, 50, 1))}, rules)
        >>> tokens.attention_plan()
        AttentionPlan(1 blocks, 50 of 50 x 50 pairs)
        """
        if keys is not None:
            self._check_same_root(keys)
        return attention_plan(
            self.root,
            self.layout.names,
            None if keys is None else keys.layout.names,
            both_ways=both_ways,
            empty_rows=empty_rows,
        )

    def decode(self, flat_array: object = None) -> dict[str, Any]:
        """Rebuild the tree of arrays.

        Parameters
        ----------
        flat_array : array, shape (*sample, n_tokens, width), optional
            Another array with these tokens, such as samples of a model, of
            any sample shape. By default ``data``.

        Returns
        -------
        nested dict of arrays, each of shape (*sample, *event, *batch)
            Views for NumPy input, else JAX arrays.

        Raises
        ------
        ValueError
            If the array has a different number of tokens, or is a DataArray.

        Notes
        -----
        Works under ``jit``, ``vmap`` and ``grad``. Legacy: ``decode_theta``.
        """
        array = self.data if flat_array is None else flat_array
        keys = self.layout.keys
        return decode_tree(token_array(array, "flat_array", keys), keys)

    def _same_tokens(
        self, data: object
    ) -> Shaped[AnyArray, "*sample tokens width"]:
        """Return new values for the same tokens, checked."""
        array, present = token_array(data, "data"), self.data
        if tuple(array.shape) != tuple(present.shape):
            raise ValueError(
                f"data has shape {tuple(array.shape)}, expected "
                f"{tuple(present.shape)} (sample axes, tokens, width)."
            )
        check_castable(array, present.dtype, "data")
        return array

    def _check_same_root(self, other: "TokenQueries") -> None:
        if self.root != other.root:
            raise ValueError(
                "The two sets of tokens were selected from different layouts: "
                f"{self.root} and {other.root}. Select both from Tokens that "
                "were built with the same keys, shapes and rules."
            )

    def summary(self) -> str:
        """Return a one-screen text: sizes, rules, padding, memory, warnings.

        Returns
        -------
        str
            About 40 lines of at most 80 characters; if there are many keys or
            rules, some are left out. Warnings name the keys that attend to one
            another at quadratic cost, and the rule that would restrict them.

        Notes
        -----
        Works under ``jit`` and on trees of shapes from ``jax.eval_shape``;
        anything that needs values is left out then. No mask is built.

        Examples
        --------
        >>> import numpy as np
        >>> from tfmpe import Tokens
        >>> tokens = Tokens.from_pytree({"obs": np.zeros((8, 3, 1))}, {})
        >>> print(tokens.summary().splitlines()[0])
        Tokens(samples (8,), 3 tokens of width 1, float32)
        """
        from tfmpe.preprocessing.show.summary import summarise

        return summarise(self)

    def __repr__(self) -> str:
        from tfmpe.preprocessing.show.text import describe

        return describe(self)

    def _repr_html_(self) -> str:
        from tfmpe.preprocessing.show.html import to_html

        return to_html(self)
