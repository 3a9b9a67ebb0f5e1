"""NumPyro models with ragged and crossed groups, and data of their shapes.

The data are simulated from the models: no original is shipped.
"""

from typing import NamedTuple

import jax.numpy as jnp
import numpy as np
import numpyro.distributions as dist
from numpyro import handlers, plate, sample

N_COUNTIES, LARGEST = 85, 116
N_STUDENTS, N_ITEMS = 30, 12


def radon(county, floor, uranium, y=None):
    """Log radon of houses in counties of very different sizes."""
    base = sample("base", dist.Normal(1, 1))
    of_uranium = sample("of_uranium", dist.Normal(0, 1))
    of_floor = sample("of_floor", dist.Normal(0, 1))
    spread = sample("spread", dist.HalfNormal(0.5))
    noise = sample("noise", dist.HalfNormal(1))
    with plate("county", len(uranium)):
        level = sample(
            "level", dist.Normal(base + of_uranium * uranium, spread)
        )
    with plate("house", len(county)):
        mean = level[county] + of_floor * floor
        sample("obs", dist.Normal(mean, noise), obs=y)


def item_response(n_students, n_items, y=None):
    """Right answers of students to items of different difficulty."""
    mean = sample("mean", dist.Normal(0, 1))
    spread = sample("spread", dist.HalfNormal(1))
    students = plate("student", n_students, dim=-2)
    items = plate("item", n_items, dim=-1)
    with students:
        ability = sample("ability", dist.Normal(0, 1))
    with items:
        difficulty = sample("difficulty", dist.Normal(mean, spread))
    with students, items:
        logits = ability - difficulty
        sample("obs", dist.Bernoulli(logits=logits), obs=y)


class Case(NamedTuple):
    """A model, its arguments, and the names of its global parameters.

    ``shared`` are the parameters that all groups depend on: given them, the
    groups are independent.
    """

    model: object
    arguments: tuple
    global_names: tuple[str, ...]
    shared: tuple[str, ...]

    def observed(self):
        """Return simulated observations, always the same."""
        seeded = handlers.seed(self.model, 0)
        trace = handlers.trace(seeded).get_trace(*self.arguments)
        return np.asarray(trace["obs"]["value"])


def _radon_arguments():
    rng = np.random.default_rng(0)
    sizes = np.clip(np.exp(rng.normal(1.9, 1.0, N_COUNTIES)), 1, LARGEST)
    sizes = np.floor(np.sort(sizes)).astype(int)
    sizes[0], sizes[-1] = 1, LARGEST
    county = np.repeat(rng.permutation(N_COUNTIES), sizes)
    floor = (rng.random(len(county)) < 0.2).astype(np.float32)
    uranium = rng.normal(0, 0.4, N_COUNTIES).astype(np.float32)
    return county, jnp.asarray(floor), jnp.asarray(uranium)


_RADON_GLOBALS = ("base", "of_uranium", "of_floor", "spread", "noise")
CASES = {
    "radon": Case(
        radon,
        _radon_arguments(),
        _RADON_GLOBALS,
        _RADON_GLOBALS,
    ),
    "item_response": Case(
        item_response,
        (N_STUDENTS, N_ITEMS),
        ("mean", "spread"),
        ("mean", "spread", "difficulty"),
    ),
}
