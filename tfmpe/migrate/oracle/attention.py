"""The masks that attention layers receive."""

import jax.numpy as jnp


def _make_attention_masks(masks):
    """Combine padding and attention masks and add an axis for heads.

    Parameters
    ----------
    masks : dict or None
        With ``padding`` (n, n_tokens), ``attention`` (n, rows, columns), both
        or neither.

    Returns
    -------
    theta, y, cross : jax.Array of shape (n, 1, rows, columns), or None
    """
    combined = []
    for name, rows, columns in (
        ("theta", "theta", "theta"),
        ("y", "y", "y"),
        ("cross", "theta", "y"),
    ):
        mask = None
        if masks is not None and "padding" in masks:
            padding = masks["padding"]
            mask = padding[rows][:, :, None] * padding[columns][:, None, :]
        if masks is not None and "attention" in masks:
            attention = masks["attention"][name]
            mask = attention if mask is None else mask * attention
        combined.append(None if mask is None else jnp.expand_dims(mask, 1))
    return tuple(combined)
