"""Eight schools: the effect of coaching, with the data of Rubin (1981).

    mu ~ N(0, 5);  tau ~ HalfCauchy(5)
    theta[j] ~ N(mu, tau);  y[j] ~ N(theta[j], sigma[j]),  sigma known

Compare with the reference posterior of posteriordb (Magnusson et al.)::

    python eight_schools.py --out demo-output
"""

import jax
import jax.numpy as jnp
import numpy as np
from comparison import (
    ORANGE,
    Posterior,
    arguments,
    columns,
    estimate,
    figure,
    names_of,
    plot_intervals,
    print_errors,
    print_table,
    save,
)
from flax import nnx

from tfmpe import generate_static_dataset
from tfmpe.estimators import FlowMatchingEstimator
from tfmpe.nn import Transformer, TransformerConfig

Y = np.array([28.0, 8.0, -3.0, 7.0, -1.0, 1.0, 18.0, 12.0])
SIGMA = np.array([15.0, 10.0, 16.0, 11.0, 9.0, 11.0, 10.0, 18.0])
PARAMETERS, OBSERVATIONS = ["mu", "tau", "z"], ["y"]
RULES = {
    "local": ["z", "y"],
    "cross_local": [("z", "y", (0, 0))],
}
# Half-Cauchy scales occasionally give effects of thousands of points, so the
# network sees values that grow with their logarithm.
BIJECTORS = {
    "tau": (jnp.log, jnp.exp),
    "y": (lambda y: jnp.arcsinh(y / 10), lambda u: 10 * jnp.sinh(u)),
}
# posteriordb, eight_schools_noncentered: means and standard deviations.
REFERENCE = {
    "mu": (4.41, 3.31),
    "tau": (3.60, 3.20),
    "theta[0]": (6.15, 5.62),
    "theta[6]": (6.32, 5.00),
}


def prior(key, n):
    """Draw mean, spread, and scaled effects of the schools."""
    mu_key, tau_key, z_key = jax.random.split(key, 3)
    return {
        "mu": 5 * jax.random.normal(mu_key, (n, 1, 1)),
        "tau": 5 * jnp.abs(jax.random.cauchy(tau_key, (n, 1, 1))) + 1e-3,
        "z": jax.random.normal(z_key, (n, 8, 1)),
    }


def standard_errors(key, parameters):
    """Return the known standard errors of the schools, in points."""
    del key, parameters
    sigma = jnp.asarray(SIGMA[:, None], jnp.float32)
    return {"z": sigma, "y": sigma}


def effects(parameters):
    """Return the effects of the schools, in points."""
    return parameters["mu"] + parameters["tau"] * parameters["z"]


def simulator(key, parameters, inputs):
    """Simulate the estimated effects, given their standard errors."""
    theta = effects(parameters)
    sigma = inputs["y"]
    return {"y": theta + sigma * jax.random.normal(key, theta.shape)}


def train(key, n_simulations, n_epochs, **options):
    """Simulate and train; return estimator, simulations and history."""
    data_key, fit_key = jax.random.split(key)
    simulations = generate_static_dataset(
        data_key, prior, simulator, standard_errors, RULES, n_simulations
    )
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
        **options,
    )
    return estimator, simulations, history


def posterior(estimator, simulations, key, n_samples, **options):
    """Return draws of mu, tau and theta given the schools' data."""
    schools = jax.tree.map(lambda leaf: leaf[:1], simulations)
    schools = schools.with_values(y=Y[:, None].astype(np.float32))
    draws = estimator.sample(
        schools,
        PARAMETERS,
        OBSERVATIONS,
        key=key,
        n_samples=n_samples,
        **options,
    ).decode()
    return {
        "mu": draws["mu"],
        "tau": draws["tau"],
        "theta": effects(draws),
    }


def main():
    """Train, compare, and plot."""
    options = arguments(
        __doc__, n_simulations=100_000, n_epochs=4, n_samples=10_000
    )
    key, draw_key = jax.random.split(jax.random.key(options.seed))
    shown = {"progress": options.progress}
    estimator, simulations, history = train(
        key, options.n_simulations, options.n_epochs, **shown
    )
    print(history)

    draws = posterior(
        estimator, simulations, draw_key, options.n_samples, **shown
    )
    names, values = names_of(draws), columns(draws)[:, 0]
    found = estimate(values)
    print_table(names, found)
    print("\ncompared with posteriordb:")
    rows = [names.index(name) for name in REFERENCE]
    reference = Posterior(*np.array(list(REFERENCE.values())).T)
    part = Posterior(found.mean[rows], found.sd[rows])
    print_table(list(REFERENCE), part, reference)
    print_errors(Posterior(part.mean[None], part.sd[None]), reference)

    drawing, (intervals, spread) = figure(2, "eight schools")
    # Drawn before the intervals, so that their legend includes the data.
    intervals.errorbar(
        Y,
        np.arange(8)[::-1] + 0.16,
        xerr=SIGMA,
        fmt="o",
        color=ORANGE,
        lw=0.8,
        ms=4,
        label="data, 1 sd",
    )
    plot_intervals(intervals, names, found)
    intervals.set_xlabel("effect (points)")
    tau, first = values[:, names.index("tau")], names.index("theta[0]")
    spread.plot(np.log(tau), values[:, first], ".", ms=1, color="#1f4e79")
    spread.set_xlabel("log tau")
    spread.set_ylabel("theta[0]")
    save(drawing, options.out / "eight_schools.png")


if __name__ == "__main__":
    main()
