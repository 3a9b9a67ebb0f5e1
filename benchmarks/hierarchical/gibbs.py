"""Posterior of the SLCP task by Gibbs sampling in parallel chains.

Ten global and five local parameters per site are too many for a grid. Given the
others, each mean is a truncated normal number, drawn exactly. All others are
proposed from their conditional density on a grid of the whole range, so that
both signs of a square root are reached, and accepted by the Metropolis rule,
which makes the grid exact.
"""

import numpy as np
from scipy.special import ndtr, ndtri
from tasks import TASKS

POPULATION = TASKS["slcp"].population
HALF, BOUND = POPULATION.half[0], POPULATION.bound


def sample(x, n_chains, n_sweeps, n_burn, n=40, n_local=200, seed=0):
    """Return draws of loc, scale and theta: ``(sweeps, chains, ...)``.

    ``x`` has the shape (sites, 4, 2), or (chains, sites, 4, 2) if each chain
    has its own; grids have ``n`` cells for a global parameter and ``n_local``
    for a local one.
    """
    chains = Chains(x, n_chains, n, n_local, seed)
    draws = {"loc": [], "scale": [], "theta": []}
    for sweep in range(n_burn + n_sweeps):
        chains.step()
        if sweep >= n_burn:
            for name, values in draws.items():
                values.append(getattr(chains, name).astype(np.float32))
    return {name: np.stack(values) for name, values in draws.items()}


def r_hat(draws):
    """Return the largest split R-hat of ``(sweeps, chains, ...)``."""
    half = len(draws) // 2
    parts = np.concatenate([draws[:half], draws[half : 2 * half]], 1)
    parts = parts.astype(float)
    within = parts.var(0, ddof=1).mean(0)
    between = parts.mean(0).var(0, ddof=1)
    return float(np.sqrt(((half - 1) / half + between / within).max()))


