"""Weights of proposals, with local values integrated out group by group."""

from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.scipy.special import logsumexp
from jaxtyping import Array, Float, Int

from tfmpe._base.programs import compiled
from tfmpe._base.trees import Tree
from tfmpe.estimators._corrected.dependence import unaffected
from tfmpe.estimators._corrected.places import places
from tfmpe.estimators._corrected.student_mixture import StudentMixture
from tfmpe.estimators._types import PRNGKey
from tfmpe.models import Model
from tfmpe.models.model import NoDensityError
from tfmpe.preprocessing import Standardizer, Tokens, TokenView


@compiled()
def weighted(
    tokens: Tokens,
    standardizer: Standardizer,
    global_proposal: StudentMixture,
    own_proposal: StudentMixture,
    key: PRNGKey,
    *,
    model: Model,
    target: tuple[str, ...],
    shared: tuple[str, ...],
    n: int,
    m: int,
) -> tuple[
    Float[Array, "n 1 shared"],
    Float[Array, "n groups own"],
    Float[Array, " n"],
    Float[Array, " groups"],
]:
    """Return proposals of global values, local draws, log weights, counts.

    The counts are the effective numbers of the local proposals of each group,
    given all global values together.
    """
    found = places(tokens.layout, target, shared)
    view = tokens.select_tokens(target)
    size, n_groups = view.data[0].size, len(found.own)
    global_key, own_key, choice_key = jax.random.split(key, 3)
    globals_ = global_proposal.draw(global_key, n)
    own = own_proposal.draw(own_key, m)
    used = found.own >= 0

    nothing = jnp.zeros((1, found.shared.size), jnp.float32)
    own_values, slopes = in_own_units(
        found.joined(jnp.repeat(nothing, m, 0), own, size),
        view,
        standardizer,
    )
    own_slopes = jnp.where(used[None], slopes[:, np.maximum(found.own, 0)], 0)
    own_density = own_proposal.log_prob(own) - own_slopes.sum(-1)
    global_values, slopes = in_own_units(
        found.joined(globals_[:, 0], jnp.repeat(own[:1], n, 0), size),
        view,
        standardizer,
    )
    density = global_proposal.log_prob(globals_)[:, 0]
    density = density - slopes[:, found.shared].sum(-1)

    full = with_values(tokens, target, own_values)
    shared_rows = with_values(tokens, target, global_values)
    global_trees = shared_rows.select_tokens(shared).decode()

    def factors_for(one: Tree) -> dict[str, Array]:
        changed = jax.tree.map(
            lambda leaf: jnp.broadcast_to(leaf, (m, *leaf.shape)), one
        )
        return model.log_factors(full, changed)

    # Computed once, such as the likelihood given local values only.
    names = unaffected(factors_for, jax.tree.map(lambda v: v[0], global_trees))
    fixed = {
        name: factor
        for name, factor in model.log_factors(full).items()
        if name in names
    }

    def weight(
        sums_so_far: tuple[Float[Array, ""], Float[Array, "m groups"]],
        given: tuple[Tree, Float[Array, ""], PRNGKey],
    ) -> tuple[Any, tuple[Float[Array, "groups own"], Float[Array, ""]]]:
        one, density, key = given
        factors = {**factors_for(one), **fixed}
        sums = group_sums(factors, full, found.group_of_token, n_groups + 1)
        # NaN where a bijector overflows, far from all draws.
        inner = or_nothing(sums[:n_groups].T - own_density)
        shares = jax.nn.softmax(inner, 0)
        chances = jnp.cumsum(shares, 0)
        picks = jax.random.uniform(key, (1, n_groups))
        chosen = jnp.minimum((chances < picks).sum(0), m - 1)
        average = logsumexp(inner, axis=0) - np.float32(np.log(m))
        log_weight = or_nothing(sums[-1, 0] + average.sum() - density)
        most, total = sums_so_far
        possible = jnp.isfinite(log_weight)
        new = jnp.where(possible, jnp.maximum(most, log_weight), most)
        added = jnp.where(possible, jnp.exp(log_weight - new) * shares, 0)
        total = total * jnp.exp(most - new) + added
        return (new, total), (own[chosen, np.arange(n_groups)], log_weight)

    lowest = jnp.finfo(density.dtype).min
    (_, total), (local, log_weights) = jax.lax.scan(
        weight,
        (lowest, jnp.zeros((m, n_groups), density.dtype)),
        (global_trees, density, jax.random.split(choice_key, n)),
    )
    counts = total.sum(0) ** 2 / (total**2).sum(0)
    return globals_, local, log_weights, counts


def in_own_units(
    standard: Float[Array, "n size"],
    view: TokenView,
    standardizer: Standardizer,
) -> tuple[Float[Array, "n size"], Float[Array, "n size"]]:
    """Return flat target values in original units, and log derivatives.

    The map is elementwise; ``view`` is of one row of target tokens.
    """
    shape = (len(standard), *view.data.shape[1:])
    rows = repeated(view.to_tokens(), len(standard))

    def values_of(standard: Array) -> Array:
        values = standardizer.inverse(standard.reshape(shape), like=rows)
        return values.reshape(standard.shape)

    ones = jnp.ones_like(standard)
    values, slopes = jax.jvp(values_of, (standard,), (ones,))
    return values, jnp.log(jnp.abs(slopes))


def with_values(
    tokens: Tokens, target: tuple[str, ...], values: Float[Array, "n size"]
) -> Tokens:
    """Return one row of Tokens ``n`` times, with target values."""
    rows = repeated(tokens, len(values)).select_tokens(target)
    return rows.with_data(values.reshape((-1, *rows.data.shape[1:])))


def or_nothing(log: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
    """Return log densities, -inf instead of NaN."""
    return jnp.where(jnp.isnan(log), -jnp.inf, log)


def group_sums(
    factors: Mapping[str, Array],
    tokens: Tokens,
    groups: Int[np.ndarray, " tokens"],
    n: int,
) -> Float[Array, "groups rows"]:
    """Return the sums of the log factors of the tokens of every group."""
    total = jnp.zeros((n, len(tokens.data)), jnp.float32)
    for name, factor in factors.items():
        if not name:
            raise NoDensityError(
                "The density of the model has no factors for single tokens. "
                "Return a dictionary from log_density_fn."
            )
        own = groups[tokens.layout[name].block]
        by_token = factor.reshape((len(factor), -1)).T
        total = total + jax.ops.segment_sum(by_token, own, n)
    return total


def repeated(tokens: Tokens, n: int) -> Tokens:
    """Return a single row of Tokens ``n`` times."""
    return jax.tree.map(
        lambda leaf: jnp.broadcast_to(leaf, (n, *leaf.shape[1:])), tokens
    )
