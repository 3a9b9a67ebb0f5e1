"""Training loss of the legacy vector field."""

import jax.numpy as jnp

from .attention import _make_attention_masks

SIGMA_MIN = 0.001


def loss(field, batch, times, noise):
    """Return the conditional flow-matching loss of a batch of flat tokens.

    Times (n, 1, 1) are from 0 to 1, and noise has the shape of theta. The loss
    is the mean squared error of the velocity along a straight path or, with
    padding masks, the sum over valid theta tokens divided by their number.
    """
    theta = batch["data"]["theta"]
    masks = batch.get("masks")
    index = batch.get("index", {"theta": None, "y": None})
    theta_mask, context_mask, cross_mask = _make_attention_masks(masks)
    found = field(
        theta=(1 - (1 - SIGMA_MIN) * times) * noise + times * theta,
        theta_label=batch["labels"]["theta"],
        theta_index=index["theta"],
        theta_mask=theta_mask,
        time=times,
        context=batch["data"]["y"],
        context_label=batch["labels"]["y"],
        context_index=index["y"],
        context_mask=context_mask,
        cross_mask=cross_mask,
    )
    squares = (found - (theta - (1 - SIGMA_MIN) * noise)) ** 2
    if masks is None or "padding" not in masks:
        return squares.mean()
    valid = masks["padding"]["theta"]
    return (squares * valid[..., None]).sum() / jnp.sum(valid)
