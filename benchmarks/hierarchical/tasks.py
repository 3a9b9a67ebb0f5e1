"""Six hierarchical tasks: priors, simulators, rules and likelihoods.

The base tasks are those of Lueckmann et al., 2021 (Benchmarking
simulation-based inference). Here each has many sites: the parameters of a base
task are local to a site, and global parameters describe their population or the
noise that all sites share. Definitions:
``docs/benchmarks/hierarchical_tasks.md``.
"""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.scipy.special import ndtr, ndtri
from jax.scipy.stats import norm

from tfmpe.models import Model

SIR_DAYS = 16 * np.arange(1, 11)
SIR_STEP = 0.5  # days
SIR_TESTED = 1_000


class Population(NamedTuple):
    """Distribution of the local parameters, one number per coordinate.

    ``scale ~ HalfNormal(half)``. With a bound, ``loc ~ Uniform(-bound, bound)``
    and ``theta ~ Normal(loc, scale)`` truncated to it; otherwise
    ``loc ~ Normal(mean, sd)`` and ``theta ~ Normal(loc, scale)``.
    """

    half: tuple[float, ...]
    bound: float | None = None
    mean: tuple[float, ...] = ()
    sd: tuple[float, ...] = ()

    def prior(self, key, n, n_sites):
        """Return n samples of loc, scale and theta."""
        keys, shape = jax.random.split(key, 3), (n, 1, len(self.half))
        half, bound = jnp.asarray(self.half), self.bound
        scale = half_normal(keys[0], shape) * half
        shape_of_all = (n, n_sites, len(self.half))
        if bound is None:
            loc = jnp.asarray(self.mean) + jnp.asarray(
                self.sd
            ) * jax.random.normal(keys[1], shape)
            z = jax.random.normal(keys[2], shape_of_all)
            return {"loc": loc, "scale": scale, "theta": loc + scale * z}
        loc = inside(jax.random.uniform(keys[1], shape, None, -1, 1), 1) * bound
        low, high = (-bound - loc) / scale, (bound - loc) / scale
        z = jax.random.truncated_normal(keys[2], low, high, shape_of_all)
        theta = inside(loc + scale * z, bound)
        return {"loc": loc, "scale": scale, "theta": theta}

    def log_prior(self, parameters):
        """Return the log densities of loc, scale and theta."""
        loc, scale, theta = (
            parameters[name] for name in ("loc", "scale", "theta")
        )
        half, bound = jnp.asarray(self.half), self.bound
        own = norm.logpdf(theta, loc, scale)
        if bound is None:
            of_loc = norm.logpdf(loc, jnp.array(self.mean), jnp.array(self.sd))
        else:
            of_loc = jnp.where(jnp.abs(loc) < bound, 0.0, -jnp.inf)
            own = own - jnp.log(
                ndtr((bound - loc) / scale) - ndtr((-bound - loc) / scale)
            )
            own = jnp.where(jnp.abs(theta) < bound, own, -jnp.inf)
        return {
            "loc": of_loc.sum(-1),
            "scale": norm.logpdf(scale / half).sum(-1),
            "theta": own.sum(-1),
        }

    @property
    def bijectors(self):
        """Maps of the prior of loc and scale to a standard normal one."""
        # A bijector is the same for all coordinates; where their priors differ,
        # that of the widest is smooth for all.
        found = {"scale": half_normal_bijector(max(self.half))}
        if self.bound is not None:
            found |= dict.fromkeys(
                ("loc", "theta"), uniform_bijector(self.bound)
            )
        return found


class Task(NamedTuple):
    """A generative model of several sites.

    ``prior(key, n, n_sites)`` and ``simulator(key, parameters)`` are those of a
    ``TokenGenerator``, apart from the number of sites.
    ``log_likelihood(theta, x)`` is that of one site, with any leading axes of
    ``theta``; for the Gaussian tasks, which have a closed form, it is None.
    ``log_prior(parameters)`` returns log factors by name, up to constants.
    ``discrete`` names observations that are integers.
    """

    global_names: tuple[str, ...]
    local_name: str
    prior: Callable
    simulator: Callable
    independence: dict
    bijectors: dict
    log_prior: Callable
    population: Population | None = None
    log_likelihood: Callable | None = None
    discrete: tuple[str, ...] = ()

    @property
    def target_keys(self):
        """Names of all parameters."""
        return [*self.global_names, self.local_name]

    def model(self, n_sites):
        """Return the model of some sites."""
        return Model(
            lambda key, n: self.prior(key, n, n_sites),
            self.simulator,
            None,
            self.independence,
            bijectors=self.bijectors,
            # Nothing tells sites or observations apart but what they hold.
            exchangeable=[self.local_name, "x"],
            log_density_fn=self.log_density,
        )

    def log_density(self, parameters, observed):
        """Return log factors of parameters and observations by name."""
        x = observed["x"]
        if self.log_likelihood is None:
            factor = norm.logpdf(x, parameters["mu"], parameters["sigma"])
            factor = factor.sum(-1)
        else:
            theta = parameters[self.local_name]
            factor = self.log_likelihood(theta, x)
        # One number for each token: points of a site have equal shares.
        points = x.shape[2:-1]
        factor = factor.reshape((*factor.shape[:2], *(1 for _ in points)))
        factor = jnp.broadcast_to(factor, x.shape[:-1]) / np.prod(points)
        return {**self.log_prior(parameters), "x": factor}

    @property
    def plates(self):
        """The plate of every key, for bottom-up training."""
        plates = dict.fromkeys(self.global_names, ())
        return plates | {self.local_name: ("site",), "x": ("site",)}


