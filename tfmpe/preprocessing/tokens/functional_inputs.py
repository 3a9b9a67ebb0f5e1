"""Functional inputs: the times or places of each token's values."""

from collections.abc import Mapping, Sequence
from typing import Any, SupportsFloat, SupportsIndex

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Shaped

from tfmpe._base.arrays import (
    PAD_VALUE,
    AnyArray,
    as_array,
    common_dtype,
    on_host,
    readable,
)
from tfmpe._base.narrowing import check_joined
from tfmpe._base.static import static_int
from tfmpe._base.trees import Tree, lookup_per_key, unflatten_tree
from tfmpe.preprocessing.layout.labelled import check_axes
from tfmpe.preprocessing.layout.layout import KeyLayout, Slices, TokenLayout
from tfmpe.preprocessing.layout.slices import keys_from_slices

from .flatten import lay_out


def read_functional_inputs(
    functional_inputs: Tree,
    keys: Sequence[KeyLayout],
    samples: Sequence[str | None],
) -> dict[str, Shaped[AnyArray, "*_ tokens inputs"]]:
    """Read the inputs of keys; missing sample axes are added with size 1."""
    given = lookup_per_key(
        functional_inputs,
        [key.name for key in keys],
        "functional_inputs",
        None,
        lambda value, what: (value, as_array(value, what), what),
    )
    found = {name: each for name, each in given.items() if each is not None}
    check_joined({what: array for _, array, what in found.values()})
    inputs = {}
    for key in keys:
        if key.name in found:
            value, array, what = found[key.name]
            check_axes(value, (*samples, *key.known_dims, None), what)
            inputs[key.name] = _rows(array, key, len(samples))
    return inputs


def _rows(
    value: AnyArray, key: KeyLayout, sample_ndims: int
) -> Shaped[AnyArray, "*_ tokens inputs"]:
    event = key.event_shape
    shape = tuple(value.shape)
    once = value.ndim == len(event) + 1 and shape[:-1] == event
    lead = () if once or shape == event else shape[:sample_ndims]
    if shape[:-1] != (*lead, *event) or value.ndim == 0:
        text = (
            f"Functional input {key.name!r} has shape {shape} "
            f"but expected to match token shape {(*lead, *event)}"
        )
        if shape == (*lead, *event):
            text += (
                ", followed by the number of inputs. Pass it as "
                "array[..., None] if each token has one input."
            )
        error = ValueError(text)
        error.add_note(
            "A functional input has the sample and event axes of its key, "
            "then one axis with the inputs of each token. The sample axes "
            "may be left out if all samples share the inputs."
        )
        raise error
    lead = lead or (1,) * sample_ndims
    # Reshaping a JAX array would cause a compilation for every shape.
    return readable(value).reshape((*lead, key.n_tokens, value.shape[-1]))


def lay_out_inputs(
    inputs: Mapping[str, AnyArray],
    keys: Sequence[KeyLayout],
    sample_shape: tuple[int, ...],
    pad_value: float,
) -> Shaped[Array, "*sample tokens inputs"]:
    """Concatenate inputs in token order; keys without inputs get padding."""
    width = max((rows.shape[-1] for rows in inputs.values()), default=0)
    dtype = common_dtype([*inputs.values()]) if inputs else jnp.float32
    blocks = []
    for key in keys:
        rows = inputs.get(key.name)
        if rows is None:
            rows = np.zeros((1,) * len(sample_shape) + (key.n_tokens, 0), dtype)
        xp = np if on_host([rows]) else jnp
        blocks.append(xp.broadcast_to(rows, (*sample_shape, *rows.shape[-2:])))
    return lay_out(blocks, width, pad_value)


def decode_inputs(
    inputs: Shaped[AnyArray, "*sample tokens inputs"] | None,
    layout: TokenLayout,
) -> dict[str, Any]:
    """Return the inputs of the keys that have any, as a nested dictionary."""
    keys, arrays = [], []
    for key in layout.keys:
        if inputs is not None and key.n_inputs is not None:
            shape = (*inputs.shape[:-2], *key.event_shape, key.n_inputs)
            rows = inputs[..., key.block, : key.n_inputs]
            keys.append(key)
            arrays.append(rows.reshape(shape))
    return unflatten_tree(keys, arrays)


def flatten_functional_inputs(
    functional_inputs: Tree,
    slices: Slices,
    sample_ndims: SupportsIndex,
    pad_value: SupportsFloat = PAD_VALUE,
) -> Shaped[Array, "*sample tokens inputs"] | None:
    """Flatten functional inputs to one row per token.

    Parameters
    ----------
    functional_inputs : nested dict of arrays, or None
        See :meth:`Tokens.from_pytree`; in any unit.
    slices : mapping
        As returned by :func:`flatten_pytree`, in token order.
    sample_ndims : int
        Number of leading sample axes.
    pad_value : float
        Fills the rows of keys without inputs and missing columns.

    Returns
    -------
    Array or None
        None if there are no inputs. Sample axes are broadcast against one
        another, and have size 1 if every input was given once.

    Raises
    ------
    UnknownKeyError
        If a key is not in ``slices``.
    ValueError
        If an input does not have one row per token, or sample shapes do not
        broadcast.
    DynamicShapeError
        If ``slices`` was traced.

    Notes
    -----
    Works under ``jit`` and ``vmap``. Legacy: ``_flatten_index``, whose rows
    follow sorted keys instead of the tokens.

    Examples
    --------
    >>> slices = {"mu": {"event_shape": (1,)}, "obs": {"event_shape": (2,)}}
    >>> times = {"obs": np.array([[0.5], [1.0]])}
    >>> flatten_functional_inputs(times, slices, 1, pad_value=-1.0).tolist()
    [[[-1.0], [0.5], [1.0]]]
    """
    if functional_inputs is None:
        return None
    n_lead = static_int(sample_ndims, "sample_ndims")
    keys = keys_from_slices(slices)
    inputs = read_functional_inputs(functional_inputs, keys, (None,) * n_lead)
    shape = inputs_sample_shape(inputs, (1,) * n_lead)
    return lay_out_inputs(inputs, keys, shape, float(pad_value))


def inputs_sample_shape(
    inputs: Mapping[str, AnyArray], sample_shape: tuple[int, ...]
) -> tuple[int, ...]:
    """Return the sample shape that inputs and a given one broadcast to."""
    shapes = {name: tuple(rows.shape[:-2]) for name, rows in inputs.items()}
    try:
        return np.broadcast_shapes(sample_shape, *shapes.values())
    except ValueError:
        raise ValueError(
            f"The sample shapes of the functional inputs, {shapes}, do not "
            f"fit the sample shape {sample_shape}. Pass each input once, or "
            "once per sample."
        ) from None