class Chains:
    """States of all chains: loc and scale ``(c, 5)``, theta ``(c, J, 5)``."""

    def __init__(self, x, n_chains, n, n_local, seed):
        self.rng = np.random.default_rng(seed)
        self.x = np.broadcast_to(
            np.asarray(x, float), (n_chains, *np.shape(x)[-3:])
        )
        self.theta = self.rng.choice([-1.0, 1.0], (*self.x.shape[:2], 5))
        # Near the data, with random signs: a population that is narrow around
        # impossible values would hold its sites there for long.
        rest = self.x - self.x.mean(-2, keepdims=True)
        sd = rest.std(-2)
        rho = rest.prod(-1).mean(-1) / sd.prod(-1)
        self.theta[..., :2] = np.clip(self.x.mean(-2), -2.9, 2.9)
        self.theta[..., 2:4] *= np.clip(np.sqrt(sd), 0.02, 2.9)
        self.theta[..., 4] = np.clip(np.arctanh(rho), -2.9, 2.9)
        self.loc = self.theta.mean(1)
        self.scale = self.theta.std(1) + 0.1
        # Cells are small where square roots and scales are.
        root = np.linspace(-1, 1, n_local + 1)
        edges = BOUND * np.sign(root) * root**2
        self.edges = [edges, edges, BOUND * root]
        loc, scale = np.linspace(-BOUND, BOUND, n + 1), np.linspace(0, 1, n + 1)
        self.global_edges = loc, 5 * HALF * scale**2

    def step(self):
        """Update every parameter once."""
        self._means()
        for k in (0, 1):
            self._mean(k)
        for k in (2, 3, 4):
            self._spread(k)
        for k in range(5):
            self._population(k)
        # The posterior is the same for both signs of a square root.
        sign = self.rng.choice([-1.0, 1.0], (len(self.loc), 2))
        self.loc[:, 2:4] *= sign
        self.theta[..., 2:4] *= sign[:, None]

    def _means(self):
        """Propose both means, which may be nearly tied by the correlation."""
        sd, rho = self.theta[..., 2:4] ** 2, np.tanh(self.theta[..., 4])
        rest = 1 - rho**2
        n = self.x.shape[-2]
        loc, scale = self.loc[:, None, :2], self.scale[:, None, :2]
        off = -rho / (rest * sd[..., 0] * sd[..., 1])
        data = 1 / (rest[..., None] * sd**2)
        precision = n * np.stack(
            [data[..., 0], off, off, data[..., 1]], -1
        ).reshape((*rho.shape, 2, 2))
        linear = (precision @ self.x.mean(-2)[..., None])[..., 0]
        linear = linear + loc * scale**-2
        precision = precision + scale[..., None] ** -2 * np.eye(2)
        mean = np.linalg.solve(precision, linear[..., None])[..., 0]
        root = np.linalg.cholesky(precision).swapaxes(-1, -2)
        z = self.rng.normal(size=mean.shape)
        new = mean + np.linalg.solve(root, z[..., None])[..., 0]
        accept = (np.abs(new) < BOUND).all(-1, keepdims=True)
        self.theta[..., :2] = np.where(accept, new, self.theta[..., :2])

    def _mean(self, k):
        first, second = self.theta[..., 2 + k] ** 2, self.theta[..., 3 - k] ** 2
        rho = np.tanh(self.theta[..., 4])
        other = self.x[..., 1 - k].mean(-1) - self.theta[..., 1 - k]
        mean = self.x[..., k].mean(-1) - rho * first / second * other
        precision = self.x.shape[-2] / (first**2 * (1 - rho**2))
        loc, scale = self.loc[:, None, k], self.scale[:, None, k]
        total = precision + scale**-2
        mean = (mean * precision + loc * scale**-2) / total
        low, high = ((s * BOUND - mean) * np.sqrt(total) for s in (-1, 1))
        # In the lower tail, where probabilities are exact.
        flip = low + high > 0
        low, high = np.where(flip, -high, low), np.where(flip, -low, high)
        u = ndtr(low) + self.rng.random(low.shape) * (ndtr(high) - ndtr(low))
        z = np.clip(ndtri(np.maximum(u, 1e-300)), low, high)
        self.theta[..., k] = mean + np.where(flip, -z, z) / np.sqrt(total)

    def _spread(self, k):
        rest = self.x - self.theta[..., None, :2]
        sums = [
            (rest[..., i] * rest[..., j]).sum(-1)
            for i, j in ((0, 0), (0, 1), (1, 1))
        ]
        loc, scale = self.loc[:, None, k], self.scale[:, None, k]
        theta = [self.theta[..., i] for i in (2, 3, 4)]

        def log_density(values):  # (cells or 1, chains, sites)
            theta[k - 2] = values
            first, second, rho = theta[0] ** 2, theta[1] ** 2, np.tanh(theta[2])
            a, b = 1 / first, 1 / second
            square = sums[0] * a**2 - 2 * rho * sums[1] * a * b
            square = square + sums[2] * b**2
            log_scale = np.log(first * second * np.sqrt(1 - rho**2))
            prior = ((values - loc) / scale) ** 2 / 2
            return (
                -square / (2 * (1 - rho**2))
                - self.x.shape[-2] * log_scale
                - prior
            )

        edges = self.edges[k - 2]
        middle = ((edges[1:] + edges[:-1]) / 2)[:, None, None]
        on_grid = np.maximum(log_density(middle), -1e30)
        self.theta[..., k] = self._propose(
            on_grid, [edges], [self.theta[..., k]], log_density
        )[0]

    def _population(self, k):
        theta = self.theta[..., k]
        n, total, square = theta.shape[1], theta.sum(1), (theta**2).sum(1)

        def log_density(loc, scale):  # (cells or 1, chains)
            low, high = ((s * BOUND - loc) / scale for s in (-1, 1))
            inside = np.log(ndtr(high) - ndtr(low))
            squares = square - 2 * loc * total + n * loc**2
            return (
                -squares / (2 * scale**2)
                - n * (np.log(scale) + inside)
                - (scale / HALF) ** 2 / 2
            )

        middles = [(e[1:] + e[:-1]) / 2 for e in self.global_edges]
        loc, scale = (
            m.reshape(-1, 1) for m in np.meshgrid(*middles, indexing="ij")
        )
        self.loc[:, k], self.scale[:, k] = self._propose(
            log_density(loc, scale),
            self.global_edges,
            [self.loc[:, k], self.scale[:, k]],
            log_density,
        )

    def _propose(self, on_grid, edges, old, log_density):
        """Propose a cell by its density and a point in it; accept or keep."""
        shape = tuple(len(e) - 1 for e in edges)
        sizes = np.meshgrid(*map(np.diff, edges), indexing="ij")
        volume = np.prod(sizes, 0).ravel()
        chain = on_grid[0].shape
        flat = on_grid.reshape(len(volume), -1)
        mass = np.cumsum(np.exp(flat - flat.max(0)) * volume[:, None], axis=0)
        u = self.rng.random(mass.shape[1]) * mass[-1]
        cell = (mass < u).sum(0)
        indices = np.unravel_index(cell, shape)
        new = [
            (e[i] + self.rng.random(i.shape) * (e[i + 1] - e[i])).reshape(chain)
            for e, i in zip(edges, indices, strict=True)
        ]
        was = np.ravel_multi_index(
            [
                np.clip(np.searchsorted(e, o.ravel()) - 1, 0, len(e) - 2)
                for e, o in zip(edges, old, strict=True)
            ],
            shape,
        )
        column = np.arange(flat.shape[1])
        proposed = (flat[cell, column] - flat[was, column]).reshape(chain)
        ratio = (
            np.squeeze(log_density(*(v[None] for v in new)), 0)
            - np.squeeze(log_density(*(v[None] for v in old)), 0)
            - proposed
        )
        accept = np.log(self.rng.random(chain)) < ratio
        return [np.where(accept, a, b) for a, b in zip(new, old, strict=True)]
