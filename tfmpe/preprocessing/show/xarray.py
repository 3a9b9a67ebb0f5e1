"""Posterior draws as xarray datasets with named axes (extra ``xarray``)."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from jaxtyping import Bool

from tfmpe._base.arrays import broadcasts_to, flatten_samples
from tfmpe._base.errors import nearest, raise_faults
from tfmpe._base.extras import import_extra
from tfmpe._base.trees import Tree, flatten_tree
from tfmpe.preprocessing.layout.axis_names import (
    axis_names,
    checked_dims,
    kept_batch,
    without_slash,
)
from tfmpe.preprocessing.layout.layout import KeyLayout, TokenLayout
from tfmpe.preprocessing.tokens.decode import (
    decode_values,
    key_array,
    token_array,
)
from tfmpe.preprocessing.tokens.queries import TokenQueries

_SAMPLE_DIMS = ((), ("draw",), ("chain", "draw"))


def to_xarray(
    samples: Tree,
    layout: object,
    *,
    sample_dims: object = None,
    dims: object = None,
    coords: object = None,
) -> Any:
    """Return samples as a Dataset whose axes have names.

    Parameters
    ----------
    samples : nested dict of arrays, or array
        Arrays of some or all keys, each of shape ``(*sample, *event, *batch)``,
        as returned by ``decode``; or a token array of all keys,
        ``(*sample, n_tokens, width)``.
    layout : Tokens, TokenView or TokenLayout
        The layout of the samples.
    sample_dims : sequence of str, optional
        Names of the sample axes; by default ``("draw",)`` for one and
        ``("chain", "draw")`` for two.
    dims : mapping of str to sequence of str, optional
        Names of the other axes of some keys: the event axes, then the batch
        axes longer than 1. Axes that rules match get the same name.
    coords : mapping of str to sequence, optional
        Coordinates along named axes; 0, 1, … by default.

    Returns
    -------
    xarray.Dataset
        One variable per key; ``/`` in nested keys becomes ``.``. Event axes
        are named ``{key}_dim_{i}``, batch axes ``{key}_value_{i}``, and batch
        axes of size 1 are dropped. Axes that a cross_local rule matches have
        the name of the first key's axis, even if that key is not among the
        samples. Named axes keep their names, and the groups of a ragged key
        are a coordinate ``{key}_{dimension}``. Values are copies on the host.

    Raises
    ------
    ImportError
        If xarray is not installed.
    UnknownKeyError
        If a key is not in the layout.
    ValueError
        If shapes, the order of axes, numbers of names, or sizes along a shared
        axis do not match, or names clash.

    Notes
    -----
    Needs values, so it does not work under ``jit``. If ``layout`` is Tokens or
    a view, tokens that are padding become NaN, which ArviZ ignores. For ArviZ,
    wrap the dataset in ``xarray.DataTree.from_dict({"posterior": dataset})``.

    Examples
    --------
    >>> from tfmpe import Tokens
    >>> tokens = Tokens.from_pytree({"theta": np.zeros((8, 2, 1))}, {})
    >>> draws = {"theta": np.zeros((4, 100, 2, 1))}
    >>> to_xarray(draws, tokens, dims={"theta": ["site"]})["theta"].dims
    ('chain', 'draw', 'site')
    """
    xarray = import_extra("xarray", "xarray", "to_xarray needs xarray")
    own, root = _layouts(layout)
    values = _read_samples(samples, own)
    sample_ndims = _count_sample_axes(values, own)
    names = axis_names(root, {} if dims is None else dims)
    first = _sample_names(sample_dims, sample_ndims)
    real = _real_tokens(layout, next(iter(values.values())), sample_ndims)
    dims_of = {name: (*first, *names[name]) for name in values}
    groups = [
        (f"{without_slash(name)}_{group.name}", (names[name][0], group.ids))
        for name in values
        for group in own[name].groups
    ]
    _check_names(dims_of, [name for name, _ in groups])
    variables = {}
    for name, value in values.items():
        lead = value.shape[:sample_ndims]
        kept = (size for _, size in kept_batch(own[name]))
        array = value.reshape((*lead, *own[name].event_shape, *kept))
        if real is not None:
            array = _padding_as_nan(array, real, own[name])
        variables[without_slash(name)] = (dims_of[name], array)
    dataset = xarray.Dataset(variables)
    return dataset.assign_coords(
        _coordinates(coords, dict(dataset.sizes)) | dict(groups)
    )


def _layouts(layout: object) -> tuple[TokenLayout, TokenLayout]:
    """Return the layout of the samples, and the layout with all rules."""
    if isinstance(layout, TokenLayout):
        return layout, layout
    if isinstance(layout, TokenQueries):
        return layout.layout, layout.root
    raise TypeError(
        "layout must be Tokens, a TokenView or a TokenLayout, not "
        f"{type(layout).__name__}."
    )


def _real_tokens(
    layout: object, value: np.ndarray, sample_ndims: int
) -> Bool[np.ndarray, "*_ tokens"] | None:
    """Return which tokens of every sample are not padding; None for all."""
    padding = getattr(layout, "padding", None)
    if padding is None or not np.size(padding):
        return None
    real = np.asarray(padding)
    rows = flatten_samples(real, real.ndim - 1)
    if (rows == rows[0]).all():
        return np.asarray(rows[0])
    lead = value.shape[:sample_ndims]
    if not broadcasts_to(real.shape[:-1], lead):
        raise ValueError(
            f"The samples have the sample shape {lead}, which does not end "
            f"in the sample shape {real.shape[:-1]} of the padding, so it is "
            "not known which tokens are padding. Pass the Tokens of one data "
            "set, such as jax.tree.map(lambda leaf: leaf[0], tokens)."
        )
    return real


def _padding_as_nan(
    array: np.ndarray, real: Bool[np.ndarray, "*_ tokens"], key: KeyLayout
) -> np.ndarray:
    """Return values of a key with NaN in place of padding."""
    block = real[..., key.block]
    batch = kept_batch(key)
    mask = block.reshape(
        (*block.shape[:-1], *key.event_shape, *(1 for _ in batch))
    )
    if mask.all():
        return array
    dtype = np.result_type(array.dtype, np.float32)
    return np.where(mask, array, np.nan).astype(dtype)


def _read_samples(samples: Tree, layout: TokenLayout) -> dict[str, np.ndarray]:
    """Return a copy of the samples of every key on the host."""
    if isinstance(samples, Mapping):
        leaves = flatten_tree(samples, "samples")
        values = {
            key.name: key_array(leaf.value, key, repr(leaf.name))
            for leaf in leaves
            for key in [layout[leaf.name]]
        }
    else:
        flat = token_array(samples, "samples", layout.keys)
        decoded = decode_values(flat, layout.keys, tuple(flat.shape[:-2]))
        values = dict(zip(layout.names, decoded, strict=True))
    return {name: np.array(value) for name, value in values.items()}


def _count_sample_axes(
    values: Mapping[str, np.ndarray], layout: TokenLayout
) -> int:
    """Return the number of sample axes, after a check of all shapes."""
    faults, shapes = [], {}
    for name, value in values.items():
        inner = (*layout[name].event_shape, *layout[name].batch_shape)
        n = value.ndim - len(inner)
        if n < 0 or value.shape[n:] != inner:
            faults.append(
                f"{name!r} has shape {value.shape}, but must end in {inner} "
                "(event and batch axes)."
            )
        else:
            shapes[name] = value.shape[:n]
    if len(set(shapes.values())) > 1:
        faults.append(f"the keys have different sample shapes, {shapes}.")
    raise_faults(ValueError, "The samples do not fit the layout", faults)
    return max(map(len, shapes.values()), default=0)


def _sample_names(names: object, n: int) -> tuple[str, ...]:
    if names is None:
        if n < len(_SAMPLE_DIMS):
            return _SAMPLE_DIMS[n]
        raise ValueError(
            f"The samples have {n} sample axes. Name them with sample_dims=."
        )
    return checked_dims(names, "sample_dims", n, f"the {n} sample axes")


def _check_names(
    dims_of: Mapping[str, tuple[str, ...]], groups: Sequence[str]
) -> None:
    """Check that a name stands for one key, one axis or one group index."""
    used = [*map(without_slash, dims_of), *groups]
    used += dict.fromkeys(dim for dims in dims_of.values() for dim in dims)
    twice = {name for name in used if used.count(name) > 1}
    for dims in dims_of.values():
        twice |= {dim for dim in dims if dims.count(dim) > 1}
    if twice:
        raise ValueError(
            f"{sorted(twice)} would be names of several keys, axes or groups. "
            "Choose other names with dims= or sample_dims=, or rename a key."
        )


def _coordinates(coords: object, sizes: Mapping[str, int]) -> dict[str, Any]:
    """Return coordinates for every axis: the given ones or numbers."""
    coords = {} if coords is None else coords
    if not isinstance(coords, Mapping):
        raise TypeError(f"coords must be a mapping from axes, not {coords!r}.")
    faults = [
        f"{name!r} is not an axis; the axes are {list(sizes)}. "
        f"{nearest(name, sizes)}".rstrip()
        for name in coords
        if name not in sizes
    ]
    raise_faults(ValueError, "coords do not fit the axes", faults)
    return {name: np.arange(size) for name, size in sizes.items()} | dict(
        coords
    )
