"""Attention masks in the form that a legacy vector field expects."""

from collections.abc import Mapping
from typing import Any

import jax.numpy as jnp
from jaxtyping import Array, ArrayLike, Shaped

# For each mask: the side of its rows, and the side of its columns.
_SIDES = {"theta": ("theta", "theta"), "y": ("y", "y"), "cross": ("theta", "y")}


def _make_attention_masks(
    masks: Mapping[str, Any] | None,
) -> tuple[Any, Any, Any]:
    """Multiply padding and attention masks, and insert an axis for heads.

    Parameters
    ----------
    masks : dict or None
        Masks of ``flatten_structured``: ``'padding'``, ``'attention'``, or
        both.

    Returns
    -------
    theta, y, cross : Array, shape (samples or 1, 1, rows, columns), or None
        None if there are no masks.

    Notes
    -----
    Works under ``jit`` and ``vmap``. Legacy:
    ``sfmpe.sfmpe._make_attention_masks``. On Tokens:
    ``tokens.attention_mask()``.
    """
    theta, y, cross = (_make_mask(masks or {}, name) for name in _SIDES)
    return theta, y, cross


def _make_mask(masks: Mapping[str, Any], name: str) -> Any:
    mask = None
    if "padding" in masks:
        rows, columns = (masks["padding"][side] for side in _SIDES[name])
        mask = _cross_2d_masks(rows, columns)
    if "attention" in masks:
        attention = masks["attention"][name]
        mask = attention if mask is None else mask * attention
    return None if mask is None else jnp.expand_dims(mask, 1)


def _cross_2d_masks(
    a: Shaped[ArrayLike, "*n rows"], b: Shaped[ArrayLike, "*n columns"]
) -> Shaped[Array, "*n rows columns"]:
    """Return the outer product of two padding masks for every sample.

    Notes
    -----
    Works under ``jit`` and ``vmap``. Legacy: ``sfmpe.sfmpe._cross_2d_masks``.
    """
    return jnp.asarray(a)[..., :, None] * jnp.asarray(b)[..., None, :]
