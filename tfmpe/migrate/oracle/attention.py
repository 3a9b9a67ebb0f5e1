"""Masks in the form that attention layers receive."""

import jax.numpy as jnp


def _make_attention_masks(masks):
    """Return the masks of theta, y and cross, with an axis for heads.

    Each has shape (n, 1, rows, columns), or is None if there is neither
    ``padding`` (n, n_tokens) nor ``attention`` (n, rows, columns).
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
