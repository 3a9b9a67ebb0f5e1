"""Exact posteriors of the tasks with up to two local parameters per site.

The local parameters are integrated out site by site: in closed form for the
Gaussian tasks, else by sums over cells of a grid around the likelihood. What is
left has one global parameter, or four that are two pairs (loc, scale).
"""

import jax
import numpy as np
from scipy.special import ndtr
from scipy.stats import norm

N_FIRST = 100  # cells of the grids that find the likelihood of a site


def one_scale(x, half, bound=None, n=4_000):
    """Return the posterior of the Gaussian tasks.

    ``sigma ~ HalfNormal(half)``, ``mu ~ Normal(0, 1)`` or with a bound
    ``Uniform(-bound, bound)``, ``x ~ Normal(mu, sigma)``, shape (sites,).
    Returns moments and a function that draws sigma.
    """
    s, width = _cells(0, 8 * half, n)
    v = np.asarray(x)[:, None]
    if bound is None:
        log_site = norm.logpdf(v, 0, np.sqrt(1 + s**2))
        mean, variance = v / (1 + s**2), s**2 / (1 + s**2) + 0 * v
    else:
        low, high = (-bound - v) / s, (bound - v) / s
        z = ndtr(high) - ndtr(low)
        f_low, f_high = norm.pdf(low), norm.pdf(high)
        shift = (f_low - f_high) / z
        log_site, mean = np.log(z), v + s * shift
        variance = s**2 * (1 + (low * f_low - high * f_high) / z - shift**2)
    weight = _normalized(log_site.sum(0) - (s / half) ** 2 / 2)
    mu, square = mean @ weight, (variance + mean**2) @ weight

    def draw(rng, n_draws):
        cell = rng.choice(n, n_draws, p=weight)
        return {"sigma": (s[cell] + _jitter(rng, width[cell]))[:, None]}

    sigma = _moments(s, weight)
    return {
        "sigma": ([sigma[0]], [sigma[1]]),
        "mu": (mu[:, None], np.sqrt(square - mu**2)[:, None]),
    }, draw


