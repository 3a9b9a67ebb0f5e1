"""Epidemics at many sites, with common and local parameters.

At every site, the susceptible, exposed, infected and recovered shares follow

    S' = -b S I,  E' = b S I - alpha E,  I' = alpha E - sigma I
    b(t) = beta_0 (1 + A sin(2 pi (t / T_season + phi)))

where beta_0, alpha and sigma are common to all sites (per day), and the
season's amplitude A, length T_season (days) and phase phi are local. Each
site reports the infected share at a few days of its own, with an error of
10 %::

    python seir.py --out demo-output

Sites depend on one another only through the common parameters, so the cost of
attention grows linearly with their number: thousands of sites fit on one
machine, and each simulation is a training example for the posterior of every
one of its sites::

    python seir.py --n-sites 1000 --n-simulations 300 --batch-size 4
"""

import diffrax
import jax
import jax.numpy as jnp
import numpy as np
from comparison import (
    arguments,
    columns,
    estimate,
    figure,
    names_of,
    plot_intervals,
    save,
)
from flax import nnx

from tfmpe import generate_static_dataset
from tfmpe.estimators import FlowMatchingEstimator, posterior_predictive
from tfmpe.nn import Transformer, TransformerConfig

N_OBS, N_DAYS = 5, 120.0
GLOBALS, LOCALS = ["beta_0", "alpha", "sigma"], ["A", "T_season", "phi"]
PARAMETERS, OBSERVATIONS = [*GLOBALS, *LOCALS], ["obs"]
# Priors are uniform between these bounds.
BOUNDS = {
    "beta_0": (0.3, 0.9),
    "alpha": (0.1, 0.5),
    "sigma": (0.05, 0.3),
    "A": (0.1, 0.6),
    "T_season": (30.0, 120.0),
    "phi": (0.0, 1.0),
}
# Local parameters and observations belong together site by site.
RULES = {
    "local": ["obs", *LOCALS],
    "cross_local": [
        *((name, "obs", (0, 0)) for name in LOCALS),
        ("A", "T_season", (0, 0)),
        ("A", "phi", (0, 0)),
        ("T_season", "phi", (0, 0)),
    ],
}


def between(low, high):
    """Return maps from an interval to the real numbers, and back."""
    return (
        lambda x: jax.scipy.special.logit((x - low) / (high - low)),
        lambda u: low + (high - low) * jax.nn.sigmoid(u),
    )


BIJECTORS = {
    **{name: between(*bounds) for name, bounds in BOUNDS.items()},
    "obs": (jnp.log, jnp.exp),
}


def prior_of(n_sites):
    """Return the prior for a number of sites."""

    def prior(key, n):
        keys = dict(
            zip(BOUNDS, jax.random.split(key, len(BOUNDS)), strict=True)
        )
        return {
            name: jax.random.uniform(
                keys[name],
                (n, 1 if name in GLOBALS else n_sites, 1),
                # The bounds themselves are infinite on the logit scale.
                minval=low + 1e-4 * (high - low),
                maxval=high - 1e-4 * (high - low),
            )
            for name, (low, high) in BOUNDS.items()
        }

    return prior


def days(key, parameters):
    """Draw the days on which each site reports, in increasing order."""
    n, n_sites, _ = parameters["A"].shape
    drawn = jax.random.uniform(key, (n, n_sites, N_OBS, 1), maxval=N_DAYS)
    return {"obs": jnp.sort(drawn, axis=2)}


def infected(rates, times):
    """Return the infected share of one site at given times, in days."""
    beta_0, alpha, sigma, amplitude, length, phase = rates

    def change(t, state, _):
        susceptible, exposed, sick = state
        season = jnp.sin(2 * jnp.pi * (t / length + phase))
        new = beta_0 * (1 + amplitude * season) * susceptible * sick
        return jnp.stack(
            [-new, new - alpha * exposed, alpha * exposed - sigma * sick]
        )

    solution = diffrax.diffeqsolve(
        diffrax.ODETerm(change),
        diffrax.Tsit5(),
        0.0,
        N_DAYS,
        1.0,
        jnp.array([0.99, 0.0, 0.01]),
        saveat=diffrax.SaveAt(ts=times),
        max_steps=int(N_DAYS) + 2,
    )
    return solution.ys[:, 2]


def simulator(key, parameters, inputs):
    """Simulate the epidemics and their reports."""
    n_sites = parameters["A"].shape[-2]
    times = inputs["obs"][..., 0]
    rates = jnp.stack(
        [
            jnp.broadcast_to(
                parameters[name][..., 0], (*times.shape[:-2], n_sites)
            )
            for name in PARAMETERS
        ],
        -1,
    )
    shares = jax.vmap(jax.vmap(infected))(rates, times)[..., None]
    error = jnp.exp(0.1 * jax.random.normal(key, shares.shape))
    # A share of 0 has no logarithm.
    return {"obs": jnp.maximum(shares, 1e-6) * error}


def simulate(key, n, n_sites):
    """Return ``n`` simulations with a number of sites as Tokens."""
    return generate_static_dataset(
        key, prior_of(n_sites), simulator, days, RULES, n
    )


def train(key, n_sites, n_simulations, n_epochs, batch_size, **options):
    """Simulate and train; return the estimator and the training history."""
    data_key, fit_key = jax.random.split(key)
    simulations = simulate(data_key, n_simulations, n_sites)
    network = Transformer.for_tokens(
        simulations,
        TransformerConfig(latent_dim=32, n_encoder_layers=1),
        rngs=nnx.Rngs(0),
    )
    estimator = FlowMatchingEstimator(network, bijectors=BIJECTORS)
    history = estimator.fit(
        simulations,
        PARAMETERS,
        OBSERVATIONS,
        key=fit_key,
        learning_rate=2e-3,
        n_epochs=n_epochs,
        batch_size=batch_size,
        **options,
    )
    return estimator, history


def main():
    """Train, infer one outbreak, and plot."""
    options = arguments(
        __doc__,
        n_sites=50,
        n_simulations=10_000,
        n_epochs=1,
        batch_size=32,
        n_samples=500,
    )
    keys = jax.random.split(jax.random.key(options.seed), 4)
    estimator, history = train(
        keys[0],
        options.n_sites,
        options.n_simulations,
        options.n_epochs,
        options.batch_size,
        progress=options.progress,
    )
    print(history)

    observed = simulate(keys[1], 1, options.n_sites)
    draws = estimator.sample(
        observed,
        PARAMETERS,
        OBSERVATIONS,
        key=keys[2],
        n_samples=options.n_samples,
        progress=options.progress,
    ).decode()
    truth = {name: observed.decode()[name] for name in PARAMETERS}
    # Show only as many sites as can be distinguished in a plot.
    sites = slice(25)
    shown = {name: np.s_[:] for name in GLOBALS} | {"A": sites}
    found = estimate(
        columns({n: draws[n][:, :, some] for n, some in shown.items()})[:, 0]
    )
    truth = {n: truth[n][:, some] for n, some in shown.items()}
    predicted = posterior_predictive(
        estimator,
        observed,
        PARAMETERS,
        OBSERVATIONS,
        simulator,
        key=keys[3],
        n_samples=min(200, options.n_samples),
        progress=options.progress,
    )
    print(predicted.summary())

    drawing, (intervals, *predictions) = figure(
        3, f"SEIR at {options.n_sites} sites"
    )
    plot_intervals(intervals, names_of(truth), found, truth=columns(truth)[0])
    predicted.plot(ax=predictions, groups=[0, options.n_sites - 1])
    save(drawing, options.out / "seir.png")


if __name__ == "__main__":
    main()
