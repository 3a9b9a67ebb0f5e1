"""NumPyro models of many kinds, with the ties that their rules leave open."""

from collections.abc import Callable
from functools import cache
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import numpyro
import numpyro.distributions as dist
from jax import lax
from numpyro import plate, sample
from numpyro.contrib.control_flow import scan

from tfmpe import Model, from_numpyro


class Case(NamedTuple):
    """A model with arguments, and the number of superfluous open pairs.

    Pairs of tokens are counted in both directions; ``superfluous`` are those
    that the rules leave open although the tokens are not tied.
    """

    model: Callable[..., Any]
    arguments: tuple[Any, ...]
    superfluous: int
    observed: tuple[str, ...] = ("obs",)


class Simulated(dist.Distribution):
    """A simulator of two numbers, without a density."""

    support = dist.constraints.real_vector
    pytree_data_fields = ("theta",)

    def __init__(self, theta):
        self.theta = theta
        super().__init__(batch_shape=jnp.shape(theta), event_shape=(2,))

    def sample(self, key, sample_shape=()):
        """Draw both numbers."""
        shape = (*sample_shape, *self.batch_shape)
        noise, counts = jax.random.split(key)
        rate = jnp.broadcast_to(jnp.exp(self.theta), shape)
        normal = self.theta + jax.random.normal(noise, shape)
        # Draws by rejection, in a loop over the whole batch.
        drawn = jax.random.poisson(counts, rate)
        return jnp.stack([normal, drawn.astype(float)], -1)


def gaussian(n_sites, n_obs, y=None):
    """Global, local, and observations."""
    mu = sample("mu", dist.Normal(0, 1))
    with plate("site", n_sites, dim=-2):
        theta = sample("theta", dist.Normal(mu, 1))
        with plate("visit", n_obs, dim=-1):
            sample("obs", dist.Normal(theta, 1), obs=y)


def eight_schools(sigma, y=None):
    """Known errors as covariates."""
    mu = sample("mu", dist.Normal(0, 5))
    tau = sample("tau", dist.HalfCauchy(5))
    with plate("school", len(sigma)):
        theta = sample("theta", dist.Normal(mu, tau))
        sample("obs", dist.Normal(theta, sigma), obs=y)


def radon(county, n_counties, floor, uranium, y=None):
    """Ragged groups, covariates of groups and members."""
    g0, g1, b = (sample(n, dist.Normal(0, 1)) for n in ("g0", "g1", "b"))
    s_a, s_y = (sample(n, dist.HalfNormal(1)) for n in ("s_a", "s_y"))
    with plate("county", n_counties):
        alpha = sample("alpha", dist.Normal(g0 + g1 * uranium, s_a))
    with plate("house", len(county)):
        sample("obs", dist.Normal(alpha[county] + b * floor, s_y), obs=y)


def seir(times, n_sites, y=None):
    """Observe an epidemic at times."""
    gamma = sample("gamma", dist.LogNormal(-1, 0.3))
    sigma = sample("sigma", dist.LogNormal(-1, 0.3))
    with plate("site", n_sites, dim=-2):
        beta = sample("beta", dist.LogNormal(0, 0.3))

    def step(state, _):
        s, e, i = state
        new, inc, rec = beta * s * i, sigma * e, gamma * i
        s, e, i = s - 0.1 * new, e + 0.1 * (new - inc), i + 0.1 * (inc - rec)
        return (s, e, i), i

    zero = jnp.zeros_like(beta)
    start = (zero + 0.99, zero, zero + 0.01)
    _, path = lax.scan(step, start, None, 100)
    rate = path[:, :, 0].T[:, jnp.asarray(times * 10, int)]
    with plate("site", n_sites, dim=-2), plate("day", len(times), dim=-1):
        sample("obs", dist.Normal(rate, 0.05), obs=y)


def irt(student, item, n_students, n_items, y=None):
    """Crossed and ragged."""
    m, s = sample("m", dist.Normal(0, 1)), sample("s", dist.HalfNormal(1))
    with plate("student", n_students):
        a = sample("ability", dist.Normal(0, 1))
    with plate("item", n_items):
        d = sample("difficulty", dist.Normal(m, s))
    with plate("answer", len(student)):
        right = dist.Bernoulli(logits=a[student] - d[item])
        sample("obs", right, obs=y)


