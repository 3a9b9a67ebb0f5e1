"""The vector fields in closed form that stored calls were made with.

Ten keyword arguments and one draw at a time, as the legacy package calls a
network; the formulas are those of the README beside the stored output.
"""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

import jax.numpy as jnp

__all__ = ["FIELDS"]


def _closed_form_v1(
    *,
    theta: Any,
    theta_label: Any,
    theta_index: Any,
    theta_mask: Any,
    time: Any,
    context: Any,
    context_label: Any,
    context_index: Any,
    context_mask: Any,
    cross_mask: Any,
) -> Any:
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


def _skew_v1(*, theta: Any, time: Any, context: Any, **_: Any) -> Any:
    place = jnp.arange(theta.shape[1])
    distance = place[None, :] - place[:, None]
    K = 0.4 * jnp.sign(distance) / (1 + jnp.abs(distance))
    push = 0.3 * jnp.cos(2 * time) * (1 + jnp.tanh(context).mean())
    return K @ theta + push


def _decay_v1(*, theta: Any, time: Any, context: Any, **_: Any) -> Any:
    return -0.5 * theta + 0.2 * time + 0.1 * jnp.tanh(context).mean()


def _encoded(values: Any, label: Any, index: Any) -> Any:
    encoded = values + 0.1 * label.astype(jnp.float32)[..., None]
    if index is None:
        return encoded
    return encoded + 0.2 * jnp.tanh(0.5 * index).mean(-1, keepdims=True)


def _weighted(mask: Any, values: Any, n_rows: int) -> Any:
    """Sum the values that each row is open to, by one plus their number."""
    mask = (
        jnp.ones((1, n_rows, values.shape[1])) if mask is None else mask[:, 0]
    )
    return mask @ values / (1 + mask.sum(-1, keepdims=True))


FIELDS: Mapping[str, Callable[..., Any]] = MappingProxyType(
    {
        "closed_form_v1": _closed_form_v1,
        "skew_v1": _skew_v1,
        "decay_v1": _decay_v1,
    }
)
"""By the name that a case gives as `extra.field`."""
