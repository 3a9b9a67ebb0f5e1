"""Markov chain moves of weighted draws, with the density of the model."""

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from tfmpe._base.programs import compiled
from tfmpe.estimators._corrected.places import places
from tfmpe.estimators._corrected.weights import (
    group_sums,
    in_own_units,
    or_nothing,
    with_values,
)
from tfmpe.estimators._types import PRNGKey
from tfmpe.models import Model
from tfmpe.preprocessing import Standardizer, Tokens

_SMALLEST, _WHOLE = 0.02, 0.1
"""Smallest relative length of a step, and share of steps of length 1, which
jump between modes."""


@compiled()
def moved(
    tokens: Tokens,
    standardizer: Standardizer,
    flat: Float[Array, "n size"],
    before: Float[Array, "n size"],
    key: PRNGKey,
    *,
    model: Model,
    target: tuple[str, ...],
    shared: tuple[str, ...],
    n_steps: int,
) -> Float[Array, "n size"]:
    """Return draws after Metropolis steps, with the posterior as their target.

    Every step moves the local values of all groups, each accepted by itself,
    and then the global values, in standardized units. Steps are differences of
    two draws, of the first ones or those ``before``, shortened at random: their
    directions and lengths are those of the posterior (differential evolution:
    ter Braak, 2006; moves after resampling: Gilks & Berzuini, 2001).
    """
    found = places(tokens.layout, target, shared)
    view = tokens.select_tokens(target)
    n, n_groups = len(flat), len(found.own)
    cloud = jnp.stack([flat, before])
    used = found.own >= 0
    own_places = np.maximum(found.own, 0)

    def densities(flat: Float[Array, "n size"]) -> Float[Array, "n parts"]:
        """Return the log densities of all groups; the last is of globals."""
        values, slopes = in_own_units(flat, view, standardizer)
        full = with_values(tokens, target, values)
        sums = group_sums(
            model.log_factors(full), full, found.group_of_token, n_groups + 1
        )
        own = jnp.where(used[None], slopes[:, own_places], 0).sum(-1)
        both = [own, slopes[:, found.shared].sum(-1, keepdims=True)]
        return or_nothing(sums.T + jnp.concatenate(both, 1))

    # Group of every value; those that are not used are never moved.
    part = np.full(flat.shape[1], n_groups + 1)
    part[found.own[used]] = np.nonzero(used)[0]
    part[found.shared] = n_groups
    sizes = np.bincount(part, minlength=n_groups + 2)
    longest = 2.38 / np.sqrt(2 * np.maximum(sizes, 1), dtype=np.float32)

    def step(
        state: tuple[Array, Array], given: tuple[PRNGKey, Array]
    ) -> tuple[tuple[Array, Array], None]:
        current, density = state
        key, of_locals = given
        keys = jax.random.split(key, 5)
        source_key, pair_key, length_key, whole_key, accept_key = keys
        a, b = jax.random.randint(pair_key, (2, n, n_groups + 2), 0, n)
        columns = np.arange(flat.shape[1])
        source = jax.random.randint(source_key, (n, 1), 0, len(cloud))
        one, other = (cloud[source, c[:, part], columns[None]] for c in (a, b))
        difference = one - other
        chances = jax.random.uniform(length_key, (n, n_groups + 2))
        length = longest[None] * _SMALLEST**chances
        whole = jax.random.uniform(whole_key, length.shape) < _WHOLE
        length = jnp.where(whole, 1.0, length)[:, part]
        moves = jnp.where(part < n_groups, of_locals, ~of_locals)
        moves = (moves & (part <= n_groups))[None]
        proposed = current + jnp.where(moves, length * difference, 0)
        new = densities(proposed)
        gain = jnp.where(
            of_locals, new - density, (new - density).sum(1, keepdims=True)
        )
        draws = jax.random.uniform(accept_key, (n, n_groups + 1))
        draws = jnp.where(of_locals, draws, draws[:, -1:])
        accept = jnp.log(draws) < gain
        accept = jnp.concatenate([accept, jnp.zeros((n, 1), bool)], 1)
        current = jnp.where(accept[:, part], proposed, current)
        density = jnp.where(accept[:, :-1], new, density)
        return (current, density), None

    keys = jax.random.split(key, 2 * n_steps)
    of_locals = jnp.arange(2 * n_steps) % 2 == 0
    (flat, _), _ = jax.lax.scan(
        step, (flat, densities(flat)), (keys, of_locals)
    )
    return flat