def three_level(school_of, class_of, y=None):
    """Pupils in classes in schools, ragged."""
    m = sample("m", dist.Normal(0, 1))
    with plate("school", int(school_of.max()) + 1):
        s = sample("school_effect", dist.Normal(m, 1))
    with plate("class", len(school_of)):
        c = sample("class_effect", dist.Normal(s[school_of], 1))
    with plate("pupil", len(class_of)):
        sample("obs", dist.Normal(c[class_of], 1), obs=y)


def three_level_crossed(class_of, teacher_of, school_of):
    """Three levels, crossed with teachers."""
    tau = sample("tau", dist.HalfNormal(1))
    with plate("school", 2):
        s = sample("school_effect", dist.Normal(0, tau))
    with plate("class", len(school_of)):
        c = sample("class_effect", dist.Normal(s[school_of], 1))
    with plate("teacher", 3):
        t = sample("teacher_effect", dist.Normal(0, 1))
    with plate("pupil", len(class_of)):
        mean = c[class_of] + t[teacher_of]
        sample("obs", dist.StudentT(4.0, mean, 1.0))


def standardized_effects(school_of, class_of, funding, income):
    """Three levels, with effects of classes and schools in standard units."""
    slope = sample("slope", dist.Normal(0, 1))
    tau = sample("tau", dist.HalfNormal(1))
    with plate("school", len(funding)):
        s = sample("school_effect", dist.Normal(0, 1))
        error = sample("error", dist.LogNormal(0, 0.3))
    with plate("class", len(school_of)):
        c = sample("class_effect", dist.Normal(0, 1))
    mean = (slope * funding + s)[school_of] + tau * c
    with plate("pupil", len(class_of)):
        mean = mean[class_of] + income
        sample("obs", dist.Normal(mean, error[school_of][class_of]))


def walk(n, y=None):
    """Elements of a key that are tied by a sum."""
    with plate("step", n):
        d = sample("d", dist.Normal(0, 1))
        sample("obs", dist.Normal(jnp.cumsum(d), 1), obs=y)


def state_space(n):
    """Latent states and observations in a scan."""
    phi = sample("phi", dist.Uniform(-1, 1))

    def step(z, _):
        z = sample("z", dist.Normal(phi * z, 1))
        return z, sample("obs", dist.Normal(z, 1))

    scan(step, 0.0, None, length=n)


def autoregressive(n):
    """Observations that depend on earlier observations, per site."""
    with plate("site", 2):
        phi = sample("phi", dist.Uniform(-1, 1))

    def step(y, _):
        with plate("site", 2):
            y = sample("obs", dist.Normal(phi * y, 1))
        return y, y

    scan(step, jnp.zeros(2), None, length=n)


def regression(x, offset):
    """Use a matrix of covariates."""
    with plate("coefficient", x.shape[1]):
        beta = sample("beta", dist.Normal(0, 1))
    with plate("row", len(x)):
        sample("obs", dist.Normal(x @ beta + offset, 1))


def counts(total, region, exposure):
    """Discrete observations, of two kinds."""
    with plate("region", 3):
        rate = sample("rate", dist.Gamma(2, 1))
        p = sample("p", dist.Beta(1, 1))
    with plate("case", len(total)):
        sample("obs", dist.Binomial(total, probs=p[region]))
        sample("events", dist.Poisson(rate[region] * exposure))


def black_box(n):
    """Simulate without a density."""
    mu = sample("mu", dist.Normal(0, 1))
    with plate("site", n):
        theta = sample("theta", dist.Normal(mu, 1))
        sample("obs", Simulated(theta))


def two_dims(n_rows, n_columns):
    """Observations with two parents along two axes."""
    with plate("row", n_rows, dim=-2):
        row = sample("row_effect", dist.Normal(0, 1))
    with plate("column", n_columns, dim=-1):
        column = sample("column_effect", dist.Normal(0, 1))
    with plate("row", n_rows, dim=-2), plate("column", n_columns, dim=-1):
        sample("obs", dist.Normal(row + column, 1))