def half_normal(key, shape):
    """Return absolute values of standard normal numbers, never 0."""
    return jnp.maximum(jnp.abs(jax.random.normal(key, shape)), 1e-5)


def inside(values, bound):
    """Return values that are strictly inside the bounds in float32."""
    edge = bound * (1 - 2e-6)
    return jnp.clip(values, -edge, edge)


def half_normal_bijector(half):
    """Return maps between a half-normal and a standard normal number."""
    return (
        lambda value: -ndtri(2 * ndtr(-value / half)),
        lambda z: -half * ndtri(ndtr(-z) / 2),
    )


def uniform_bijector(bound):
    """Return maps between a uniform and a standard normal number."""
    return (
        lambda value: ndtri((value / bound + 1) / 2),
        lambda z: bound * (2 * ndtr(z) - 1),
    )


def _gaussian(half, bound):
    """Return a task of unknown means with one unknown noise."""

    def prior(key, n, n_sites):
        sigma_key, mu_key = jax.random.split(key)
        if bound is None:
            mu = jax.random.normal(mu_key, (n, n_sites, 1))
        else:
            mu = jax.random.uniform(mu_key, (n, n_sites, 1), None, -1, 1)
            mu = inside(mu, 1) * bound
        return {"sigma": half * half_normal(sigma_key, (n, 1, 1)), "mu": mu}

    def log_prior(parameters):
        sigma, mu = parameters["sigma"][..., 0], parameters["mu"][..., 0]
        of_mu = norm.logpdf(mu)
        if bound is not None:
            of_mu = jnp.where(jnp.abs(mu) < bound, 0.0, -jnp.inf)
        return {"sigma": norm.logpdf(sigma / half), "mu": of_mu}

    def simulator(key, parameters):
        mu = parameters["mu"]
        noise = jax.random.normal(key, mu.shape)
        return {"x": mu + parameters["sigma"] * noise}

    bijectors = {"sigma": half_normal_bijector(half)}
    if bound is not None:
        bijectors["mu"] = uniform_bijector(bound)
    rules = {"local": ["mu", "x"], "cross_local": [("mu", "x", (0, 0))]}
    return Task(("sigma",), "mu", prior, simulator, rules, bijectors, log_prior)


def _pooled(population, simulator, log_likelihood, bijectors=None, discrete=()):
    """Return a task whose local parameters share a population."""
    rules = {
        "local": ["theta", "x"],
        "cross": [
            (a, b)
            for name in ("loc", "scale")
            for a, b in ((name, "x"), ("x", name))
        ],
        "cross_local": [("theta", "x", (0, 0))],
    }
    return Task(
        ("loc", "scale"),
        "theta",
        population.prior,
        lambda key, parameters: {"x": simulator(key, parameters["theta"])},
        rules,
        population.bijectors | (bijectors or {}),
        population.log_prior,
        population,
        log_likelihood,
        discrete,
    )


def _mixture(key, theta):
    noise_key, choice_key = jax.random.split(key)
    wide = jax.random.bernoulli(choice_key, 0.5, (*theta.shape[:-1], 1))
    noise = jax.random.normal(noise_key, theta.shape)
    return theta + jnp.where(wide, 1.0, 0.1) * noise


def _mixture_density(theta, x):
    square = ((x - theta) ** 2).sum(-1)
    parts = [
        -square / (2 * s**2) - jnp.log(4 * jnp.pi * s**2) for s in (1.0, 0.1)
    ]
    return jnp.logaddexp(*parts)


def _moons_shift(theta):
    a, b = theta[..., 0], theta[..., 1]
    return jnp.stack([-jnp.abs(a + b), b - a], -1) / jnp.sqrt(2)


