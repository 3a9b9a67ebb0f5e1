"""From a tree of arrays to the parts of Tokens."""

from collections.abc import Mapping
from typing import Any, SupportsIndex

import jax.numpy as jnp
import numpy as np

from tfmpe._base.arrays import (
    PAD_VALUE,
    broadcasts_to,
    hand_over,
    on_host,
    strong,
)
from tfmpe.preprocessing.layout.independence import Independence
from tfmpe.preprocessing.layout.labelled import (
    check_alignment,
    sample_names,
)
from tfmpe.preprocessing.layout.layout import TokenLayout, merge_labels
from tfmpe.preprocessing.layout.rules import check_rules
from tfmpe.preprocessing.masks.padding import padding_mask, read_event_sizes
from tfmpe.preprocessing.tokens.flatten import (
    check_width,
    flatten_values,
    read_data,
)
from tfmpe.preprocessing.tokens.functional_inputs import (
    inputs_sample_shape,
    lay_out_inputs,
    read_functional_inputs,
)
from tfmpe.preprocessing.tokens.positions import with_positions


def build_tokens(
    data: Any,
    independence: Any,
    functional_inputs: Any,
    sample_ndims: SupportsIndex,
    batch_ndims: Any,
    event_shapes: Any,
    labels: Mapping[str, SupportsIndex] | None,
    dims: Any,
    groups: Any,
    positions: Any,
) -> tuple[Any, TokenLayout, Any, Any]:
    """Return data, layout, functional inputs and padding; all checks here.

    See ``Tokens.from_pytree`` for the parameters and errors.
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
        _check_samples(inputs, sample_shape)
        rows = strong(lay_out_inputs(inputs, keys, sample_shape, PAD_VALUE))
    real = None
    if sizes := read_event_sizes(event_shapes, layout.keys, samples):
        real = _spread(padding_mask(layout.keys, sizes), sample_shape)
    flat = strong(
        flatten_values(
            values, layout.keys, sample_shape, layout.width, PAD_VALUE
        )
    )
    return flat, layout, rows, real


def _check_samples(
    inputs: Mapping[str, Any], sample_shape: tuple[int, ...]
) -> None:
    if inputs_sample_shape(inputs, sample_shape) != sample_shape:
        raise ValueError(
            "The functional inputs have more samples than the data, whose "
            f"sample shape is {sample_shape}. Give each input once, or once "
            "per sample."
        )


def _spread(real: Any, sample_shape: tuple[int, ...]) -> Any:
    """Broadcast a padding mask to the samples of the data."""
    full = (*sample_shape, real.shape[-1])
    if not broadcasts_to(real.shape, full):
        raise ValueError(
            f"event_shapes have the sample shape {tuple(real.shape[:-1])}, "
            f"but the data have {sample_shape}. Give sizes once, or once "
            "per sample."
        )
    if on_host([real]):
        return hand_over(np.broadcast_to(real, full))
    return jnp.broadcast_to(real, full)
