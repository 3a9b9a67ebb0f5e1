"""The one object: token arrays together with their layout."""

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, SupportsIndex

import jax
import numpy as np

from tfmpe._base.arrays import owned
from tfmpe._base.atomic import write_atomically
from tfmpe._base.narrowing import check_castable
from tfmpe._base.trees import flatten_tree, unflatten_tree
from tfmpe.preprocessing.layout.layout import TokenLayout, checked_names
from tfmpe.preprocessing.masks.dense import declared_mask
from tfmpe.preprocessing.tokens.build import build_tokens
from tfmpe.preprocessing.tokens.decode import (
    check_room,
    check_token_count,
    decode_values,
    set_blocks,
    token_array,
    value_block,
)
from tfmpe.preprocessing.tokens.queries import TokenQueries

if TYPE_CHECKING:
    from tfmpe.preprocessing.tokens.views import TokenView


@jax.tree_util.register_pytree_with_keys_class
@dataclass(frozen=True, eq=False, repr=False)
class Tokens(TokenQueries):
    """Flattened values of a hierarchical model, and how to undo it.

    Build it with :meth:`from_pytree`; the constructor checks nothing.

    Attributes
    ----------
    data : Array, shape (*sample, n_tokens, width)
        Values, one token per row, padded on the right with -1e8.
    layout : TokenLayout
        Keys, shapes, labels and rules: static, hashable.
    functional_inputs : Array, shape (*sample, n_tokens, n_inputs), or None
        Times, places and the like of every token; rows of keys without any
        hold -1e8.
    padding : array of bool, shape (*sample, n_tokens), or None
        True for real tokens; None if all are. Read ``padding_mask`` instead.

    Notes
    -----
    A pytree whose leaves are the arrays, all with the sample axes first, and
    whose static part is the layout::

        Tokens
        ├── data               (*sample, n_tokens, width)
        ├── functional_inputs  (*sample, n_tokens, n_inputs) | None
        ├── padding            (*sample, n_tokens) | None
        └── (static) layout

    So ``jit``, ``vmap``, ``grad``, ``scan`` and
    ``jax.tree.map(lambda x: x[rows], tokens)`` work, and Tokens of equal
    layout and shapes share one compilation. Labels and masks follow from the
    layout and are never leaves.
    """

    data: Any
    layout: TokenLayout  # pyright: ignore[reportIncompatibleMethodOverride]
    functional_inputs: Any = None
    padding: Any = None

    @classmethod
    def from_pytree(
        cls,
        data: Any,
        independence: Any,
        functional_inputs: Any = None,
        sample_ndims: SupportsIndex = 1,
        batch_ndims: Any = None,
        *,
        event_shapes: Any = None,
        labels: Mapping[str, SupportsIndex] | None = None,
        dims: Any = None,
        groups: Any = None,
        positions: Any = None,
    ) -> "Tokens":
        """Flatten a tree of arrays to tokens.

        Parameters
        ----------
        data : nested dict of arrays, each of shape (*sample, *event, *batch)
            One array per key; keys keep the order in which they are written.
            Also a Dataset of xarray, or DataArrays, which name their axes:
            sample axes have the same names first in all of them, and labels
            along a dimension are the same in all of them. So have the other
            arguments, where they are DataArrays.
        independence : mapping or Independence
            Rules between keys: lists under ``'local'``, ``'cross'`` and
            ``'cross_local'``; ``{}`` for none. A cross_local rule may name
            a dimension, ``("theta", "obs", "site")``.
        functional_inputs : nested dict of arrays, optional
            Inputs of some or all keys, ``(*sample, *event, n_inputs)``; or
            without the sample axes, if all samples share them.
        sample_ndims : int
            Number of leading sample axes, 0 or more.
        batch_ndims : int or tree of int, optional
            Number of trailing axes inside one token, for all or for some
            keys; 1 where not given, 0 allowed.
        event_shapes : tree of arrays, optional
            True event shapes of some or all keys, ``(*sample, n_event_dims)``
            (or without the sample axes), where samples differ in size.
        labels : mapping of str to int, optional
            Integer of every key, so that separately built Tokens agree. By
            default the ranks of the sorted keys.
        dims : tree of sequences of str, optional
            Names of the event axes of some or all keys. A name has one size
            wherever it occurs.
        groups : tree of dict of int arrays, optional
            For ragged keys, ``{key: {dimension: ids}}``: which coordinate of
            a dimension each token of the key has, ``(n_tokens,)``, in any
            order. Such a key has one event axis. A dimension has the size of
            the axis of that name, or without one the largest id plus 1. For
            values of xarray also a DataArray, or the name of a coordinate,
            with labels of the dimension.
        positions : sequence of str, or tree of sequences of axes, optional
            Keys whose tokens are in order, such as a time series: their
            functional input becomes the index of each token, 0, 1, 2, …
            (float32), along each event axis; or along some axes, by number
            or name, as in ``{"obs": ["time"]}``. In a ragged key it counts
            within each group (or combination of groups).

        Returns
        -------
        Tokens
            With the dtype that jax gives to a concatenation of the arrays.

        Raises
        ------
        ValueError
            If arrays do not fit one another, values are masked or would
            become others in the dtypes of jax (64 bits in 32), a rule does
            not fit the shapes of its keys, functional inputs do not match
            the tokens, event shapes are not whole numbers up to those of the
            data, or names of dimensions, groups, positions or labels of
            DataArrays do not fit.
        IndependenceError
            If a rule is malformed.
        UnknownKeyError
            If a rule, or an optional argument, names a key not in ``data``.
        DynamicShapeError
            If a number of axes or a group index is traced.

        Warns
        -----
        PaddingWarning
            If tokens are more than twice as wide as the narrowest key needs.

        Notes
        -----
        Works under ``jit``, ``vmap`` and ``grad`` with respect to the arrays;
        rules, numbers of axes and groups are static. Legacy:
        ``flatten_structured``.

        Examples
        --------
        >>> import jax.numpy as jnp
        >>> tokens = Tokens.from_pytree(
        ...     {"mu": jnp.zeros((8, 1, 1)), "obs": jnp.ones((8, 3, 1))},
        ...     independence={"local": ["obs"]},
        ... )
        >>> tokens.data.shape, tokens.key_order
        ((8, 4, 1), ['mu', 'obs'])

        Five houses in three counties, each token of a county and its houses
        seeing one another:

        >>> tokens = Tokens.from_pytree(
        ...     {"theta": jnp.zeros((8, 3, 1)), "obs": jnp.ones((8, 5, 1))},
        ...     independence={"cross_local": [("theta", "obs", "county")]},
        ...     dims={"theta": ["county"]},
        ...     groups={"obs": {"county": [0, 0, 2, 1, 2]}},
        ... )
        >>> tokens.cross_attention_mask(["theta"], ["obs"]).astype(int)
        array([[1, 1, 0, 0, 0],
               [0, 0, 0, 1, 0],
               [0, 0, 1, 0, 1]])
        """
        return cls(
            *build_tokens(
                data,
                independence,
                functional_inputs,
                sample_ndims,
                batch_ndims,
                event_shapes,
                labels,
                dims,
                groups,
                positions,
            )
        )

    @property
    def root(self) -> TokenLayout:
        """The layout itself; that of the parent for a view."""
        return self.layout

    def select_tokens(self, keys: Iterable[str]) -> "TokenView":
        """Return a view of some keys, in the order asked for.

        Parameters
        ----------
        keys : sequence of str
            Nested keys are joined with ``/``.

        Returns
        -------
        TokenView
            Nothing is copied until one of its arrays is read.

        Raises
        ------
        UnknownKeyError
            If a key does not exist.
        TypeError, ValueError
            If ``keys`` is a bare string, or names a key twice.

        Examples
        --------
        >>> tokens = Tokens.from_pytree(
        ...     {"mu": np.zeros((8, 1, 1)), "obs": np.ones((8, 3, 1))}, {}
        ... )
        >>> tokens.select_tokens(["obs", "mu"]).data[0, :, 0].tolist()
        [1.0, 1.0, 1.0, 0.0]
        """
        from tfmpe.preprocessing.tokens.views import TokenView

        return TokenView(self, self.layout.select(keys).names)

    def cross_attention_mask(
        self, query_keys: Iterable[str], key_keys: Iterable[str]
    ) -> np.ndarray:
        """Return the declared mask between two sets of tokens.

        Parameters
        ----------
        query_keys : sequence of str
            Keys whose tokens attend, in row order.
        key_keys : sequence of str
            Keys whose tokens are attended to, in column order.

        Returns
        -------
        ndarray of bool, shape (n_query, n_key)
            True where the query token may attend.

        Raises
        ------
        UnknownKeyError
            If a key does not exist.

        Notes
        -----
        Static, so safe under ``jit``. ``local`` rules do not act; the others
        act only as written, first key among the queries. Legacy:
        ``build_cross_attention_mask``.
        """
        return declared_mask(
            self.layout, checked_names(query_keys), checked_names(key_keys)
        )

    def with_values(self, /, **key_values: Any) -> "Tokens":
        """Return Tokens with the values of some keys replaced.

        Parameters
        ----------
        **key_values : array or nested dict of arrays
            New values, ``(*sample, *event, *batch)``; or without the sample
            axes, for the same values in every sample. Nested keys are given
            as dictionaries, or as ``**{'site/obs': value}``.

        Returns
        -------
        Tokens
            With the same layout object, so nothing compiles anew.

        Raises
        ------
        UnknownKeyError
            If a key does not exist.
        ValueError
            If a value has another shape than its key, or is a DataArray
            whose axes the names in the layout do not put in order.
        TypeError
            If its dtype does not fit into that of the tokens.

        Notes
        -----
        Works under ``jit``, ``vmap`` and ``grad``.

        Examples
        --------
        >>> tokens = Tokens.from_pytree(
        ...     {"mu": np.zeros((2, 1, 1)), "obs": np.ones((2, 3, 1))}, {}
        ... )
        >>> tokens.with_values(mu=np.full((1, 1), 5.0)).data[0, :, 0].tolist()
        [5.0, 1.0, 1.0, 1.0]
        """
        leaves = flatten_tree(key_values, "with_values")
        keys = [self.layout[leaf.name] for leaf in leaves]
        changes = [
            (key.block, value_block(leaf.value, key, self.sample_shape))
            for leaf, key in zip(leaves, keys, strict=True)
        ]
        for key, (_, block) in zip(keys, changes, strict=True):
            what = f"The new value of {key.name!r}"
            check_castable(block, self.data.dtype, what)
        return replace(self, data=set_blocks(self.data, changes))

    def with_data(self, data: Any) -> "Tokens":
        """Return Tokens with the whole token array replaced.

        Parameters
        ----------
        data : array, shape (*sample, n_tokens, width)
            New tokens for the same samples.

        Returns
        -------
        Tokens
            With the same layout object, so nothing compiles anew.

        Raises
        ------
        ValueError
            If the shape differs from that of the present array, or it is a
            DataArray, whose axes nothing can be compared with.
        TypeError
            If the dtype does not fit into that of the tokens.
        """
        data = token_array(data, "data")
        if tuple(data.shape) != tuple(self.data.shape):
            raise ValueError(
                f"data has shape {tuple(data.shape)}, expected "
                f"{tuple(self.data.shape)} (sample axes, tokens, width)."
            )
        check_castable(data, self.data.dtype, "data")
        return replace(self, data=owned(data).astype(self.data.dtype))

    def decode(self, flat_array: Any = None) -> dict[str, Any]:
        """Rebuild the tree of arrays.

        Parameters
        ----------
        flat_array : array, shape (*sample, n_tokens, width), optional
            Another array with these tokens, such as samples of a model; its
            sample shape may be any. By default ``data``.

        Returns
        -------
        nested dict of arrays, each of shape (*sample, *event, *batch)
            Views for NumPy input, else jax arrays.

        Raises
        ------
        ValueError
            If the array has another number of tokens, or is a DataArray.

        Notes
        -----
        Works under ``jit``, ``vmap`` and ``grad``. Legacy: ``decode_theta``.
        """
        return self.decode_keys(
            self.data if flat_array is None else flat_array, self.layout.names
        )

    def decode_keys(
        self, flat_array: Any, keys: Iterable[str]
    ) -> dict[str, Any]:
        """Rebuild some keys from a token array.

        Parameters
        ----------
        flat_array : array, shape (*sample, n, width)
            With all tokens of this object in their order or, told by their
            number, with those of ``keys`` only, in the order of ``keys``.
        keys : sequence of str
            The keys to rebuild, in the order wanted.

        Returns
        -------
        nested dict of arrays, each of shape (*sample, *event, *batch)

        Raises
        ------
        ValueError
            If the array has neither number of tokens.
        UnknownKeyError
            If a key does not exist.
        """
        selected = self.layout.select(keys)
        flat = token_array(flat_array, "flat_array")
        entries = tuple(self.layout[name] for name in selected.names)
        if flat.ndim > 1 and flat.shape[-2] == selected.n_tokens:
            if selected.n_tokens != self.n_tokens:
                entries = selected.keys
        else:
            check_token_count(flat, self.n_tokens)
        check_room(flat, entries)
        return unflatten_tree(
            [key.path for key in entries],
            decode_values(flat, entries, tuple(flat.shape[:-2])),
        )

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write these Tokens to a safetensors file.

        Parameters
        ----------
        path : path
            The file; one that exists is replaced. The name is taken as it is.

        Raises
        ------
        StorageError
            If the arrays do not fit the layout.
        ImportError
            If safetensors is not installed (extra ``data``).

        Notes
        -----
        Not under ``jit``. Written atomically: whenever the process or the
        machine stops, the file is the old or the new one, never half of it;
        a hidden ``.NAME.*.tmp`` may be left beside it, which can be deleted.
        Other tools read the arrays too, but those of a dtype that not all of
        them know, such as bfloat16 and complex, as bytes.

        Examples
        --------
        >>> import tempfile
        >>> tokens = Tokens.from_pytree({"mu": np.zeros((8, 1, 1))}, {})
        >>> path = tempfile.mkdtemp() + "/tokens.safetensors"
        >>> tokens.save(path)
        >>> Tokens.load(path).layout == tokens.layout
        True
        """
        from tfmpe.preprocessing.storage.files import encode_tokens

        content, _ = encode_tokens(self)
        write_atomically(Path(path), content)

    @classmethod
    def load(
        cls, path: str | os.PathLike[str], *, numpy: bool = False
    ) -> "Tokens":
        """Read Tokens from a file that :meth:`save` has written.

        Parameters
        ----------
        path : path
            The file.
        numpy : bool
            Whether to return NumPy arrays instead of jax arrays.

        Returns
        -------
        Tokens
            With the same bits and an equal layout, so nothing compiles anew.

        Raises
        ------
        FileNotFoundError
            If there is no file.
        StorageError
            If it is not such a file, damaged in whatever way, or of a newer
            version. No code from the file is ever run.
        TypeError
            If jax would narrow a dtype, and ``numpy`` is False.
        ImportError
            If safetensors is not installed (extra ``data``).

        Notes
        -----
        Not under ``jit``.
        """
        from tfmpe.preprocessing.storage.files import read_tokens

        return cls(*read_tokens(Path(path), numpy))

    def tree_flatten_with_keys(self) -> tuple[tuple[Any, ...], TokenLayout]:
        """Split into array leaves and the static layout."""
        names = ("data", "functional_inputs", "padding")
        return tuple(
            (jax.tree_util.GetAttrKey(name), getattr(self, name))
            for name in names
        ), self.layout

    @classmethod
    def tree_unflatten(
        cls, layout: TokenLayout, children: Iterable[Any]
    ) -> "Tokens":
        """Rebuild from leaves, whatever they are; checks nothing."""
        data, functional_inputs, padding = children
        tokens = object.__new__(cls)
        object.__setattr__(tokens, "data", data)
        object.__setattr__(tokens, "layout", layout)
        object.__setattr__(tokens, "functional_inputs", functional_inputs)
        object.__setattr__(tokens, "padding", padding)
        return tokens
