"""Tasks, references and judge of `benchmarks/hierarchical`."""

import sys
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.stats

sys.path.insert(0, str(Path(__file__).parents[2] / "benchmarks/hierarchical"))
import gibbs
import make_references
import page
import quadrature
from judge import judge
from tasks import TASKS, Population

CELLS = [(name, size) for size in (5, 50) for name in TASKS]
MOONS = TASKS["two_moons"]


# The ten counts of a site are one token, its parameters two numbers.
@pytest.mark.filterwarnings("ignore:.*Batch size padding")
@pytest.mark.parametrize(
    "name", ["gaussian_linear_uniform", "two_moons", "sir"]
)
def test_bijectors_make_the_prior_normal(name):
    task = TASKS[name]
    model = task.model(2)
    values = model.simulate(jax.random.key(0), 4_000).decode()
    assert {*values} == {*task.target_keys, "x"}
    assert {*model.target_keys} == {*task.target_keys}
    for key, (forward, backward) in task.bijectors.items():
        z = np.asarray(jax.jit(forward)(values[key]))
        assert np.isfinite(z).all()
        back = jax.jit(backward)(z)
        np.testing.assert_allclose(back, values[key], rtol=2e-3, atol=1e-3)
        if key in task.global_names and name != "sir":
            # Four standard errors of 4,000 draws.
            assert np.abs(z.mean(0)).max() < 0.064
            assert np.abs(z.std(0) - 1).max() < 0.045


@pytest.mark.filterwarnings("ignore:.*Batch size padding")
@pytest.mark.parametrize("name", ["gaussian_linear", "slcp"])
def test_density_is_that_of_prior_and_likelihood(name):
    task = TASKS[name]
    model = task.model(2)
    tokens = model.simulate(jax.random.key(0), 3)
    values = jax.tree.map(np.asarray, tokens.decode())
    factors = list(task.log_prior(values).values())
    if name == "slcp":
        factors.append(task.log_likelihood(values["theta"], values["x"]))
    else:
        normal = scipy.stats.norm(values["mu"], values["sigma"])
        factors.append(normal.logpdf(values["x"]))
    expected = sum(np.reshape(each, (3, -1)).sum(-1) for each in factors)
    found = model.log_density(tokens)
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("name", ["gaussian_mixture", "sir", "slcp"])
def test_likelihood_is_that_of_the_simulator(name):
    # The mean of the derivative of a log density is 0 under that density.
    theta = {
        "gaussian_mixture": [1.0, -2.0],
        "sir": [-0.9, -2.0],
        "slcp": [0.7, -2.9, -1.0, 0.9, 0.6],
    }[name]
    theta, n = jnp.array(theta), 2_000
    task = TASKS[name]

    @jax.jit
    def compute(theta):
        repeated = jnp.broadcast_to(theta, (1, n, len(theta)))
        x = task.simulator(jax.random.key(0), {"theta": repeated})["x"][0]
        return jax.vmap(jax.grad(task.log_likelihood), (None, 0))(theta, x)

    score = np.asarray(compute(theta))
    error = score.std(0) / n**0.5
    assert (np.abs(score.mean(0)) < 4.5 * error).all(), score.mean(0) / error
    assert (error > 0).all()


@pytest.mark.parametrize("theta", [(0.3, 0.4), (-0.5, 0.1)])
def test_density_of_two_moons(theta):
    # Its support depends on theta, so it is integrated.
    theta = jnp.array(theta)
    edges = np.linspace(-1.5, 1.5, 751)
    x = np.stack(np.meshgrid(edges, edges, indexing="ij"), -1)
    x = x.astype(np.float32)
    weight = np.exp(jax.jit(MOONS.log_likelihood)(theta, x))
    weight *= (edges[1] - edges[0]) ** 2
    assert weight.sum() == pytest.approx(1, abs=0.02)
    repeated = {"theta": np.broadcast_to(theta, (1, 5_000, 2))}
    simulated = jax.jit(MOONS.simulator)(jax.random.key(0), repeated)["x"]
    simulated = np.asarray(simulated)[0]
    mean = (weight[..., None] * x).sum((0, 1)) / weight.sum()
    np.testing.assert_allclose(simulated.mean(0), mean, atol=5e-3)


