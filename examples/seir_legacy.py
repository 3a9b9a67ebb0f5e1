"""Epidemics at many sites, as a script for the legacy package has them.

The model is that of ``seir.py``. A legacy script maps bounded values itself:
parameters to the logit scale, observations to logarithms, before anything is
flattened.
"""

import jax
import jax.numpy as jnp
import optax
from comparison import arguments
from legacy_script import Distribution, finish, make_estimator
from seir import (
    BIJECTORS,
    BOUNDS,
    GLOBALS,
    LOCALS,
    N_DAYS,
    N_OBS,
    PARAMETERS,
    infected,
)

from tfmpe.compat.bottom_up import train_bottom_up
from tfmpe.compat.util.dataloader import flatten_structured

INDEPENDENCE = {
    "local": ["obs", *LOCALS],
    "cross": [],
    "cross_local": [(name, "obs", (0, 0)) for name in LOCALS],
}


def _logistic(key, shape):
    # Uniform between the bounds is logistic on the logit scale.
    return jax.random.logistic(key, shape)


def prior_fn(n):
    """Return the distribution of all parameters with ``n`` sites."""

    def draw(seed, shape):
        keys = jax.random.split(seed, len(BOUNDS))
        return {
            name: _logistic(key, (*shape, 1 if name in GLOBALS else n, 1))
            for name, key in zip(BOUNDS, keys, strict=True)
        }

    return Distribution(draw)


def local_fn(parents, n_local):
    """Return the distribution of the locals; they do not depend on others."""
    n = len(parents[GLOBALS[0]])

    def draw(seed, shape):
        keys = jax.random.split(seed, len(LOCALS))
        return {
            name: _logistic(key, (*shape, n, n_local, 1))
            for name, key in zip(LOCALS, keys, strict=True)
        }

    return Distribution(draw)


def f_in(n):
    """Return the distribution of the index with ``n`` sites."""

    def draw(seed, shape):
        days = jax.random.uniform(seed, (*shape, n, N_OBS, 1))
        zeros = {
            name: jnp.zeros((*shape, 1 if name in GLOBALS else n, 1))
            for name in BOUNDS
        }
        return {**zeros, "obs": jnp.sort(days, axis=-2)}

    return Distribution(draw)


def simulator_fn(seed, theta, index):
    """Let the epidemics run, and return the logarithms of what is reported."""
    times = N_DAYS * index["obs"][..., 0]
    rates = jnp.stack(
        [
            jnp.broadcast_to(
                BIJECTORS[name][1](theta[name][..., 0]), times.shape[:-1]
            )
            for name in PARAMETERS
        ],
        -1,
    )
    shares = jax.vmap(jax.vmap(infected))(rates, times)[..., None]
    error = 0.1 * jax.random.normal(seed, shares.shape)
    return {"obs": jnp.log(jnp.maximum(shares, 1e-6)) + error}


def main():
    """Train bottom-up, infer, and draw."""
    options = arguments(
        __doc__,
        n_sites=50,
        n_simulations=1_000,
        n_rounds=2,
        n_epochs=5,
        n_samples=200,
    )
    key, truth_key, time_key, data_key = jax.random.split(
        jax.random.PRNGKey(options.seed), 4
    )
    truth = prior_fn(options.n_sites).sample((1,), seed=truth_key)
    index = f_in(options.n_sites).sample((1,), seed=time_key)
    y_observed = simulator_fn(data_key, truth, index)

    estim = make_estimator(options.seed, n_labels=7, index_dim=1)
    labels, slices, masks = train_bottom_up(
        key,
        estim,
        prior_fn,
        local_fn,
        simulator_fn,
        GLOBALS,
        LOCALS,
        options.n_sites,
        options.n_rounds,
        options.n_simulations,
        options.n_epochs,
        y_observed,
        INDEPENDENCE,
        optimiser=optax.adam(1e-3),
        f_in=f_in,
        f_in_args=(1,),
        f_in_args_global=(options.n_sites,),
        f_in_target=index,
    )
    flat, _ = flatten_structured(
        {"theta": truth, "y": y_observed},
        independence=INDEPENDENCE,
        index=index,
    )
    posterior = estim.sample_posterior(
        flat["data"]["y"],
        labels,
        slices,
        masks=masks,
        index=flat["index"],
        n_samples=options.n_samples,
    )
    shown = [*GLOBALS, "A"]

    def bounded(values):
        return {name: BIJECTORS[name][1](values[name]) for name in shown}

    finish("seir", bounded(posterior), bounded(truth), options.out)


if __name__ == "__main__":
    main()