def pooled(x, population, log_likelihood, n=40, n_local=300):
    """Return the posterior of a task with two local parameters per site.

    ``n`` cells for each global parameter, ``n_local`` for each local one.
    Returns moments and a function that draws loc and scale.
    """
    density, x = jax.jit(log_likelihood), np.asarray(x, np.float32)
    known = {}
    for v in x:
        if v.tobytes() not in known:
            known[v.tobytes()] = _site(density, v, population, n_local)
    sites = [known[v.tobytes()] for v in x]
    boxes = [_prior_box(population, k) for k in (0, 1)]
    # Coarse grids first, each in the box that holds the mass of the last one.
    for cells in (n // 2, 3 * n // 4, n):
        grids = [_Grid(population, k, *boxes[k], cells) for k in (0, 1)]
        weight, _ = _global_weight(grids, sites)
        boxes = [grid.box(weight.sum(1 - k)) for k, grid in enumerate(grids)]
    weight, log_sites = _global_weight(grids, sites)
    loc, scale, theta = [], [], []
    for k, grid in enumerate(grids):
        marginal = weight.sum(1 - k)
        loc.append(_moments(grid.loc, marginal))
        scale.append(_moments(grid.scale, marginal))
    for site, log_site in zip(sites, log_sites, strict=True):
        ratio = np.where(weight > 1e-12, weight / np.exp(log_site), 0)
        theta.append(_local_moments(grids, site, ratio))

    def draw(rng, n_draws):
        cell = rng.choice(weight.size, n_draws, p=weight.ravel())
        both = [
            grid.draw(rng, i)
            for grid, i in zip(
                grids, np.unravel_index(cell, weight.shape), strict=True
            )
        ]
        names = ("loc", "scale")
        return {
            name: np.stack([b[i] for b in both], 1)
            for i, name in enumerate(names)
        }

    found = {"loc": loc, "scale": scale}
    moments = {name: np.transpose(pairs) for name, pairs in found.items()}
    theta = np.array(theta)
    return moments | {"theta": (theta[:, 0], theta[:, 1])}, draw


class _Grid:
    """Cells of (loc, scale) of one coordinate, with their prior."""

    def __init__(self, population, k, loc, scale, n):
        self.population, self.k, self.n = population, k, n
        loc, loc_width = _cells(*loc, n)
        # More cells where the scale is small.
        root = np.linspace(*np.sqrt(scale), n + 1) ** 2
        scale, scale_width = (root[1:] + root[:-1]) / 2, np.diff(root)
        mesh = [
            np.meshgrid(a, b, indexing="ij")
            for a, b in ((loc, scale), (loc_width, scale_width))
        ]
        self.loc, self.scale = (a.ravel() for a in mesh[0])
        self.widths = [a.ravel() for a in mesh[1]]
        self.log_prior = -((self.scale / population.half[k]) ** 2) / 2
        if population.bound is None:
            z = (self.loc - population.mean[k]) / population.sd[k]
            self.log_prior = self.log_prior - z**2 / 2
        self.log_prior = self.log_prior + np.log(np.prod(self.widths, 0))

    def masses(self, edges):
        """Return the probability of every cell of a local parameter."""
        z = (edges - self.loc[:, None]) / self.scale[:, None]
        # On the side where differences are exact.
        z = np.where(z[:, -1:] + z[:, :1] > 0, -z, z)
        mass = np.abs(np.diff(ndtr(z), axis=1))
        bound = self.population.bound
        if bound is not None:
            low, high = ((s * bound - self.loc) / self.scale for s in (-1, 1))
            mass = mass / (ndtr(high) - ndtr(low))[:, None]
        return mass

    def box(self, marginal):
        """Return the ranges of loc and scale that hold nearly all mass."""
        table = marginal.reshape(self.n, self.n)
        ranges = []
        for axis, values in enumerate((self.loc, self.scale)):
            values = values.reshape(self.n, self.n)
            width = self.widths[axis].reshape(self.n, self.n)
            pick = (slice(None), 0) if axis == 0 else (0, slice(None))
            found = np.flatnonzero(table.sum(1 - axis) > 1e-7)
            first = max(found[0] - 1, 0)
            last = min(found[-1] + 1, self.n - 1)
            middle, half = values[pick], width[pick] / 2
            low = max(middle[first] - half[first], 0 if axis else -np.inf)
            ranges.append((low, middle[last] + half[last]))
        return ranges

    def draw(self, rng, cell):
        """Return loc and scale, uniform inside the cells."""
        return [
            values[cell] + _jitter(rng, width[cell])
            for values, width in zip(
                (self.loc, self.scale), self.widths, strict=True
            )
        ]


def _prior_box(population, k):
    """Return the ranges of loc and scale a priori."""
    scale = (0.0, 4.5 * population.half[k])
    if population.bound is not None:
        return (-population.bound, population.bound), scale
    reach = 5 * population.sd[k]
    return (population.mean[k] - reach, population.mean[k] + reach), scale


def _global_weight(grids, sites):
    """Return the posterior of both grids, and log likelihoods of each site."""
    a, b = grids
    total, log_sites = a.log_prior[:, None] + b.log_prior, []
    for x, y, likelihood in sites:
        site = a.masses(x) @ likelihood @ b.masses(y).T
        log_sites.append(np.log(np.maximum(site, 1e-300)))
        total = total + log_sites[-1]
    return _normalized(total), log_sites


def _local_moments(grids, site, ratio):
    """Return means and standard deviations of the two local parameters."""
    a, b = grids
    x, y, likelihood = site
    cell = (a.masses(x).T @ ratio @ b.masses(y)) * likelihood
    found = [
        _moments((edges[1:] + edges[:-1]) / 2, cell.sum(1 - k))
        for k, edges in enumerate((x, y))
    ]
    return np.transpose(found)


def _site(density, v, population, n):
    """Return edges and likelihoods of the cells around a site's likelihood."""
    if population.bound is None:
        mean = np.array(population.mean)
        reach = 6 * np.add(population.sd, population.half)
    else:
        mean, reach = np.zeros(2), np.full(2, population.bound)
    box = np.stack([mean - reach, mean + reach], 1)
    # Each grid covers the part where the last one was not negligible, with a
    # margin: between points of the first ones a narrow ridge is hard to see.
    for cells in (*[N_FIRST] * 4, n):
        edges = [np.linspace(*ends, cells + 1) for ends in box]
        middle = [(e[1:] + e[:-1]) / 2 for e in edges]
        theta = np.stack(np.meshgrid(*middle, indexing="ij"), -1)
        values = np.asarray(density(theta.astype(np.float32), v), float)
        likelihood = np.exp(values - values.max())
        large = np.nonzero(likelihood > 1e-12)
        box = [
            (e[max(i.min() - 4, 0)], e[min(i.max() + 5, cells)])
            for e, i in zip(edges, large, strict=True)
        ]
    return *edges, likelihood


def _cells(low, high, n):
    """Return middles and widths of cells."""
    edges = np.linspace(low, high, n + 1)
    return (edges[1:] + edges[:-1]) / 2, np.diff(edges)


def _jitter(rng, width):
    return width * (rng.random(width.shape) - 0.5)


def _normalized(log_weight):
    weight = np.exp(log_weight - log_weight.max())
    return weight / weight.sum()


def _moments(values, weight):
    """Return mean and standard deviation."""
    mean = values @ weight / weight.sum()
    return mean, np.sqrt((values - mean) ** 2 @ weight / weight.sum())
