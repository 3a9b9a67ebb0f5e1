"""Tokens: the token array of a hierarchical model with its layout."""
# Fields of Tokens are properties of its base class and of views.
# pyright: reportIncompatibleMethodOverride=false

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, SupportsIndex, TypeAlias, overload

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Int, Shaped

from tfmpe._base.arrays import (
    PAD_VALUE,
    AnyArray,
    broadcasts_to,
    hand_over,
    on_host,
    owned,
    strong,
    take_rows,
)
from tfmpe._base.atomic import write_atomically
from tfmpe._base.pytree import pytree
from tfmpe._base.trees import Tree, flatten_tree
from tfmpe.preprocessing.layout.independence import Independence
from tfmpe.preprocessing.layout.labelled import check_alignment, sample_names
from tfmpe.preprocessing.layout.layout import (
    TokenLayout,
    checked_names,
    merge_labels,
)
from tfmpe.preprocessing.layout.rules import check_rules
from tfmpe.preprocessing.masks.dense import declared_mask
from tfmpe.preprocessing.masks.padding import padding_mask, read_event_sizes

from .decode import (
    check_token_count,
    decode_tree,
    decode_values,
    replace_values,
    token_array,
)
from .flatten import check_width, flatten_values, read_data
from .functional_inputs import (
    inputs_sample_shape,
    lay_out_inputs,
    read_functional_inputs,
)
from .positions import with_positions
from .queries import TokenQueries

if TYPE_CHECKING:
    from .views import TokenView

Rows: TypeAlias = (
    int
    | np.integer
    | slice
    | Sequence[int]
    | Int[AnyArray, "*rows"]
    | Bool[AnyArray, " sample"]
)


