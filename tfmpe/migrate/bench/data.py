"""Benchmark data: the legacy package's epidemic example."""

from functools import lru_cache
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from tfmpe.preprocessing import Tokens

LOCALS = ("A", "T_season", "phi")
THETA_KEYS = ("beta_0", "alpha", "sigma", *LOCALS)
Y_KEYS = ("obs",)
KEYS = (*THETA_KEYS, *Y_KEYS)
N_OBS = 5  # per site, the default of the legacy example

Rules = dict[str, list[Any]]
RULES: Rules = {
    "local": ["obs", *LOCALS],
    "cross": [],
    "cross_local": [(key, "obs", (0, 0)) for key in LOCALS],
}
_SITE = (*LOCALS, "obs")
LOCAL_RULES: Rules = {
    "cross_local": [
        (a, b, (0, 0)) for i, a in enumerate(_SITE) for b in _SITE[i:]
    ]
}
"""Tokens of one site attend to one another and to the common parameters."""


class Size(NamedTuple):
    """Numbers of sites and of simulations."""

    n_sites: int
    n_samples: int

    @property
    def n_theta(self) -> int:
        """Number of parameter tokens in one simulation."""
        return 3 + self.n_sites * len(LOCALS)

    @property
    def n_tokens(self) -> int:
        """Number of tokens in one simulation."""
        return self.n_theta + self.n_sites * N_OBS


class Model(NamedTuple):
    """Simulations; a pytree whose keys ``jit`` does not sort."""

    # One array of shape (*sample, *event, 1) for each of `KEYS`, and one of
    # functional inputs, which the legacy package requires for every key.
    values: tuple[Any, ...]
    places: tuple[Any, ...]

    @property
    def both(self) -> dict[str, Any]:
        """Values by key: parameters, then observations."""
        return dict(zip(KEYS, self.values, strict=True))

    @property
    def inputs(self) -> dict[str, Any]:
        """Functional inputs by key."""
        return dict(zip(KEYS, self.places, strict=True))

    @property
    def sides(self) -> dict[str, dict[str, Any]]:
        """Values in the form of the legacy package."""
        theta = self.both
        y = {key: theta.pop(key) for key in Y_KEYS}
        return {"theta": theta, "y": y}

    def with_obs(self, obs: Any) -> "Model":
        """Return a copy with other observations."""
        return self._replace(values=(*self.values[:-1], obs))


def events(size: Size) -> dict[str, tuple[int, ...]]:
    """Event shape of every key."""
    n = size.n_sites
    shapes = {key: (n if key in LOCALS else 1,) for key in THETA_KEYS}
    return {**shapes, "obs": (n, N_OBS)}


@lru_cache(maxsize=3)
def seir(size: Size, seed: int = 0) -> Model:
    """Draw a data set without compiling; equal arguments give equal data."""
    rng = np.random.default_rng(seed)
    shapes = [(size.n_samples, *event, 1) for event in events(size).values()]

    def draw() -> tuple[Any, ...]:
        drawn = (rng.standard_normal(s, dtype=np.float32) for s in shapes)
        return tuple(map(jnp.asarray, drawn))

    return jax.block_until_ready(Model(draw(), draw()))


def as_tokens(size: Size, seed: int = 0, rules: Rules = RULES) -> Tokens:
    """Return a data set as Tokens."""
    return lay_out(seir(size, seed), rules)


def lay_out(model: Model, rules: Rules = RULES) -> Tokens:
    """Return the simulations of a benchmark model as Tokens."""
    return Tokens.from_pytree(model.both, rules, model.inputs)