def test_quadrature_agrees_with_importance_sampling():
    population = Population((0.5, 0.5), 1.0)

    def log_likelihood(theta, x):
        return -((x - theta) ** 2 / jnp.array([0.18, 0.5])).sum(-1)

    x = np.array([[0.5, 0.2], [0.9, -0.6], [0.1, -0.3]], np.float32)
    moments, draw = quadrature.pooled(x, population, log_likelihood, 24, 100)
    prior = population.prior(jax.random.key(0), 200_000, 3)
    log_weight = np.asarray(log_likelihood(prior["theta"], x).sum(1), float)
    weight = np.exp(log_weight - log_weight.max())
    weight /= weight.sum()
    tolerance = 5 * np.sqrt((weight**2).sum())  # in sd
    assert tolerance < 0.07
    for name, (mean, sd) in moments.items():
        values = np.asarray(prior[name], float)
        found = np.einsum("n,n...->...", weight, values)
        spread = np.einsum("n,n...->...", weight, (values - found) ** 2) ** 0.5
        found, spread = (np.reshape(v, np.shape(mean)) for v in (found, spread))
        assert (np.abs(found - mean) < tolerance * sd).all(), name
        np.testing.assert_allclose(spread, sd, rtol=tolerance)
    draws = draw(np.random.default_rng(0), 4_000)
    mean, sd = moments["scale"]
    assert (np.abs(draws["scale"].mean(0) - mean) < 0.08 * np.array(sd)).all()


def test_gaussian_quadrature_ranks_simulated_values():
    task, n = TASKS["gaussian_linear"], 300
    draw = jax.jit(task.prior, static_argnums=(1, 2))
    parameters = jax.device_get(draw(jax.random.key(0), n, 4))
    x = np.asarray(task.simulator(jax.random.key(1), parameters)["x"])
    z = []
    for row in range(n):
        moments, _ = quadrature.one_scale(x[row, :, 0], 1.0, n=300)
        for name, (mean, sd) in moments.items():
            z.append((parameters[name][row].ravel() - np.ravel(mean)) / sd[0])
    z = np.concatenate(z)
    # Standard errors are .026 and about .05.
    assert abs(z.mean()) < 0.1
    assert abs((z**2).mean() - 1) < 0.2


def test_gibbs_steps_keep_the_joint_distribution():
    # Parameters of the prior stay so, given observations simulated from them.
    n, task = 2_000, TASKS["slcp"]
    draw = jax.jit(task.prior, static_argnums=(1, 2))
    values = draw(jax.random.key(0), n, 2)
    x = jax.jit(task.simulator)(jax.random.key(1), values)["x"]
    chains = gibbs.Chains(x, n, n=16, n_local=60, seed=0)
    names = "loc", "scale", "theta"
    before = {name: np.array(values[name], float) for name in names}
    chains.loc, chains.scale = (before[k][:, 0].copy() for k in names[:2])
    chains.theta = before["theta"].copy()
    for _ in range(3):
        chains.step()
    for name in names:
        old = np.reshape(before[name], np.shape(getattr(chains, name)))
        new = getattr(chains, name)
        for power in (1, 2):
            difference = new**power - old**power
            error = difference.std(0) / n**0.5
            assert (np.abs(difference.mean(0)) < 4.5 * error).all(), name
            moved = (new != old).mean()
            assert moved > 0.7


@pytest.mark.parametrize(("name", "size"), CELLS)
def test_stored_reference_is_consistent(name, size):
    stored, task = make_references.read(f"{name}_{size}"), TASKS[name]
    # The chains of fifty sites of SLCP are short.
    limit = 0.2 if (name, size) == ("slcp", 50) else 0.1
    assert stored["refining changed, in sd"] < limit
    assert {*stored["mean"]} == {*task.target_keys}
    assert len(stored["mean"][task.local_name]) == len(stored["x"]) == size
    assert {*stored["draws"]} == {*task.global_names}
    for key, draws in stored["draws"].items():
        mean, sd = np.array(stored["mean"][key]), np.array(stored["sd"][key])
        # Of 1,000 draws, in four standard errors or more.
        assert (np.abs(draws.mean(0) - mean) < 0.13 * sd).all()
        assert (np.abs(draws.std(0) / sd - 1) < 0.13).all()


