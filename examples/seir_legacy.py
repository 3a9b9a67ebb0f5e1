"""Epidemics at many sites, written for the legacy package.

The model is that of ``seir.py``. A legacy script transforms bounded values
itself before flattening, with a bijector of trees that also standardizes.
Posterior samples are mapped back, and their densities corrected by the log
determinant (in which the legacy package counts only one parameter, defect
L37; TFMPE_COMPAT_FIX=L37 turns it off). The other steps are those of
``hierarchical_gaussian_legacy.py``.

The bijectors need TensorFlow Probability (extra ``legacy``), which supports
only JAX below 0.7. Where it is missing, the script prints a message, uses the
maps of ``seir.py``, which do not standardize, and returns densities on the
unbounded scale.
"""

import textwrap

import jax
import jax.numpy as jnp
import optax
from comparison import columns, names_of
from flax import nnx
from legacy_script import Distribution, finish, lc2st, read_options
from seir import BIJECTORS, BOUNDS, GLOBALS, LOCALS, N_DAYS, infected

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
    "local": ["obs", *LOCALS],
    "cross": [],
    "cross_local": [(name, "obs", (0, 0)) for name in LOCALS],
}


def bounded_prior(seed, shape, n):
    """Draw all parameters for ``n`` sites."""
    keys = jax.random.split(seed, len(BOUNDS))
    return {
        name: jax.random.uniform(
            key,
            (*shape, 1 if name in GLOBALS else n, 1),
            # The bounds themselves are infinite on the logit scale.
            minval=low + 1e-4 * (high - low),
            maxval=high - 1e-4 * (high - low),
        )
        for (name, (low, high)), key in zip(BOUNDS.items(), keys, strict=True)
    }


@jax.jit
def bounded_simulator(seed, theta, index):
    """Simulate the epidemics and their reports."""
    times = N_DAYS * index["obs"][..., 0]
    sites = (len(theta["A"]), times.shape[-2])
    times = jnp.broadcast_to(times, (*sites, times.shape[-1]))
    rates = jnp.stack(
        [jnp.broadcast_to(theta[name][..., 0], sites) for name in BOUNDS], -1
    )
    shares = jax.vmap(jax.vmap(infected))(rates, times)[..., None]
    error = jnp.exp(0.1 * jax.random.normal(seed, shares.shape))
    # A share of 0 has no logarithm.
    return {"obs": jnp.maximum(shares, 1e-6) * error}


def f_in(n, n_obs):
    """Return the distribution of the index for ``n`` sites."""

    def draw(seed, shape):
        days = jax.random.uniform(seed, (*shape, n, n_obs, 1))
        zeros = {
            name: jnp.zeros((*shape, 1 if name in GLOBALS else n, 1))
            for name in BOUNDS
        }
        return {**zeros, "obs": jnp.sort(days, axis=-2)}

    return Distribution(draw)


class Maps:
    """Substitute for the bijector if TensorFlow Probability is missing."""

    def forward(self, tree):
        """Map bounded values to real numbers."""
        return {name: BIJECTORS[name][0](tree[name]) for name in tree}

    def inverse(self, tree):
        """Map real numbers to bounded values."""
        return {name: BIJECTORS[name][1](tree[name]) for name in tree}

    def inverse_log_det_jacobian(self, tree, event_ndims):
        """Return 0: densities are those on the unbounded scale."""
        return jnp.zeros(())


def make_bijector(representative):
    """Return the bijector of all parameters and observations."""
    try:
        from tfmpe.compat.pytree_bijector import (
            PyTreeBijector,
            create_zscaling_bijector_tree,
        )
    except ImportError as error:
        text = f"No bijectors: {error} Continuing without them."
        print(textwrap.fill(text, 79, break_on_hyphens=False))
        return Maps()
    import tensorflow_probability.substrates.jax.bijectors as tfb

    specs = {
        name: tfb.Invert(tfb.Sigmoid(low=low, high=high))
        for name, (low, high) in BOUNDS.items()
    }
    specs["obs"] = tfb.Invert(tfb.Exp())
    return PyTreeBijector(
        create_zscaling_bijector_tree(representative, representative, specs),
        representative,
    )


