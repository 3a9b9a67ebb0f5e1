"""Right-padding of token axes."""

import jax.numpy as jnp

PAD_VALUE = -1e8


def pad_multidim_event(arr, event_start, max_shape, pad_value=PAD_VALUE):
    """Right-pad the axes from ``event_start`` on to ``max_shape``."""
    widths = [(0, 0)] * arr.ndim
    for i, wanted in enumerate(max_shape):
        size = arr.shape[event_start + i]
        if size > wanted:
            raise ValueError(
                f"Cannot pad dimension {i} from {size} to {wanted}; "
                "the array is already larger than the max."
            )
        widths[event_start + i] = (0, wanted - size)
    return jnp.pad(arr, widths, constant_values=pad_value)


def pad_1d(arr, max_size, pad_value=PAD_VALUE):
    """Right-pad axis 1 to ``max_size``."""
    return pad_multidim_event(arr, 1, (max_size,), pad_value)


def pad_2d(arr, max_size, pad_value=PAD_VALUE):
    """Right-pad axes 1 and 2, both to ``max_size``."""
    return pad_multidim_event(arr, 1, (max_size, max_size), pad_value)


def pad_2d_cross(arr, max_rows, max_columns, pad_value=PAD_VALUE):
    """Right-pad axis 1 to ``max_rows`` and axis 2 to ``max_columns``."""
    return pad_multidim_event(arr, 1, (max_rows, max_columns), pad_value)
