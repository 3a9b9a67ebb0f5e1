"""Ties between the tokens of a NumPyro model by brute force.

It changes the numbers one by one, to many values, and sees which factors of
the density change. It shares no code with the package.
"""

from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import numpyro
from numpyro import handlers

_BASES, _CHANGES = 12, 8
_SMALL = 1e-4


def moral_graph(
    model: Callable[..., Any], arguments: Sequence[Any]
) -> dict[tuple[str, str], np.ndarray]:
    """Return for each pair of sites which of their tokens are tied.

    Parameters
    ----------
    model, arguments
        A model that gets no observed values.

    Returns
    -------
    dict
        Arrays of bool, tokens of the first by tokens of the second site.
    """

    def run(key, values):
        given = handlers.substitute(model, data=values)
        with numpyro.validation_enabled(False):
            trace = handlers.trace(handlers.seed(given, key)).get_trace(
                *arguments
            )
        return {k: s for k, s in trace.items() if s["type"] == "sample"}

    start = run(jax.random.key(0), {})
    n_inside = {name: site["fn"].event_dim for name, site in start.items()}
    tokens = {
        name: np.shape(site["value"])[: np.ndim(site["value"]) - n_inside[name]]
        for name, site in start.items()
    }
    names = list(start)

    @jax.jit
    @jax.vmap
    def factors(values):
        key = jax.random.key(5)
        found = []
        for name, site in run(key, values).items():
            try:
                factor = site["fn"].log_prob(values[name])
            except NotImplementedError:
                drawn = site["fn"].sample(key)
                n_axes = len(tokens[name])
                factor = drawn.reshape((*drawn.shape[:n_axes], -1))
                factor = jnp.where(factor < 1e30, factor, 1e30) @ jnp.sqrt(
                    jnp.arange(1.0, 1 + factor.shape[-1])
                )
                factor = factor - values[name].sum(
                    axis=tuple(range(n_axes, values[name].ndim))
                )
            found.append(factor.ravel())
        return jnp.concatenate(found)

    draw = jax.jit(
        jax.vmap(lambda k: {n: s["value"] for n, s in run(k, {}).items()})
    )
    keys = jax.random.split(jax.random.key(1), _BASES + _CHANGES)
    draws = {name: np.asarray(value) for name, value in draw(keys).items()}
    dependent = []
    for name in names:
        flat = draws[name].reshape((len(keys), int(np.prod(tokens[name])), -1))
        for token in range(flat.shape[1]):
            changed = False
            for base in range(_BASES):
                stack = {
                    other: np.repeat(value[base][None], _CHANGES + 1, 0)
                    for other, value in draws.items()
                }
                rows = stack[name].reshape((_CHANGES + 1, *flat.shape[1:]))
                rows[1:, token] = flat[_BASES:, token]
                if np.issubdtype(rows.dtype, np.floating):
                    rows[5:, token] = _far(start[name]["fn"], rows[5:, token])
                stack[name] = rows.reshape(stack[name].shape)
                found = np.asarray(factors(stack))
                gap = np.abs(found[1:] - found[:1])
                with np.errstate(invalid="ignore"):
                    near = gap <= _SMALL * (1 + np.abs(found[:1]))
                changed |= (~near & (found[1:] != found[:1])).any(0)
            dependent.append(changed)
    together = np.array(dependent).astype(int)  # tokens by factors
    tied = together @ together.T > 0
    stops = np.cumsum([int(np.prod(tokens[name])) for name in names])[:-1]
    return {
        (a, b): block
        for a, row in zip(names, np.split(tied, stops), strict=True)
        for b, block in zip(names, np.split(row, stops, 1), strict=True)
    }


def _far(fn: Any, values: np.ndarray) -> np.ndarray:
    """Return values further out in the support."""
    transform = numpyro.distributions.biject_to(fn.support)
    while hasattr(transform, "base_transform"):
        transform = transform.base_transform
    far = np.asarray(transform(5 * transform.inv(values)))
    return np.where(np.isfinite(far), far, values)
