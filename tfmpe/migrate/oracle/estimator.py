"""Sampling methods of the legacy estimator, as functions of a field."""

from math import prod

import jax

from .attention import _make_attention_masks
from .decode import decode_theta
from .flow import log_prob, sample


def _theta_shape(theta_slices):
    n_tokens = sum(prod(s["event_shape"]) for s in theta_slices.values())
    width = max(prod(s["batch_shape"]) for s in theta_slices.values())
    return n_tokens, width


def _conditions(context, labels, masks, index):
    """Return the eight constant arguments of the field."""
    theta_mask, context_mask, cross_mask = _make_attention_masks(masks)
    index = {"theta": None, "y": None} if index is None else index
    return {
        "context": context,
        "context_label": labels["y"],
        "context_index": index["y"],
        "context_mask": context_mask,
        "theta_label": labels["theta"],
        "theta_index": index["theta"],
        "theta_mask": theta_mask,
        "cross_mask": cross_mask,
    }


def sample_posterior_encoded(
    field,
    context,
    labels,
    theta_slices,
    masks=None,
    index=None,
    n_samples=1000,
    theta_0=None,
    direction="forward",
    *,
    key=None,
):
    """Draw flat posterior samples given one observation: see ``sample``."""
    return sample(
        field,
        theta_shape=_theta_shape(theta_slices),
        **_conditions(context, labels, masks, index),
        sample_size=n_samples,
        theta_0=theta_0,
        direction=direction,
        key=key,
    )


def sample_posterior(field, context, labels, theta_slices, *args, **kwargs):
    """Draw posterior samples, decoded: see ``sample_posterior_encoded``."""
    encoded = sample_posterior_encoded(
        field, context, labels, theta_slices, *args, **kwargs
    )
    return decode_theta(encoded, theta_slices, encoded.shape[:1])


def sample_base_dist(
    field, theta, context, labels, theta_slices, masks=None, index=None
):
    """Map each theta to the base distribution, given the context of its row."""

    def one_row(theta, context):
        return sample_posterior(
            field,
            context[None],
            labels,
            theta_slices,
            masks,
            index,
            n_samples=1,
            theta_0=theta[None],
            direction="backward",
        )

    return jax.vmap(one_row)(theta, context)


def log_prob_posterior_samples(
    field,
    posterior_samples_encoded,
    context,
    labels,
    masks=None,
    index=None,
    *,
    epsilon=None,
    key=None,
):
    """Estimate log densities of flat posterior samples, with ten probes."""
    return log_prob(
        field,
        posterior_samples_encoded,
        **_conditions(context, labels, masks, index),
        epsilon=epsilon,
        key=key,
    )
