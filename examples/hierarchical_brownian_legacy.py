"""Brownian paths around a common drift, written for the legacy package.

    mu ~ N(0, 1);  theta[i] ~ N(mu, 1)
    obs[i, j] = theta[i] t[i, j] + B_i(t[i, j]),  B_i a standard Brownian path

The times are the legacy ``index``, which needs rows for every key, so mu and
theta have dummy rows. SFMPE is trained for any times, FMPE for the times of the
observation. Compare with ``hierarchical_brownian.py``; the other steps are
those of ``hierarchical_gaussian_legacy.py``.
"""

import jax
import jax.numpy as jnp
import numpy as np
import optax
from comparison import Posterior, names_of
from flax import nnx
from hierarchical_brownian import exact_moments
from jax.scipy.stats import multivariate_normal
from legacy_script import Distribution, finish, lc2st, read_options

from tfmpe.compat.bottom_up import train_bottom_up
from tfmpe.compat.cnf import CNF
from tfmpe.compat.fmpe import FMPE
from tfmpe.compat.nn.mlp import MLPVectorField
from tfmpe.compat.nn.transformer.transformer import Transformer
from tfmpe.compat.sfmpe import SFMPE
from tfmpe.compat.structured_cnf import StructuredCNF
from tfmpe.compat.train_rounds import train_fmpe_rounds
from tfmpe.compat.util.dataloader import (
    PAD_VALUE,
    _flatten_index,
    decode_theta,
    flatten_structured,
)

CONFIG = {
    "latent_dim": 32,
    "label_dim": 4,
    "index_out_dim": 2,
    "n_encoder": 1,
    "n_decoder": 2,
    "n_heads": 4,
    "n_ff": 2,
    "dropout": 0.0,
    "activation": nnx.relu,
}
INDEPENDENCE = {
    "local": ["obs", "theta"],
    "cross": [("mu", "obs"), ("obs", "mu")],
    "cross_local": [("theta", "obs", (0, 0))],
}


def prior_fn(n):
    """Return the distribution of all parameters with ``n`` local units."""

    def draw(seed, shape):
        mu_key, theta_key = jax.random.split(seed)
        mu = jax.random.normal(mu_key, (*shape, 1, 1))
        noise = jax.random.normal(theta_key, (*shape, n, 1))
        return {"mu": mu, "theta": mu + noise}

    return Distribution(draw)


def local_fn(parents, n_local):
    """Return the distribution of the local parameters given the global ones."""
    mu = parents["mu"]

    def draw(seed, shape):
        noise = jax.random.normal(seed, (*shape, len(mu), n_local, 1))
        return {"theta": mu + noise}

    return Distribution(draw)


def f_in(n, n_obs):
    """Return the distribution of the index with ``n`` local units."""

    def draw(seed, shape):
        times = jax.random.uniform(
            seed, (*shape, n, n_obs, 1), minval=0.1, maxval=2.0
        )
        return {
            "mu": jnp.zeros((*shape, 1, 1)),
            "theta": jnp.zeros((*shape, n, 1)),
            "obs": jnp.sort(times, axis=-2),
        }

    return Distribution(draw)


def simulator_fn(seed, theta, index):
    """Simulate every path from one time to the next."""
    t = index["obs"]
    steps = jnp.diff(t, axis=-2, prepend=0.0)
    shape = (len(theta["mu"]), *t.shape[1:])
    path = jnp.cumsum(jnp.sqrt(steps) * jax.random.normal(seed, shape), -2)
    return {"obs": theta["theta"][..., None, :] * t + path}