@pytree("data", "functional_inputs", "padding")
@dataclass(frozen=True, eq=False, repr=False)
class Tokens(TokenQueries):
    """Flattened values of a hierarchical model, with their layout.

    Build it with :meth:`from_pytree`; the constructor checks nothing.

    Attributes
    ----------
    data : Array, shape (*sample, n_tokens, width)
        Values, one token per row, padded on the right with -1e8.
    layout : TokenLayout
        Keys, shapes, labels and rules; static and hashable.
    functional_inputs : Array, shape (*sample, n_tokens, n_inputs), or None
        Inputs of every token, such as its time or place; rows of keys without
        inputs hold -1e8.
    padding : array of bool, shape (*sample, n_tokens), or None
        False for padding; None if there is none. Use ``padding_mask`` instead.
    root_layout : TokenLayout or None
        The layout that the keys were selected from, if masks must follow rules
        on other keys too; else None. It is neither stored nor joined.

    Notes
    -----
    A pytree. Its leaves are the arrays, all with the sample axes first; its
    static part consists of the layouts::

        Tokens
        ├── data               (*sample, n_tokens, width)
        ├── functional_inputs  (*sample, n_tokens, n_inputs) | None
        ├── padding            (*sample, n_tokens) | None
        └── (static) layout, root_layout

    So ``jit``, ``vmap``, ``grad``, ``scan`` and
    ``jax.tree.map(lambda x: x[rows], tokens)`` work, and Tokens of equal
    layout and shapes share one compilation. Labels and masks follow from the
    layout and are never leaves.
    """

    data: Shaped[AnyArray, "*sample tokens width"]
    layout: TokenLayout
    functional_inputs: Shaped[AnyArray, "*sample tokens inputs"] | None = None
    padding: Bool[AnyArray, "*sample tokens"] | None = None
    root_layout: TokenLayout | None = None

    @classmethod
    def from_pytree(
        cls,
        data: Tree,
        independence: object,
        functional_inputs: Tree = None,
        sample_ndims: SupportsIndex = 1,
        batch_ndims: Tree = None,
        *,
        event_shapes: Tree = None,
        labels: Mapping[str, SupportsIndex] | None = None,
        dims: Tree = None,
        groups: Tree = None,
        positions: Tree = None,
    ) -> "Tokens":
        """Flatten a tree of arrays to tokens.

        Parameters
        ----------
        data : nested dict of arrays, each of shape (*sample, *event, *batch)
            One array per key; keys keep the order in which they are written.
            Or an xarray Dataset or DataArrays, also allowed in the other
            arguments. In all of them sample axes must come first and have the
            same names, and coordinates along a dimension must be equal.
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
            keys; 1 by default, and 0 is allowed.
        event_shapes : tree of arrays, optional
            True event shapes of some or all keys, ``(*sample, n_event_dims)``
            (or without the sample axes), if samples differ in size.
        labels : mapping of str to int, optional
            Integer of every key, so that separately built Tokens agree. By
            default the positions of the keys in sorted order.
        dims : tree of sequences of str, optional
            Names of the event axes of some or all keys. A name must have one
            size wherever it occurs.
        groups : tree of dict of int arrays, optional
            For ragged keys, with one event axis, ``{key: {dimension: ids}}``:
            the coordinate of each token along a dimension, ``(n_tokens,)``, in
            any order. The size of a dimension is that of the axis with its
            name or, if there is none, the largest id plus 1. For xarray values,
            also a DataArray of labels, or the name of a coordinate.
        positions : sequence of str, or tree of sequences of axes, optional
            Keys whose tokens are in order, such as a time series: their
            functional input becomes the index of each token, 0, 1, 2, …
            (float32), along each event axis; or along some axes, by number
            or name, as in ``{"obs": ["time"]}``. In a ragged key the index
            restarts in each group (or combination of groups).

        Returns
        -------
        Tokens
            With the dtype that JAX gives to a concatenation of the arrays.

        Raises
        ------
        ValueError
            If arrays do not match one another, values are masked or would
            change when JAX narrows 64 bits to 32, or a rule or an optional
            argument does not match the shapes or names of the data.
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
        """
        keys, values, sample_shape = read_data(
            data, sample_ndims, batch_ndims, dims=dims, groups=groups
        )
        samples = sample_names(data, len(sample_shape))
        check_alignment(
            data=data,
            functional_inputs=functional_inputs,
            event_shapes=event_shapes,
            groups=groups,
        )
        functional_inputs = with_positions(functional_inputs, positions, keys)
        names = [key.name for key in keys]
        given_labels = merge_labels(names, labels)
        inputs = (
            {}
            if functional_inputs is None
            else read_functional_inputs(functional_inputs, keys, samples)
        )
        layout = TokenLayout(
            tuple(
                key._replace(
                    label=given_labels[key.name],
                    n_inputs=inputs[key.name].shape[-1]
                    if key.name in inputs
                    else None,
                )
                for key in keys
            ),
            Independence.parse(independence),
        )
        check_rules(layout)
        check_width(layout.keys, layout.width)
        rows = None
        if inputs:
            if inputs_sample_shape(inputs, sample_shape) != sample_shape:
                raise ValueError(
                    "The functional inputs have more samples than the data, "
                    f"whose sample shape is {sample_shape}. Pass each input "
                    "once, or once per sample."
                )
            rows = strong(lay_out_inputs(inputs, keys, sample_shape, PAD_VALUE))
        real = None
        if sizes := read_event_sizes(event_shapes, layout.keys, samples):
            real = _spread(padding_mask(layout.keys, sizes), sample_shape)
        flat = strong(
            flatten_values(
                values, layout.keys, sample_shape, layout.width, PAD_VALUE
            )
        )
        return cls(flat, layout, rows, real)

    @property
    def root(self) -> TokenLayout:
        """The layout that the keys were selected from, or ``layout``."""
        return self.root_layout or self.layout

    def __len__(self) -> int:
        """Return the size of the first sample axis.

        Raises
        ------
        TypeError
            If there is no sample axis.
        """
        if not self.sample_shape:
            raise TypeError("Tokens without a sample axis have no length.")
        return self.sample_shape[0]

    @overload
    def __getitem__(self, index: Rows) -> "Tokens": ...
    @overload
    def __getitem__(self, index: str) -> Shaped[AnyArray, "*shape"]: ...
    def __getitem__(
        self, index: Rows | str
    ) -> "Tokens | Shaped[AnyArray, '*shape']":
        """Return some simulations, or the values of a key.

        Parameters
        ----------
        index
            An index of the first sample axis, which an integer removes; or a
            key, for its array ``(*sample, *event, *batch)``.

        Raises
        ------
        IndexError, TypeError
            If the index is out of range, or there is no sample axis.
        UnknownKeyError
            If the key does not exist.

        Notes
        -----
        In host memory nothing is compiled.

        Examples
        --------
        >>> tokens = Tokens.from_pytree({"mu": np.zeros((10, 3, 1))}, {})
        >>> tokens[0].data.shape, tokens[:4].data.shape, len(tokens)
        ((3, 1), (4, 3, 1), 10)
        >>> tokens["mu"].shape
        (10, 3, 1)
        """
        if isinstance(index, str):
            key = self.layout[index]
            return decode_values(self.data, [key], self.sample_shape)[0]
        n = len(self)
        if isinstance(index, slice):
            index = np.arange(n)[index]
        elif isinstance(index, int | np.integer) and not -n <= index < n:
            raise IndexError(
                f"There is no simulation {index}: the Tokens have {n}."
            )
        elif isinstance(index, Sequence):
            index = np.asarray(index, None if index else int)
        return take_rows(self, index)

    def keys(self) -> tuple[str, ...]:
        """Return the names of all keys; ``dict(tokens)`` has their arrays."""
        return self.layout.names

    def __array__(self, *_: object, **__: object) -> np.ndarray:
        # Without this method NumPy returns an array of objects.
        raise TypeError(
            f"Tokens of {list(self.keys())} are not one array. Use "
            "tokens[name] for the values of a key, or tokens.data for all."
        )

    def __contains__(self, key: object) -> bool:
        """Return whether a key exists."""
        return key in self.layout.names

    def __iter__(self) -> Iterator["Tokens"]:
        """Yield one simulation after the other."""
        return (self[i] for i in range(len(self)))

    def __bool__(self) -> bool:
        """Return True, even for Tokens without simulations."""
        return True

    def select_tokens(self, keys: Iterable[str]) -> "TokenView":
        """Return a view of some keys, in the given order.

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
        UnknownKeyError, TypeError, ValueError
            If a key does not exist, ``keys`` is a bare string, or a key is
            named twice.
        """
        from .views import TokenView

        return TokenView(self, self.layout.select(keys).names)

    def cross_attention_mask(
        self, query_keys: Iterable[str], key_keys: Iterable[str]
    ) -> Bool[np.ndarray, "queries keys"]:
        """Return the declared mask between two sets of tokens.

        Parameters
        ----------
        query_keys, key_keys : sequence of str
            Keys whose tokens attend (rows) and keys whose tokens are attended
            to (columns), in the given order.

        Returns
        -------
        ndarray of bool
            True where the query token may attend.

        Raises
        ------
        UnknownKeyError
            If a key does not exist.

        Notes
        -----
        Static, so safe under ``jit``. ``local`` rules do not apply; other rules
        apply only if their first key is among the queries. Legacy:
        ``build_cross_attention_mask``.
        """
        return declared_mask(
            self.layout, checked_names(query_keys), checked_names(key_keys)
        )

    def with_values(self, /, **key_values: Tree) -> "Tokens":
        """Return Tokens with the values of some keys replaced.

        Parameters
        ----------
        **key_values : array or nested dict of arrays
            New values, ``(*sample, *event, *batch)``; without the sample axes,
            every sample gets the same values. Nested keys are given as
            dictionaries, or as ``**{'site/obs': value}``.

        Returns
        -------
        Tokens
            With the same layout object, so nothing is compiled again.

        Raises
        ------
        UnknownKeyError
            If a key does not exist.
        ValueError, TypeError
            If a value differs from its key in shape or order of axes, or its
            dtype does not fit into the dtype of the tokens.

        Notes
        -----
        Works under ``jit``, ``vmap`` and ``grad``.

        Examples
        --------
        >>> tokens = Tokens.from_pytree({"mu": np.zeros((2, 3, 1))}, {})
        >>> tokens.with_values(mu=np.full((3, 1), 5.0)).data[0, :, 0].tolist()
        [5.0, 5.0, 5.0]
        """
        leaves = flatten_tree(key_values, "with_values")
        keys = [self.layout[leaf.name] for leaf in leaves]
        values = [leaf.value for leaf in leaves]
        return replace(self, data=replace_values(self.data, keys, values))

    def with_data(self, data: object) -> "Tokens":
        """Return Tokens with the whole token array replaced.

        Parameters
        ----------
        data : array, shape (*sample, n_tokens, width)
            New tokens for the same samples.

        Returns
        -------
        Tokens
            With the same layout object, so nothing is compiled again.

        Raises
        ------
        ValueError, TypeError
            If ``data`` has a different shape than the current array, a dtype
            that does not fit, or is a DataArray, whose axes cannot be checked.

        Notes
        -----
        Works under ``jit``, ``vmap`` and ``grad``.
        """
        new = owned(self._same_tokens(data))
        return replace(self, data=new.astype(self.data.dtype))

    def decode_keys(
        self, flat_array: object, keys: Iterable[str]
    ) -> dict[str, Any]:
        """Rebuild some keys from a token array.

        Parameters
        ----------
        flat_array : array, shape (*sample, n, width)
            With all tokens of this object, or only the tokens of ``keys`` in
            this order; the number of tokens determines which.
        keys : sequence of str
            The keys to rebuild, in this order.

        Returns
        -------
        nested dict of arrays, each of shape (*sample, *event, *batch)

        Raises
        ------
        UnknownKeyError, ValueError
            If a key does not exist, or the array has another number of tokens.
        """
        selected = self.layout.select(keys)
        flat = token_array(flat_array, "flat_array")
        entries = tuple(self.layout[name] for name in selected.names)
        if flat.ndim > 1 and flat.shape[-2] == selected.n_tokens:
            if selected.n_tokens != self.n_tokens:
                entries = selected.keys
        else:
            check_token_count(flat, self.n_tokens)
        return decode_tree(flat, entries)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write these Tokens to a safetensors file.

        Parameters
        ----------
        path : path
            The file, with its full name; an existing file is replaced.

        Raises
        ------
        StorageError
            If the arrays do not fit the layout.
        ImportError
            If safetensors is not installed (extra ``data``).

        Notes
        -----
        Does not work under ``jit``. The file is written atomically: if the
        process or the machine stops, it is the old or the new file. Other tools
        can also read the arrays; dtypes that not all of them know, such as
        bfloat16 and complex, are stored as bytes.

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
            Whether to return NumPy arrays instead of JAX arrays.

        Returns
        -------
        Tokens
            With the same bits and an equal layout, so nothing is compiled
            again.

        Raises
        ------
        FileNotFoundError, StorageError
            If there is no file, or it is not a token file, is damaged, or is
            of a newer version. No code from the file is ever run.
        TypeError
            If JAX would narrow a dtype, and ``numpy`` is False.
        ImportError
            See :meth:`save`.

        Notes
        -----
        Does not work under ``jit``.
        """
        from tfmpe.preprocessing.storage.files import read_tokens

        return cls(*read_tokens(Path(path), numpy))


def _spread(
    real: Bool[AnyArray, "*_ tokens"], sample_shape: tuple[int, ...]
) -> Bool[Array, "*sample tokens"]:
    """Broadcast a padding mask to the samples of the data."""
    full = (*sample_shape, real.shape[-1])
    if not broadcasts_to(real.shape, full):
        raise ValueError(
            f"event_shapes have the sample shape {tuple(real.shape[:-1])}, "
            f"but the data have {sample_shape}. Pass sizes once, or once "
            "per sample."
        )
    if on_host([real]):
        return hand_over(np.broadcast_to(real, full))
    return jnp.broadcast_to(real, full)
