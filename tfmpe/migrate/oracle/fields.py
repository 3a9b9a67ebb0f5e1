"""Vector fields in closed form, as the stored calls name them.

Each is called as the legacy package calls its network: by keyword, one sample
with a leading axis of 1, masks with an axis for heads, or None.
"""

import jax.numpy as jnp


def _weighted(mask, values):
    """Sum the values that a mask opens, over one plus their number."""
    if mask is None:
        return values.sum(1, keepdims=True) / (1 + values.shape[1])
    mask = mask[:, 0]
    return mask @ values / (1 + mask.sum(-1, keepdims=True))


def _label(label):
    return 0.1 * label.astype(jnp.float32)[..., None]


def _place(index):
    if index is None:
        return 0.0
    return 0.2 * jnp.tanh(0.5 * index).mean(-1, keepdims=True)


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
    """Return velocities that depend on each of the ten arguments.

    Returns
    -------
    jax.Array, shape (1, n_theta, width)
    """
    c = jnp.tanh(context) + _label(context_label) + _place(context_index)
    t = jnp.sin(theta) + _label(theta_label) + _place(theta_index)
    hc = _weighted(context_mask, c)
    if context_mask is None:
        hc = jnp.broadcast_to(hc, c.shape)
    ht = _weighted(theta_mask, t)
    x = _weighted(cross_mask, hc)
    return (
        0.5 * ht
        + 0.7 * x * (1 + 0.5 * jnp.cos(2 * time))
        - 0.3 * theta * (1 + time)
        + 0.1 * jnp.sin(3 * time)
    )


def skew_v1(*, theta, time, context, **_):
    """Return velocities whose divergence is estimated without error.

    They are linear in theta, by an antisymmetric matrix, so every probe gives
    a divergence of exactly zero.

    Returns
    -------
    jax.Array, shape (1, n_theta, width)
    """
    i = jnp.arange(theta.shape[1])
    gap = i[None, :] - i[:, None]
    K = 0.4 * jnp.sign(gap) / (1 + jnp.abs(gap))
    drift = 0.3 * jnp.cos(2 * time) * (1 + jnp.tanh(context).mean())
    return jnp.einsum("ij,njv->niv", K, theta) + drift


def decay_v1(*, theta, time, context, **_):
    """Return velocities that shrink theta and drift with time.

    Returns
    -------
    jax.Array, shape (1, n_theta, width)
    """
    return -0.5 * theta + 0.2 * time + 0.1 * jnp.tanh(context).mean()


FIELDS = {
    "closed_form_v1": closed_form_v1,
    "skew_v1": skew_v1,
    "decay_v1": decay_v1,
}