def main():
    """Train both estimators, infer, test, and plot."""
    options = read_options(__doc__)
    n_theta, n_obs = options.n_theta, options.n_obs
    keys = jax.random.split(jax.random.PRNGKey(options.seed), 10)

    def flatten(theta, y):
        flat, _ = flatten_structured(
            {"theta": theta, "y": y}, independence=INDEPENDENCE
        )
        return flat["data"]["theta"], flat["data"]["y"]

    truth = prior_fn(n_theta).sample((1,), seed=keys[0])
    times = f_in(n_theta, n_obs).sample((1,), seed=keys[9])
    y_observed = simulator_fn(keys[1], truth, times)
    flat_truth, context = flatten(truth, y_observed)
    theta_dim, context_dim = flat_truth.shape[1], context.shape[1]

    # Structured: a transformer over tokens, trained bottom-up.
    rngs = nnx.Rngs(options.seed)
    nn = Transformer(CONFIG, value_dim=1, n_labels=3, index_dim=1, rngs=rngs)
    sfmpe = SFMPE(StructuredCNF(nn, rngs=rngs), rngs=rngs)
    labels, slices, masks = train_bottom_up(
        keys[2],
        sfmpe,
        prior_fn,
        local_fn,
        simulator_fn,
        ["mu"],
        ["theta"],
        n_theta,
        options.n_rounds,
        options.n_simulations,
        options.n_epochs,
        y_observed,
        INDEPENDENCE,
        optimiser=optax.adam(1e-3),
        batch_size=options.batch_size,
        f_in=f_in,
        f_in_args=(1, n_obs),
        f_in_args_global=(n_theta, n_obs),
        f_in_target=times,
    )
    index = {
        side: _flatten_index(
            {name: times[name] for name in names}, PAD_VALUE, 1
        )
        for side, names in (("theta", slices), ("y", y_observed))
    }

    # Unstructured: a network over plain arrays, trained on as many paths.
    def flat_prior(key, n):
        theta = prior_fn(n_theta).sample((n // n_theta,), seed=key)
        return flatten(theta, y_observed)[0][..., 0]

    def flat_simulator(key, theta):
        theta = decode_theta(theta[..., None], slices, (len(theta),))
        return flatten(theta, simulator_fn(key, theta, times))[1][..., 0]

    net = MLPVectorField(
        theta_dim=theta_dim,
        context_dim=context_dim,
        latent_dim=64,
        n_layers=2,
        dropout=0.1,
        activation=nnx.relu,
    )
    fmpe = FMPE(CNF(net), rngs=rngs)
    fmpe = train_fmpe_rounds(
        keys[3],
        fmpe,
        flat_prior,
        flat_simulator,
        context[0, :, 0],
        theta_shape=(theta_dim,),
        n_rounds=options.n_rounds,
        n_simulations=options.n_simulations,
        n_epochs=options.n_epochs,
        optimizer=optax.adam(1e-3),
        batch_size=options.batch_size,
    )

    # Samples and their densities.
    encoded = sfmpe.sample_posterior_encoded(
        context,
        labels,
        slices,
        masks=masks,
        index=index,
        n_samples=options.n_samples,
    )
    plain = fmpe.sample_posterior(
        context[..., 0], theta_shape=(theta_dim,), n_samples=options.n_samples
    )
    draws = {"sfmpe": encoded[..., 0], "fmpe": plain}
    log_probs = {
        "sfmpe": sfmpe.log_prob_posterior_samples(
            encoded, context, labels, masks=masks, index=index
        ),
        "fmpe": fmpe.log_prob_posterior_samples(plain, context[..., 0]),
    }
    mean, covariance = exact_moments(
        np.asarray(y_observed["obs"])[..., 0], np.asarray(times["obs"])[..., 0]
    )
    exact_log_probs = {
        kind: multivariate_normal.logpdf(
            theta, jnp.asarray(mean[0]), jnp.asarray(covariance[0])
        )
        for kind, theta in draws.items()
    }

    # Simulations from the prior, and one posterior draw for each.
    theta_cal = prior_fn(n_theta).sample((options.n_cal,), seed=keys[4])
    theta_cal, y_cal = flatten(
        theta_cal, simulator_fn(keys[5], theta_cal, times)
    )
    noise = jax.random.normal(keys[6], theta_cal.shape)

    def draw_sfmpe(y, theta_0):
        return sfmpe.sample_posterior_encoded(
            y[None],
            labels,
            slices,
            masks=masks,
            index=index,
            n_samples=1,
            theta_0=theta_0[None],
        )[0, :, 0]

    def draw_fmpe(y, theta_0):
        return fmpe.sample_posterior(
            y[None, :, 0],
            theta_shape=(theta_dim,),
            n_samples=1,
            theta_0=theta_0[None, :, 0],
        )[0]

    numbers = {}
    for kind, draw, key in (
        ("sfmpe", draw_sfmpe, keys[7]),
        ("fmpe", draw_fmpe, keys[8]),
    ):
        theta_q = jax.vmap(draw)(y_cal, noise)
        p_value = lc2st(
            key,
            (y_cal[..., 0], theta_cal[..., 0], theta_q),
            context[0, :, 0],
            draws[kind],
            options,
            options.out / f"hierarchical_brownian_lc2st_{kind}.jpg",
        )
        numbers[kind] = {
            "mean log density": log_probs[kind].mean(),
            "KL from the exact posterior": jnp.mean(
                log_probs[kind] - exact_log_probs[kind]
            ),
            "p-value of l-C2ST": p_value,
        }
    finish(
        "hierarchical_brownian",
        names_of(truth),
        draws,
        numbers,
        np.asarray(flat_truth)[0, :, 0],
        options.out,
        Posterior(mean[0], np.sqrt(np.diag(covariance[0]))),
    )


if __name__ == "__main__":
    main()