def comparisons(n):
    """Parents that enter by comparison only."""
    a, b = (sample(name, dist.Normal(0, 1)) for name in "ab")
    with plate("site", n):
        theta = sample("theta", dist.Normal(0, 1))
        sample("obs", dist.Normal(jnp.where(theta > 0.5, a, b), 1))


def change_point(n):
    """Let a parent decide which others enter."""
    tau = sample("tau", dist.Uniform(0, n))
    early, late = (sample(x, dist.Normal(0, 1)) for x in ("early", "late"))
    with plate("day", n):
        mean = jnp.where(jnp.arange(n) < tau, early, late)
        sample("obs", dist.Normal(mean, 1))


def chosen(n):
    """Let a parent decide which token of another enters."""
    with plate("kind", 2):
        level = sample("level", dist.Normal(0, 1))
    with plate("site", n):
        u = sample("u", dist.Uniform(0, 2))
        sample("obs", dist.Normal(level[jnp.floor(u).astype(int)], 1))


def mixing(weights):
    """Neighbors in a product with a matrix that has zeros."""
    with plate("place", len(weights)):
        theta = sample("theta", dist.Normal(0, 1))
        sample("obs", dist.Normal(weights @ theta, 1))


def one_hot(design):
    """Write groups as a design matrix."""
    with plate("group", design.shape[1]):
        alpha = sample("alpha", dist.Normal(0, 1))
    with plate("row", len(design)):
        sample("obs", dist.Normal(design @ alpha, 1))


def vectors(group):
    """Multivariate normal vectors in a token."""
    mu = sample("mu", dist.Normal(0, 1).expand([2]).to_event(1))
    tril = jnp.array([[1.0, 0.0], [0.5, 1.0]])
    with plate("group", 3):
        theta = sample("theta", dist.MultivariateNormal(mu, scale_tril=tril))
    with plate("member", len(group)):
        covariance = tril @ tril.T
        sample("obs", dist.MultivariateNormal(theta[group], covariance))


def process(times):
    """Observe a Gaussian process, one token, point by point."""
    scale = sample("scale", dist.LogNormal(0, 1))
    gap = jnp.abs(times[:, None] - times) / scale
    cov = jnp.exp(-gap) + 1e-3 * jnp.eye(len(times))
    f = sample("f", dist.MultivariateNormal(jnp.zeros(len(times)), cov))
    with plate("time", len(times)):
        sample("obs", dist.Normal(f, 1))


def summary(class_of):
    """Observations that sum over members of a group."""
    with plate("pupil", len(class_of)):
        theta = sample("theta", dist.Normal(0, 1))
    with plate("class", 3):
        total = jnp.zeros(3).at[class_of].add(theta)
        sample("obs", dist.Normal(total, 1))


def football(home, away, n_teams):
    """Two indices along one plate."""
    with plate("team", n_teams):
        attack = sample("attack", dist.Normal(0, 1))
        defence = sample("defence", dist.Normal(0, 1))
    with plate("match", len(home)):
        sample("obs", dist.Poisson(jnp.exp(attack[home] - defence[away])))


def pairs(first, second, n_players):
    """One key indexed twice."""
    with plate("player", n_players):
        skill = sample("skill", dist.Normal(0, 1))
    with plate("match", len(first)):
        logits = skill[first] - skill[second]
        sample("obs", dist.Bernoulli(logits=logits))


def lagged(n):
    """Observations that depend on a shifted copy."""
    with plate("time", n):
        z = sample("z", dist.Normal(0, 1))
        before = jnp.concatenate([jnp.zeros(1), z[:-1]])
        sample("obs", dist.Normal(z + before, 1))


def ordered(n):
    """Order statistics."""
    with plate("site", n):
        theta = sample("theta", dist.Normal(0, 1))
        sample("obs", dist.Normal(jnp.sort(theta), 1))


def mixture(n):
    """Components summed out of the density."""
    with plate("kind", 2):
        level = sample("level", dist.Normal(0, 1))
    weight = sample("weight", dist.Beta(1, 1))
    kinds = dist.Categorical(probs=jnp.stack([weight, 1 - weight]))
    with plate("site", n):
        parts = dist.Normal(level, 1.0)
        sample("obs", dist.MixtureSameFamily(kinds, parts))


