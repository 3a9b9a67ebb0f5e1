"""Vector fields in closed form, by their names in the stored calls.

Each is called as the legacy package calls its network: by keyword, with one
sample (leading axis of size 1), and with masks that have an axis for heads,
or None. The README of the stored output has the formulas.
"""

import jax.numpy as jnp


def closed_form_v1(
    *,
    theta,
    theta_label,
    theta_index,
    theta_mask,
    time,
    context,
    context_label,
    context_index,
    context_mask,
    cross_mask,
):
    """Return velocities that depend on each of the ten arguments."""
    c = _encoded(jnp.tanh(context), context_label, context_index)
    t = _encoded(jnp.sin(theta), theta_label, theta_index)
    n_theta, n_context = theta.shape[1], context.shape[1]
    hc = _weighted(context_mask, c, n_context)
    ht = _weighted(theta_mask, t, n_theta)
    x = _weighted(cross_mask, hc, n_theta)
    return (
        0.5 * ht
        + 0.7 * x * (1 + 0.5 * jnp.cos(2 * time))
        - 0.3 * theta * (1 + time)
        + 0.1 * jnp.sin(3 * time)
    )


def skew_v1(*, theta, time, context, **_):
    """Return velocities with zero divergence for every probe."""
    place = jnp.arange(theta.shape[1])
    distance = place[None, :] - place[:, None]
    K = 0.4 * jnp.sign(distance) / (1 + jnp.abs(distance))
    push = 0.3 * jnp.cos(2 * time) * (1 + jnp.tanh(context).mean())
    return K @ theta + push


def decay_v1(*, theta, time, context, **_):
    """Return velocities that shrink theta and drift with time."""
    return -0.5 * theta + 0.2 * time + 0.1 * jnp.tanh(context).mean()


def _encoded(values, label, index):
    encoded = values + 0.1 * label.astype(jnp.float32)[..., None]
    if index is None:
        return encoded
    return encoded + 0.2 * jnp.tanh(0.5 * index).mean(-1, keepdims=True)


def _weighted(mask, values, n_rows):
    """Return each row's sum of unmasked values over one plus their number."""
    every = jnp.ones((1, n_rows, values.shape[1]))
    mask = every if mask is None else mask[:, 0]
    return mask @ values / (1 + mask.sum(-1, keepdims=True))


FIELDS = {
    "closed_form_v1": closed_form_v1,
    "skew_v1": skew_v1,
    "decay_v1": decay_v1,
}
