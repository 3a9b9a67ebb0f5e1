"""Token array of several keys, made from one array per key."""

from collections.abc import Mapping, Sequence
from typing import Any, SupportsFloat, SupportsIndex

import jax.numpy as jnp
from jaxtyping import Array, Shaped

from tfmpe._base.arrays import (
    AnyArray,
    as_array,
    common_dtype,
    concatenate,
    empty,
    fill_value,
    hand_over,
    on_host,
    quiet_casts,
    readable,
)
from tfmpe._base.callers import warn_at_caller
from tfmpe._base.errors import PaddingWarning, raise_faults
from tfmpe._base.narrowing import check_joined
from tfmpe._base.static import static_int
from tfmpe._base.trees import (
    SEPARATOR,
    Leaf,
    Tree,
    flatten_tree,
    lookup_per_key,
)
from tfmpe.preprocessing.layout.layout import (
    KeyLayout,
    packed,
    rank_labels,
    slices_of,
)
from tfmpe.preprocessing.layout.naming import name_dimensions


def read_data(
    data: Tree,
    sample_ndims: SupportsIndex,
    batch_ndims: Tree,
    dims: Tree,
    groups: Tree,
) -> tuple[tuple[KeyLayout, ...], list[AnyArray], tuple[int, ...]]:
    """Read a tree of arrays: keys, values, and their common sample shape."""
    n_lead = static_int(sample_ndims, "sample_ndims")
    leaves = flatten_tree(data, "data")
    if not leaves:
        raise ValueError("data holds no arrays; pass at least one key.")
    slashed = [
        leaf.name for leaf in leaves if any(SEPARATOR in p for p in leaf.path)
    ]
    if slashed:
        raise ValueError(
            f"The keys {slashed} contain {SEPARATOR!r}, which joins the names "
            "of nested keys. Rename or nest them."
        )
    names = [leaf.name for leaf in leaves]
    trailing = lookup_per_key(
        batch_ndims, names, "batch_ndims", 1, static_int, one_for_all=True
    )
    values = [as_array(leaf.value, f"data[{leaf.name!r}]") for leaf in leaves]
    called = (f"data[{name!r}]" for name in names)
    check_joined(dict(zip(called, values, strict=True)))
    _check_axes(leaves, values, n_lead, trailing)
    labels = rank_labels(names)
    keys = packed(
        KeyLayout(
            leaf.name,
            leaf.path,
            0,
            tuple(value.shape[n_lead : value.ndim - trailing[leaf.name]]),
            tuple(value.shape[value.ndim - trailing[leaf.name] :]),
            labels[leaf.name],
        )
        for leaf, value in zip(leaves, values, strict=True)
    )
    given = [leaf.value for leaf in leaves]
    named = name_dimensions(tuple(keys), given, dims, groups, n_lead)
    return named, values, tuple(values[0].shape[:n_lead])


def _check_axes(
    leaves: Sequence[Leaf],
    values: Sequence[AnyArray],
    sample_ndims: int,
    trailing: Mapping[str, int],
) -> None:
    negative = {name: n for name, n in trailing.items() if n < 0}
    if sample_ndims < 0 or negative:
        raise ValueError(
            "Numbers of axes cannot be negative, but sample_ndims is "
            f"{sample_ndims} and batch_ndims has {negative}."
        )
    faults = [
        f"{leaf.name!r} has shape {value.shape}, fewer axes than its "
        f"{sample_ndims} sample and {trailing[leaf.name]} batch axes"
        for leaf, value in zip(leaves, values, strict=True)
        if value.ndim < sample_ndims + trailing[leaf.name]
    ]
    raise_faults(ValueError, "Arrays have too few axes", faults)
    shapes = {
        leaf.name: tuple(value.shape[:sample_ndims])
        for leaf, value in zip(leaves, values, strict=True)
    }
    if len(set(shapes.values())) > 1:
        raise ValueError(
            f"The sample shapes (the first {sample_ndims} axes) of the keys "
            f"differ: {shapes}. Repeat or broadcast the smaller ones."
        )


def check_width(keys: Sequence[KeyLayout], width: int) -> None:
    """Check the width of tokens, and warn if most of it is padding."""
    faults = [
        f"{key.name!r} holds {key.width} values in a token"
        for key in keys
        if key.width > width
    ]
    raise_faults(ValueError, f"max_batch_size {width} is too small", faults)
    smallest = min((key.width for key in keys if key.width), default=width)
    if width > 2 * smallest:
        warn_at_caller(
            PaddingWarning(
                f"Warning: Batch size padding ratio is "
                f"{width / smallest:.1f}x, consider restructuring data"
            )
        )