def _moons(key, theta):
    angle_key, radius_key = jax.random.split(key)
    shape = theta.shape[:-1]
    angle = jnp.pi * (jax.random.uniform(angle_key, shape) - 0.5)
    radius = 0.1 + 0.01 * jax.random.normal(radius_key, shape)
    moon = jnp.stack([jnp.cos(angle), jnp.sin(angle)], -1) * radius[..., None]
    return moon + jnp.array([0.25, 0.0]) + _moons_shift(theta)


def _moons_density(theta, x):
    moon = x - _moons_shift(theta) - jnp.array([0.25, 0.0])
    radius = jnp.maximum(jnp.sqrt((moon**2).sum(-1)), 1e-9)
    log_density = -(((radius - 0.1) / 0.01) ** 2) / 2 - jnp.log(
        0.01 * jnp.sqrt(2 * jnp.pi) * jnp.pi * radius
    )
    return jnp.where(moon[..., 0] > 0, log_density, -jnp.inf)


def infected(theta):
    """Return infected fractions ``(*sample, 10)`` given log rates."""
    beta, gamma = jnp.exp(theta[..., 0]), jnp.exp(theta[..., 1])

    def slope(state):
        new = beta * state[0] * state[1]
        return jnp.stack([-new, new - gamma * state[1]])

    def step(state, _):
        k1 = slope(state)
        k2 = slope(state + SIR_STEP / 2 * k1)
        k3 = slope(state + SIR_STEP / 2 * k2)
        k4 = slope(state + SIR_STEP * k3)
        state = state + SIR_STEP / 6 * (k1 + 2 * k2 + 2 * k3 + k4)
        # Steps are too long for rates above 5 per day, which are rare.
        state = jnp.clip(state, 0, 1)
        return state, state[1]

    start = jnp.stack([jnp.full_like(beta, 1 - 1e-6), 1e-6 + 0 * beta])
    n_steps = round(float(SIR_DAYS[-1]) / SIR_STEP)
    _, path = jax.lax.scan(step, start, None, n_steps)
    path = path[np.rint(SIR_DAYS / SIR_STEP).astype(int) - 1]
    return jnp.clip(jnp.moveaxis(path, 0, -1), 1e-12, 1 - 1e-6)


def _sir(key, theta):
    counts = jax.random.binomial(key, float(SIR_TESTED), infected(theta))
    return counts.astype(theta.dtype)


def _sir_density(theta, x):
    share = infected(theta)
    factors = x * jnp.log(share) + (SIR_TESTED - x) * jnp.log1p(-share)
    lgamma = jax.scipy.special.gammaln
    choices = (
        lgamma(SIR_TESTED + 1.0) - lgamma(x + 1) - lgamma(SIR_TESTED - x + 1)
    )
    return (factors + choices).sum(-1)


def slcp_moments(theta):
    """Return means, standard deviations ``(*sample, 2)``, and correlation."""
    return theta[..., :2], theta[..., 2:4] ** 2, jnp.tanh(theta[..., 4])


def _slcp(key, theta):
    mean, sd, rho = slcp_moments(theta)
    z = jax.random.normal(key, (*rho.shape, 4, 2))
    rho = rho[..., None]
    second = rho * z[..., 0] + jnp.sqrt(1 - rho**2) * z[..., 1]
    return mean[..., None, :] + sd[..., None, :] * jnp.stack(
        [z[..., 0], second], -1
    )


def _slcp_density(theta, x):
    mean, sd, rho = slcp_moments(theta)
    z = (x - mean[..., None, :]) / sd[..., None, :]
    rest = 1 - rho**2
    square = (z**2).sum((-2, -1)) - 2 * rho * z.prod(-1).sum(-1)
    n = x.shape[-2]
    log_scale = jnp.log(2 * jnp.pi * sd.prod(-1) * jnp.sqrt(rest))
    return -square / (2 * rest) - n * log_scale


TASKS = {
    "gaussian_linear": _gaussian(1.0, None),
    "gaussian_linear_uniform": _gaussian(0.1, 10.0),
    "gaussian_mixture": _pooled(
        Population((1.0, 1.0), 10.0), _mixture, _mixture_density
    ),
    "two_moons": _pooled(Population((0.5, 0.5), 1.0), _moons, _moons_density),
    "sir": _pooled(
        Population(
            (0.25, 0.1),
            mean=(float(np.log(0.4)), float(np.log(0.125))),
            sd=(0.5, 0.2),
        ),
        _sir,
        _sir_density,
        # The noise of the square root of a count is nearly constant.
        {
            "x": (
                lambda x: jnp.sqrt(x + 0.375),
                lambda z: jnp.maximum(z**2 - 0.375, 0),
            )
        },
        ("x",),
    ),
    "slcp": _pooled(Population((1.0,) * 5, 3.0), _slcp, _slcp_density),
}