@pytest.mark.parametrize("name", ["gaussian_linear_uniform", "two_moons"])
def test_stored_reference_is_computed_again(name, monkeypatch):
    monkeypatch.setattr(make_references, "GRIDS", {5: [(20, 200)]})
    stored = make_references.read(f"{name}_5")
    moments, _, _ = make_references.posterior(name, stored["x"], fine=False)
    for key, (mean, sd) in moments.items():
        exact = stored["sd"][key]
        assert (np.abs(mean - stored["mean"][key]) < 0.02 * exact).all()
        np.testing.assert_allclose(sd, exact, rtol=0.02)


def _exact_draws(stored):
    """Return draws of a Gaussian task's reference, sites independent."""
    rng, size = np.random.default_rng(1), len(stored["x"])
    mu = rng.normal(size=(1_000, size, 1)) * stored["sd"]["mu"]
    z = (mu - mu.mean(0)) / mu.std(0) * stored["sd"]["mu"]
    x = stored["x"][:, 0]
    _, draw = quadrature.one_scale(x, 0.1, 10.0)
    sigma = draw(np.random.default_rng(1), 20_000)["sigma"]
    return {"sigma": sigma, "mu": z + stored["mean"]["mu"]}


@pytest.mark.parametrize(
    ("shift", "factor", "missed"),
    [
        (0, 1, []),
        (0.01, 1, ["means"]),
        (0, 1.2, ["means", "sds"]),
        (0.1, 1, ["means", "C2ST"]),
    ],
)
def test_judge(shift, factor, missed):
    stored = make_references.read("gaussian_linear_uniform_5")
    draws = _exact_draws(stored)
    draws["sigma"] = draws["sigma"] * factor + shift
    verdict = judge(draws, stored, ("sigma",))
    assert verdict.missed == missed
    assert len(verdict.error) == 6
    assert verdict.n_globals == 1


def test_page_states_what_was_missed_and_not_run():
    row = {
        "task": "sir",
        "size": 5,
        "budget": 1_000,
        "method": "direct",
        "seed": 0,
        "error": {"globals": 0.5, "locals": 0.25},
        "width": {"globals": 1.5, "locals": 1.25},
        "c2st": 0.75,
        "missed": ["means", "C2ST"],
        "training CPU": 40.0,
        "drawing CPU": 2.0,
    }
    text = page.text({"machine": "2 cores", "rows": [row]})
    assert "35 were not run" in " ".join(text.split())
    assert "| 5 | 1,000 | direct | 1 | 0 | 0 | 1 | 0 |" in text
    cells = "| sir | 5 | 1,000 | direct | 0 | 0.50, 0.25 | 1.50, 1.25 | 0.75 "
    assert cells + "| means, C2ST | 42 |" in text
    better = row | {"missed": []}
    last = page.summary([row, better]).splitlines()[-1]
    assert last == "| 5 | 1,000 | direct | 2 | 1 | 1 | 2 | 1 |"


@pytest.mark.parametrize("name", page.NUMPYRO)
def test_stored_reference_of_a_numpyro_model(name):
    pytest.importorskip("numpyro")
    from numpyro import handlers
    from ragged_and_crossed import CASES

    stored, case = make_references.read(name), CASES[name]
    assert stored["observed"].shape == case.observed().shape
    trace = handlers.trace(handlers.seed(case.model, 0)).get_trace(
        *case.arguments
    )
    sites = {k: v for k, v in trace.items() if v["type"] == "sample"}
    assert {*stored["mean"]} == {*sites} - {"obs"}
    for key, mean in stored["mean"].items():
        assert np.shape(mean) == np.shape(sites[key]["value"])
        low, *_, high = stored["quantiles"][key]
        assert (low < mean).all()
        assert (mean < high).all()
    assert {*stored["draws"]} == {*case.global_names}
