"""Samples and densities of a flow, computed as in the legacy package.

The ODE of each sample is solved separately with ``jax.experimental.ode``, as in
the legacy package: many stored results are reproduced bit for bit.

``sampler`` and ``density`` return compiled functions; ``sample`` and
``log_prob`` make the whole legacy call, which compiles each time.
"""

import jax
import jax.numpy as jnp
from jax.experimental.ode import odeint
from jax.scipy.stats import norm

TOLERANCE = 1e-5


def _velocity(field, theta_shape, conditions):
    """Return the field as a function of one flat sample and the time."""

    def velocity(flat, time):
        # For a context with two rows, the result is twice as large as `flat`,
        # so the solver raises TypeError.
        return field(
            theta=flat.reshape((1, *theta_shape)),
            time=jnp.full((1, 1, 1), time),
            **conditions,
        ).reshape(-1)

    return velocity


def _solve(derivative, start, times):
    tolerances = {"rtol": TOLERANCE, "atol": TOLERANCE}
    return odeint(derivative, start, jnp.array(times), **tolerances)


def sampler(field, theta_shape, direction="forward", **conditions):
    """Return a compiled function that maps base draws along the flow."""
    velocity = _velocity(field, theta_shape, conditions)
    if direction not in ("forward", "backward"):
        raise ValueError(f"Unknown direction: {direction}")
    # The solver's time has to increase.
    forward = direction == "forward"
    times = [0.0, 1.0] if forward else [-1.0, 0.0]

    def derivative(flat, time):
        return velocity(flat, time) if forward else -velocity(flat, -time)

    def one_sample(theta_0):
        path = _solve(derivative, theta_0.reshape(-1), times)
        return path[-1].reshape(theta_0.shape)

    return jax.jit(jax.vmap(one_sample))


def sample(
    field,
    context,
    context_label,
    context_index,
    context_mask,
    theta_shape,
    theta_label,
    theta_index,
    theta_mask,
    cross_mask,
    sample_size=1,
    theta_0=None,
    direction="forward",
    *,
    key=None,
):
    """Draw samples, compiling at each call as the legacy package does.

    The arguments are the field and then the legacy ones; ``key`` is the value
    of the legacy ``rngs.base_dist()``.
    """
    # Not unpacked, so that a list as theta_shape raises TypeError.
    shape = (sample_size,) + theta_shape  # noqa: RUF005
    if theta_0 is None:
        assert key is not None
        theta_0 = jax.random.normal(key, shape)
    if theta_0.shape != shape:
        raise AssertionError(
            f"Expected theta_0 to have shape {shape} but got {theta_0.shape}"
        )
    compiled = sampler(
        field,
        theta_shape,
        direction,
        context=context,
        context_label=context_label,
        context_index=context_index,
        context_mask=context_mask,
        theta_label=theta_label,
        theta_index=theta_index,
        theta_mask=theta_mask,
        cross_mask=cross_mask,
    )
    return compiled(theta_0)


def density(field, theta_shape, **conditions):
    """Return a compiled function that computes log densities of samples.

    The divergence is estimated by probes. The field receives the **negative**
    times of the solver, which runs from -1 to 0 (defect L18).
    """
    velocity = _velocity(field, theta_shape, conditions)

    def one_sample(theta, epsilon):
        probes = epsilon.reshape((theta.size, -1)).T

        def derivative(state, minus_time):
            flat, _ = state
            v, pull_back = jax.vjp(lambda x: velocity(x, minus_time), flat)
            traces = jax.vmap(lambda probe: probe @ pull_back(probe)[0])(probes)
            return -v, traces.mean()

        start = theta.reshape(-1), jnp.zeros(())
        path, integrals = _solve(derivative, start, [-1.0, 0.0])
        return norm.logpdf(path[-1]).sum() - integrals[-1]

    return jax.jit(jax.vmap(one_sample))


def log_prob(
    field,
    theta,
    theta_label,
    theta_index,
    theta_mask,
    context,
    context_label,
    context_index,
    context_mask,
    cross_mask,
    n_epsilon=10,
    *,
    epsilon=None,
    key=None,
):
    """Estimate log densities; like the legacy package, compile at each call."""
    if epsilon is None:
        assert key is not None
        epsilon = jax.random.normal(key, (*theta.shape, n_epsilon))
    compiled = density(
        field,
        theta.shape[1:],
        context=context,
        context_label=context_label,
        context_index=context_index,
        context_mask=context_mask,
        theta_label=theta_label,
        theta_index=theta_index,
        theta_mask=theta_mask,
        cross_mask=cross_mask,
    )
    return compiled(theta, epsilon)
