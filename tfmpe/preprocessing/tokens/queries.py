"""The questions that Tokens and TokenView both answer from their layout."""

from typing import TYPE_CHECKING, Any

import numpy as np

from tfmpe._base.arrays import take, to_rank
from tfmpe.preprocessing.layout.independence import Independence
from tfmpe.preprocessing.layout.layout import TokenLayout
from tfmpe.preprocessing.masks.attention import combine_masks
from tfmpe.preprocessing.masks.dense import declared_mask
from tfmpe.preprocessing.masks.padding import filled_columns
from tfmpe.preprocessing.masks.plan import AttentionPlan, attention_plan


class TokenQueries:
    """What follows from a layout, and from a layout with padding.

    Subclasses have ``data``, ``layout``, ``padding`` and ``root``, the layout
    that the keys were selected from.
    """

    if TYPE_CHECKING:

        @property
        def data(self) -> Any:
            """The values, ``(*sample, n_tokens, width)``."""
            ...

        @property
        def padding(self) -> Any:
            """Which tokens are real, or None for all."""
            ...

        @property
        def layout(self) -> TokenLayout:
            """The keys that are selected."""
            ...

        @property
        def root(self) -> TokenLayout:
            """All keys."""
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
        """Number of values that a token has room for."""
        return self.data.shape[-1]

    @property
    def independence(self) -> Independence:
        """The declared rules between the keys."""
        return self.layout.independence

    @property
    def labels(self) -> np.ndarray:
        """Label of every token, int32 of shape ``(*sample, n_tokens)``."""
        return np.broadcast_to(
            self.layout.labels, (*self.sample_shape, self.n_tokens)
        )

    @property
    def self_attention_mask(self) -> np.ndarray:
        """Declared mask, bool of shape ``(n_tokens, n_tokens)``.

        What the rules say and nothing else, so rows may be empty; attention
        wants :meth:`attention_mask`.
        """
        return declared_mask(self.root, self.layout.names)

    @property
    def padding_mask(self) -> Any:
        """True for real tokens, bool of shape ``(*sample, n_tokens)``."""
        if self.padding is None:
            return np.broadcast_to(True, (*self.sample_shape, self.n_tokens))
        return self.padding

    @property
    def value_mask(self) -> Any:
        """True for real values, bool of shape ``(*sample, n_tokens, width)``.

        False in the tokens that are padding, and in the columns that a key
        of fewer values leaves empty.
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
    ) -> Any:
        """Return the mask that attention consumes.

        Parameters
        ----------
        keys : Tokens or TokenView, optional
            The tokens attended to, with the same layout behind them. By
            default these tokens themselves, with the rules of
            self-attention; otherwise those of cross-attention act.
        both_ways : bool
            For cross-attention: whether a cross_local rule ``(a, b, dims)``
            also says which tokens of ``a`` those of ``b`` attend to, as it
            does in self-attention. By default it acts as written only.
        empty_rows : {'self', 'all', 'error'}
            What a token does that the rules and padding leave nothing to
            attend to. ``'self'``: it attends to itself or, if that is no
            real token among ``keys``, to every real one. ``'all'``: to every
            real one. ``'error'``: rules that leave a row empty are refused.

        Returns
        -------
        array of bool, shape (n_samples or 1, 1, n_query, n_key)
            For ``jax.nn.dot_product_attention``: declared rules and padding
            combined, no row empty. Sample axes are flattened to one; 1 if
            there is no padding.

        Raises
        ------
        ValueError
            If ``keys`` has another layout behind it or another number of
            samples, or ``empty_rows`` is ``'error'`` and a row is empty.

        Notes
        -----
        Works under ``jit`` and ``vmap``. A fully masked row would make the
        softmax attend to everything, silently.

        Examples
        --------
        >>> import numpy as np
        >>> from tfmpe import Tokens
        >>> tokens = Tokens.from_pytree(
        ...     {"obs": np.zeros((8, 2, 1))}, {"local": ["obs"]}
        ... )
        >>> tokens.self_attention_mask.astype(int)
        array([[0, 0],
               [0, 0]])
        >>> tokens.attention_mask().astype(int)
        array([[[[1, 0],
                 [0, 1]]]])
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
        """Return the pairs that the rules open, as small blocks.

        What :meth:`attention_mask` says where no token is padding, in memory
        proportional to the tokens and the open pairs instead of their
        square; :func:`tfmpe.nn.structured_attention` consumes it.

        Parameters
        ----------
        keys, both_ways, empty_rows
            As of :meth:`attention_mask`.

        Returns
        -------
        AttentionPlan
            Made once for a layout, however often it is asked for.

        Raises
        ------
        ValueError
            As :meth:`attention_mask`.

        Notes
        -----
        Static, so safe under ``jit``.

        Examples
        --------
        >>> import numpy as np
        >>> from tfmpe import Tokens
        >>> tokens = Tokens.from_pytree(
        ...     {"mu": np.zeros((8, 1, 1)), "theta": np.zeros((8, 50, 1))},
        ...     {"cross_local": [("theta", "theta", (0, 0))]},
        ... )
        >>> tokens.attention_plan()
        AttentionPlan(2 blocks, 151 of 51 x 51 pairs)
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

    def _check_same_root(self, other: "TokenQueries") -> None:
        if self.root != other.root:
            raise ValueError(
                "The two sets of tokens have different layouts behind them: "
                f"{self.root} and {other.root}. Select both from Tokens that "
                "were built with the same keys, shapes and rules."
            )

    def summary(self) -> str:
        """Return one screen to print: sizes, rules, padding, memory, warnings.

        Returns
        -------
        str
            Lines of at most 80 characters, about 40 of them at most. Of many
            keys or rules some are left out.

        Notes
        -----
        Works under ``jit`` and on trees of shapes, as ``jax.eval_shape``
        returns them: what needs values is left out then. No mask is built.

        Examples
        --------
        >>> import numpy as np
        >>> from tfmpe import Tokens
        >>> tokens = Tokens.from_pytree(
        ...     {"mu": np.zeros((8, 1, 1)), "obs": np.zeros((8, 3, 1))},
        ...     {"local": ["obs"]},
        ... )
        >>> print(tokens.summary())
        Tokens(samples (8,), 4 tokens of width 1, float32)
        <BLANKLINE>
          key  event  batch  tokens  share  inputs
          mu   (1,)   (1,)   1       25.0%  -
          obs  (3,)   (1,)   3       75.0%  -
        rules
          obs: its tokens do not see one another, nor themselves
        padding
          within tokens: none, every key fills the width
          tokens: none, all samples have the same size
        cost
          data 128 B
          declared mask 16 B, held once; one per sample would take 128 B
          attention on cpu: dense, 16 pairs of tokens
        """
        from tfmpe.preprocessing.show.summary import summarise

        return summarise(self)

    def __repr__(self) -> str:
        from tfmpe.preprocessing.show.text import describe

        return describe(self)

    def _repr_html_(self) -> str:
        from tfmpe.preprocessing.show.html import to_html

        return to_html(self)

    def __treescope_repr__(
        self, path: str | None, subtree_renderer: Any
    ) -> Any:
        """Draw the arrays, keys and rules; treescope calls this."""
        from tfmpe.preprocessing.show.html import to_treescope

        return to_treescope(self, path, subtree_renderer)