def instruments(n):
    """Two observed keys of different shape, with their own errors."""
    with plate("instrument", 2):
        error = sample("error", dist.HalfNormal(1))
    with plate("site", n):
        theta = sample("theta", dist.Normal(0, 1))
        sample("obs", dist.Normal(theta, error[0]))
    with plate("instrument", 2, dim=-2), plate("site", n, dim=-1):
        sample("other", dist.Normal(theta, error[:, None]))


def centered(n):
    """Tie all tokens of a key through their mean."""
    with plate("site", n):
        theta = sample("theta", dist.Normal(0, 1))
        sample("obs", dist.Normal(theta - theta.mean(), 1))


def deterministic(n):
    """Have a site that holds no random number."""
    mu = sample("mu", dist.Normal(0, 1))
    with plate("site", n):
        raw = sample("raw", dist.Normal(0, 1))
        theta = numpyro.deterministic("theta", mu + raw)
        sample("obs", dist.Normal(theta, 1))


_CLASS = np.array([0, 1, 1, 2, 3, 3, 0])
_TEACHER = np.array([0, 1, 2, 2, 0, 1, 1])
_SCHOOL = np.array([0, 0, 1, 1])
_RNG = np.random.default_rng(0)
_BAND = np.abs(np.subtract.outer(range(5), range(5))) <= 1
_DESIGN = np.eye(3)[[0, 0, 1, 2, 2]]

CASES = {
    "gaussian": Case(gaussian, (5, 3), 0),
    "eight_schools": Case(eight_schools, (np.arange(8.0) + 9,), 0),
    "radon": Case(
        radon,
        (
            np.array([0, 0, 1, 3, 3, 3]),
            4,
            np.array([0, 1, 0, 0, 1, 1]),
            _RNG.normal(size=4),
        ),
        9,
    ),
    "seir": Case(seir, (np.array([1.0, 3.0, 6.0, 9.0]), 3), 0),
    "irt": Case(irt, (_CLASS, _TEACHER, 4, 3), 10),
    "three_level": Case(three_level, (_SCHOOL, _CLASS), 0),
    "three_level_crossed": Case(
        three_level_crossed, (_CLASS, _TEACHER, _SCHOOL), 10
    ),
    "standardized_effects": Case(
        standardized_effects,
        (_SCHOOL, _CLASS, np.array([0.5, 2.0]), _RNG.normal(size=7)),
        0,
    ),
    "walk": Case(walk, (5,), 10),
    "state_space": Case(state_space, (5,), 12),
    "autoregressive": Case(autoregressive, (4,), 12),
    "regression": Case(
        regression, (_RNG.normal(size=(4, 2)), np.arange(4.0)), 0
    ),
    "counts": Case(
        counts,
        (np.arange(5) + 3, np.array([0, 0, 1, 2, 2]), np.arange(5.0) + 1),
        0,
        ("obs", "events"),
    ),
    "black_box": Case(black_box, (4,), 0),
    "two_dims": Case(two_dims, (3, 2), 0),
    "comparisons": Case(comparisons, (4,), 0),
    "change_point": Case(change_point, (4,), 2),
    "chosen": Case(chosen, (4,), 0),
    "mixing": Case(mixing, (_BAND * 1.0,), 18),
    "one_hot": Case(one_hot, (_DESIGN,), 0),
    "vectors": Case(vectors, (np.array([0, 0, 1, 2]),), 0),
    "process": Case(process, (np.arange(2.0),), 0),
    "summary": Case(summary, (np.array([0, 0, 1, 2, 2]),), 0),
    "football": Case(football, (_TEACHER, (_TEACHER + 1) % 3, 3), 12),
    "pairs": Case(pairs, (np.array([0, 0, 2]), np.array([1, 2, 3]), 4), 12),
    "lagged": Case(lagged, (5,), 28),
    "ordered": Case(ordered, (3,), 0),
    "mixture": Case(mixture, (3,), 0),
    "instruments": Case(instruments, (3,), 0, ("obs", "other")),
    "centered": Case(centered, (3,), 0),
    "deterministic": Case(deterministic, (3,), 0),
}


@cache
def derive(name: str) -> Model:
    """Return a model as it is read; read once."""
    case = CASES[name]
    return from_numpyro(case.model, *case.arguments, observed=case.observed)
