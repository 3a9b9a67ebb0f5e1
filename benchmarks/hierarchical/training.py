"""Posterior of a task from a budget of simulations of single sites."""

import jax
import numpy as np
from flax import nnx

import tfmpe
from tfmpe.estimators import (
    DensityEstimator,
    FlowMatchingEstimator,
    train_bottom_up,
)
from tfmpe.nn import Transformer, TransformerConfig

N_DRAWS = 4_000
CONFIG = TransformerConfig(32, n_encoder_layers=1, n_decoder_layers=2)
N_STEPS, ROWS = 1_000, 64
DENSITY_STEPS = 5_000
N_REFINED = 3


def direct(task, size, budget, key):
    """Simulate all sites together, ``budget // size`` times."""
    model, estimator = _trained_direct(task, size, budget, key)

    def draw(x, key):
        return _arrays(
            estimator.sample(
                model.condition({"x": x}),
                task.target_keys,
                ["x"],
                key=key,
                n_samples=N_DRAWS,
            )
        )

    return draw


def known_likelihood(task, size, budget, key):
    """Train as ``direct``; correct draws by the density of the task."""
    model, estimator = _trained_direct(task, size, budget, key)
    options = _correction(task.population is None)

    def draw(x, key):
        found = estimator.corrected({"x": x}, key=key, model=model, **options)
        return _arrays(_shown(found).draws)

    return draw


def bottom_up(task, size, budget, key):
    """Simulate single sites; learn their likelihood, then the posterior.

    The posterior is trained on models of all sites whose observations are
    drawn from the learned likelihood, so that they need no simulation.
    """
    found = _trained_bottom_up(task, size, budget, key, 5_000, N_STEPS)

    def draw(x, key):
        tokens = found.observe({"x": x})[0]
        return _arrays(
            found.estimator.sample(
                tokens, *found.posterior, key=key, n_samples=N_DRAWS
            )
        )

    return draw


def corrected(task, size, budget, key):
    """Train bottom-up; correct draws by the learned likelihood of a site.

    The posterior is only the first proposal, so its training is short.
    """
    found = _trained_bottom_up(task, size, budget, key, 2_000, N_STEPS // 2)

    def draw(x, key):
        return _arrays(_corrected_draws(found, task, size, x, key).draws)

    return draw


def refined(task, size, budget, key):
    """Spend three fifths of the budget near the posterior, in three rounds.

    The other simulations are those of ``corrected``.
    """
    n_new = budget // 5
    n_first = budget - N_REFINED * n_new
    train_key, key = jax.random.split(key)
    first = _trained_bottom_up(
        task, size, n_first, train_key, 2_000, N_STEPS // 2
    )

    def draw(x, draw_key):
        found = first
        for number in range(N_REFINED + 1):
            draw_key, own_key = jax.random.split(draw_key)
            draws = _corrected_draws(found, task, size, x, own_key)
            if number < N_REFINED:
                found = found.refined(
                    draws,
                    key=jax.random.fold_in(key, number),
                    n_simulations=n_new,
                    **_likelihood_steps(n_first + n_new * (number + 1)),
                )
        return _arrays(draws.draws)

    return draw


def _corrected_draws(found, task, size, x, key):
    """Correct draws of a bottom-up training."""
    shared = found.likelihood.conditioning_keys != (task.local_name,)
    options = _correction(shared)
    return _shown(found.corrected({"x": x}, task.log_prior, key=key, **options))


def _shown(found):
    """Print the efficiency of corrected draws; return them."""
    print(f"efficiency {found.efficiency:.3f}", flush=True)
    return found


def _likelihood_steps(n):
    """Return options of ``fit`` for as many steps whatever the number."""
    batch = min(256, max(32, n // 40))
    steps = round(0.9 * n / batch)
    n_epochs = max(1, DENSITY_STEPS // steps)
    return {"batch_size": batch, "n_epochs": n_epochs}


def _correction(shared):
    """Return options of ``corrected``.

    A likelihood that depends on global values takes a density for each pair of
    global and local values.
    """
    n, n_inner = (1_000, 750) if shared else (N_DRAWS, 4_000)
    return {"n_samples": n, "n_inner": n_inner}


def _trained_direct(task, size, budget, key):
    model = task.model(size)
    data_key, fit_key = jax.random.split(key)
    simulations = model.simulate(data_key, max(2, budget // size))
    estimator = _estimator(task, simulations)
    estimator.fit(
        simulations,
        task.target_keys,
        key=fit_key,
        **_options(len(simulations)),
    )
    return model, estimator


def _trained_bottom_up(task, size, budget, key, n_synthetic, n_steps):
    model = task.model(size)
    return train_bottom_up(
        _estimator(task, model.simulate(jax.random.key(0), 2)),
        lambda key, n, sizes: task.prior(key, n, sizes["site"]),
        task.simulator,
        key=key,
        plates=task.plates,
        sizes={"site": size},
        independence=task.independence,
        n_simulations=budget,
        n_synthetic=n_synthetic,
        # A location that is given, not inferred, keeps its own units.
        likelihood=DensityEstimator(
            bijectors={
                name: each
                for name, each in task.bijectors.items()
                if name != task.local_name
            },
            discrete=task.discrete,
        ),
        likelihood_options={
            "learning_rate": 3e-3,
            "patience": None,
            **_likelihood_steps(budget),
        },
        **_options(budget + n_synthetic, n_steps),
    )


METHODS = {
    "direct": direct,
    "bottom-up": bottom_up,
    "corrected": corrected,
    "refined": refined,
    "known-likelihood": known_likelihood,
}


def from_numpyro(case, budget, method, key):
    """Simulate a NumPyro model, whose rules are read from it.

    ``direct``, or ``known-likelihood``, where the trained posterior is only the
    first proposal, so its training is short.
    """
    model = tfmpe.from_numpyro(case.model, *case.arguments, observed=["obs"])
    estimator = FlowMatchingEstimator()
    direct = method == "direct"
    options = _options(budget, N_STEPS if direct else N_STEPS // 4)
    estimator.fit(model, n_simulations=budget, key=key, **options)

    def draw(observed, key):
        observed = {"obs": np.asarray(observed, np.float32)}
        if direct:
            return _arrays(
                estimator.sample(observed, key=key, n_samples=N_DRAWS)
            )
        found = estimator.corrected(
            observed,
            key=key,
            n_samples=N_DRAWS,
            global_keys=case.shared,
        )
        return _arrays(_shown(found).draws)

    return draw


def _arrays(drawn):
    return {name: np.asarray(v) for name, v in drawn.decode().items()}


def _options(n, n_steps=N_STEPS):
    """Return options of ``fit`` for a number of rows.

    As many steps whatever the number, unless the validation loss rises.
    """
    steps = max(1, round(0.9 * n / ROWS))
    n_epochs = max(min(10, n_steps // 100), n_steps // steps)
    return {
        "learning_rate": 2e-3,
        "batch_size": ROWS,
        "n_noise": 2,
        "n_epochs": n_epochs,
        "validation": 0.1,
        "patience": max(5, n_epochs // 4),
    }


def _estimator(task, tokens):
    names = tokens.layout.names
    network = Transformer.for_tokens(
        tokens, CONFIG, rngs=nnx.Rngs(0), exchangeable=names
    )
    return FlowMatchingEstimator(network, bijectors=task.bijectors)