def flatten_values(
    values: Sequence[AnyArray],
    keys: Sequence[KeyLayout],
    sample_shape: tuple[int, ...],
    width: int,
    pad_value: SupportsFloat | AnyArray,
) -> Shaped[Array, "*sample tokens width"]:
    """Return the values of all keys as tokens, one key after the other."""
    blocks = [
        readable(value).reshape((*sample_shape, key.n_tokens, key.width))
        for key, value in zip(keys, values, strict=True)
    ]
    return lay_out(blocks, width, pad_value)


def lay_out(
    blocks: Sequence[Shaped[AnyArray, "*sample _ _"]],
    width: int,
    pad_value: SupportsFloat | AnyArray,
) -> Shaped[Array, "*sample tokens width"]:
    """Join blocks, each right-padded with ``pad_value`` in its own dtype."""
    if not on_host([*blocks, pad_value]):
        ready = []
        for block in blocks:
            pad = [(0, 0)] * (block.ndim - 1) + [(0, width - block.shape[-1])]
            ready.append(jnp.pad(block, pad, constant_values=pad_value))
        return concatenate(ready, -2)
    n_tokens = sum(block.shape[-2] for block in blocks)
    shape = (*blocks[0].shape[:-2], n_tokens, width)
    flat, start = empty(shape, common_dtype(blocks)), 0
    with quiet_casts():
        for block in blocks:
            n, columns = block.shape[-2:]
            rows = flat[..., start : start + n, :]
            rows[..., :columns] = block
            if columns < width:
                fill = fill_value(pad_value, common_dtype([block]))
                rows[..., columns:] = fill
            start += n
    return hand_over(flat)


def flatten_pytree(
    data: Tree,
    sample_ndims: SupportsIndex,
    batch_ndims: Tree,
    pad_value: SupportsFloat,
    max_batch_size: SupportsIndex | None,
    *,
    dims: Tree = None,
    groups: Tree = None,
) -> tuple[Shaped[Array, "*sample tokens width"], dict[str, dict[str, Any]]]:
    """Flatten a tree of arrays to one token array.

    Parameters
    ----------
    data, sample_ndims, batch_ndims, dims, groups
        See :meth:`Tokens.from_pytree`.
    pad_value : float
        Fills tokens that hold fewer values than ``max_batch_size``.
    max_batch_size : int or None
        Width of a token; None for the width of the widest key.

    Returns
    -------
    flat : Array
        The tokens of all keys, one key after the other, row-major.
    slices : dict
        ``{key: {'offset', 'event_shape', 'batch_shape'}}``; nested keys are
        joined with ``/``. Entries also have ``'dims'`` and ``'groups'`` if the
        key has them.

    Raises
    ------
    ValueError, DynamicShapeError
        See :meth:`Tokens.from_pytree`; also if ``max_batch_size`` is too small
        or traced.

    Warns
    -----
    PaddingWarning
        If the width is more than twice that of the narrowest key.

    Notes
    -----
    Works under ``jit``, ``vmap`` and ``grad`` with respect to the values.
    Legacy: ``flatten_blocks``.

    Examples
    --------
    >>> import numpy as np
    >>> from tfmpe import decode_pytree, update_flat_array
    >>> data = {"mu": np.ones((4, 1, 1)), "obs": np.ones((4, 3, 1))}
    >>> flat, slices = flatten_pytree(data, 1, None, -1e8, 1)
    >>> flat.shape, slices["obs"]["offset"]
    ((4, 4, 1), 1)
    >>> decode_pytree(flat, slices, (4,), ["obs"])["obs"].shape
    (4, 3, 1)
    >>> new = update_flat_array(flat, slices, "mu", np.zeros((1, 1)))
    >>> new[0, :, 0].tolist()
    [0.0, 1.0, 1.0, 1.0]
    """
    keys, values, sample_shape = read_data(
        data, sample_ndims, batch_ndims, dims=dims, groups=groups
    )
    width = (
        max(key.width for key in keys)
        if max_batch_size is None
        else static_int(max_batch_size, "max_batch_size")
    )
    check_width(keys, width)
    flat = flatten_values(values, keys, sample_shape, width, float(pad_value))
    return flat, slices_of(keys)
