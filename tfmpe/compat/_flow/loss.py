"""Training loss of a structured flow."""

from collections.abc import Mapping
from typing import Any

import jax
from jaxtyping import Array, Float

from tfmpe.compat._attention import _make_attention_masks
from tfmpe.compat.fmpe import theta_t_linear, ut_linear
from tfmpe.estimators._training.loss import SIGMA_MIN


def _cfm_loss(
    model: Any,
    rng_key: Any,
    batch: Mapping[str, Any],
    sigma_min: float = SIGMA_MIN,
) -> Float[Array, ""]:
    """Return the loss of a batch of flat data, at random times.

    Parameters
    ----------
    rng_key : key array
        For the noise, and for one uniform time per row.
    model, batch, sigma_min
        See :func:`legacy_loss`.

    Notes
    -----
    Works under ``jit`` and ``grad``. Legacy: ``sfmpe.sfmpe._cfm_loss``.
    """
    theta = batch["data"]["theta"]
    times_key, rest = jax.random.split(rng_key)
    noise_key, _ = jax.random.split(rest)
    times = jax.random.uniform(times_key, (theta.shape[0], 1, 1))
    noise = jax.random.normal(noise_key, theta.shape)
    return legacy_loss(model, batch, times, noise, sigma_min)


def legacy_loss(
    model: Any,
    batch: Mapping[str, Any],
    times: Float[Array, "n 1 1"],
    noise: Float[Array, "n n_theta width"],
    sigma_min: float = SIGMA_MIN,
) -> Float[Array, ""]:
    """Return the loss of a batch of flat data.

    Parameters
    ----------
    model : StructuredCNF
    batch : dict
        As returned by ``flatten_structured``; rows are the first axis of every
        leaf.
    times : Array
        From 0 (noise) to 1 (values).
    noise : Array
    sigma_min : float
        Standard deviation of the path around a value at time 1,
        dimensionless.

    Returns
    -------
    Array
        Squared error of the velocity: the mean over all values or, with
        padding masks, the sum over the tokens of theta that are not padding,
        divided by the number of these tokens.

    Notes
    -----
    Works under ``jit`` and ``grad``.
    """
    theta, y = batch["data"]["theta"], batch["data"]["y"]
    position = theta_t_linear(noise, times, theta, sigma_min)
    masks = batch.get("masks") or {}
    theta_mask, context_mask, cross_mask = _make_attention_masks(masks)
    index = batch.get("index") or {}
    velocity = model.vector_field(
        theta=position,
        theta_label=batch["labels"]["theta"],
        theta_index=index.get("theta"),
        theta_mask=theta_mask,
        time=times,
        context=y,
        context_label=batch["labels"]["y"],
        context_index=index.get("y"),
        context_mask=context_mask,
        cross_mask=cross_mask,
    )
    squares = (velocity - ut_linear(position, theta, times, sigma_min)) ** 2
    if "padding" not in masks:
        return squares.mean()
    real = masks["padding"]["theta"]
    return (squares * real[..., None]).sum() / real.sum()