def main():
    """Train both estimators, infer, test, and plot."""
    options = read_options(__doc__)
    n_theta, n_obs = options.n_theta, options.n_obs
    keys = jax.random.split(jax.random.PRNGKey(options.seed), 12)

    days = f_in(n_theta, n_obs).sample((1,), seed=keys[9])
    representative = bounded_prior(keys[10], (options.n_cal,), n_theta)
    representative |= bounded_simulator(keys[11], representative, days)
    bijector = make_bijector(representative)

    def prior_fn(n):
        return Distribution(
            lambda seed, shape: bijector.forward(bounded_prior(seed, shape, n))
        )

    # The locals do not depend on the globals.
    def local_fn(parents, n_local):
        def draw(seed, shape):
            shape = (*shape, len(parents[GLOBALS[0]]))
            values = bounded_prior(seed, shape, n_local)
            return bijector.forward({name: values[name] for name in LOCALS})

        return Distribution(draw)

    def simulator_fn(seed, theta, index):
        return bijector.forward(
            bounded_simulator(seed, bijector.inverse(theta), index)
        )

    truth = prior_fn(n_theta).sample((1,), seed=keys[0])
    y_observed = simulator_fn(keys[1], truth, days)

    # Structured: a transformer over tokens, trained bottom-up.
    rngs = nnx.Rngs(options.seed)
    nn = Transformer(CONFIG, value_dim=1, n_labels=7, index_dim=1, rngs=rngs)
    sfmpe = SFMPE(StructuredCNF(nn, rngs=rngs), rngs=rngs)
    labels, slices, masks = train_bottom_up(
        keys[2],
        sfmpe,
        prior_fn,
        local_fn,
        simulator_fn,
        GLOBALS,
        LOCALS,
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
        f_in_target=days,
    )
    index = {
        side: _flatten_index({name: days[name] for name in names}, PAD_VALUE, 1)
        for side, names in (("theta", slices), ("y", y_observed))
    }

    def flatten(theta, y):
        theta = {name: theta[name] for name in slices}
        flat, _ = flatten_structured(
            {"theta": theta, "y": y}, independence=INDEPENDENCE
        )
        return flat["data"]["theta"], flat["data"]["y"]

    flat_truth, context = flatten(truth, y_observed)
    theta_dim, context_dim = flat_truth.shape[1], context.shape[1]

    # Unstructured: a network over plain arrays, trained on as many sites.
    def flat_prior(key, n):
        theta = prior_fn(n_theta).sample((n // n_theta,), seed=key)
        return flatten(theta, y_observed)[0][..., 0]

    def flat_simulator(key, theta):
        theta = decode_theta(theta[..., None], slices, (len(theta),))
        return flatten(theta, simulator_fn(key, theta, days))[1][..., 0]

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
    # Back to the scale of the model.
    shown, bounded = [*GLOBALS, "A"], {}
    for kind, theta in draws.items():
        tree = decode_theta(theta[..., None], slices, (len(theta),))
        bounded[kind] = bijector.inverse(tree)
        log_probs[kind] -= jax.vmap(
            lambda row: bijector.inverse_log_det_jacobian(row, event_ndims=1)
        )(tree)

    # Simulations from the prior, and one posterior draw for each.
    theta_cal = prior_fn(n_theta).sample((options.n_cal,), seed=keys[4])
    theta_cal, y_cal = flatten(
        theta_cal, simulator_fn(keys[5], theta_cal, days)
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
            options.out / f"seir_lc2st_{kind}.jpg",
        )
        numbers[kind] = {
            "mean log density": log_probs[kind].mean(),
            "p-value of l-C2ST": p_value,
        }
    truth = {name: bijector.inverse(truth)[name] for name in shown}
    finish(
        "seir",
        names_of(truth),
        {
            kind: columns({name: tree[name] for name in shown})
            for kind, tree in bounded.items()
        },
        numbers,
        columns(truth)[0],
        options.out,
    )


if __name__ == "__main__":
    main()
