"""Right-padding of token axes."""

import jax.numpy as jnp

PAD_VALUE = -1e8


def pad_multidim_event(arr, event_start, max_shape, pad_value=PAD_VALUE):
    """Right-pad the axes from ``event_start`` on to ``max_shape``.

    Parameters
    ----------
    arr : array
        What to pad; NumPy arrays come back as JAX arrays.
    event_start : int
        First axis that is padded.
    max_shape : tuple of int
        Sizes wanted for ``len(max_shape)`` consecutive axes.
    pad_value : float
        Value of the new entries, cast to the type of ``arr``.

    Returns
    -------
    jax.Array
        The padded array, in the type of ``arr``.

    Raises
    ------
    ValueError
        If one of the axes is larger already.
    IndexError
        If ``arr`` has too few axes.
    """
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
    return pad_multidim_event(
        arr, event_start=1, max_shape=(max_size,), pad_value=pad_value
    )


def pad_2d(arr, max_size, pad_value=PAD_VALUE):
    """Right-pad axes 1 and 2, both to ``max_size``."""
    return pad_multidim_event(
        arr, event_start=1, max_shape=(max_size, max_size), pad_value=pad_value
    )


def pad_2d_cross(arr, max_rows, max_columns, pad_value=PAD_VALUE):
    """Right-pad axis 1 to ``max_rows`` and axis 2 to ``max_columns``."""
    return pad_multidim_event(
        arr,
        event_start=1,
        max_shape=(max_rows, max_columns),
        pad_value=pad_value,
    )
