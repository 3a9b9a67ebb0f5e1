"""Model of all units whose observations have the learned likelihood."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import jax.numpy as jnp

from tfmpe._base.trees import flatten_tree, unflatten_tree
from tfmpe.estimators._bottom_up.plated_model import PlatedModel
from tfmpe.estimators._bottom_up.plates import Group
from tfmpe.estimators._bottom_up.synthesis import full_tokens, unit_rows
from tfmpe.estimators._types import ArrayTree
from tfmpe.models import Model
from tfmpe.preprocessing import TokenLayout, Tokens


def learned_model(
    model: PlatedModel,
    likelihood: Any,
    groups: Sequence[Group],
    full: Tokens,
    one: TokenLayout,
    target_keys: Sequence[str],
    log_prior_fn: Callable[[ArrayTree], Mapping[str, Any]],
) -> Model:
    """Return a model with a density, which cannot simulate.

    ``full`` are Tokens of all units, ``one`` is the layout of one unit.
    """

    def simulator(*given: ArrayTree) -> ArrayTree:
        raise NotImplementedError(
            f"A learned model has a density, but cannot simulate; got {given}."
        )

    def log_density(*given: ArrayTree) -> dict[str, Any]:
        parameters, observations, *inputs = given
        values = {}
        for tree in (parameters, observations):
            values |= {leaf.name: leaf for leaf in flatten_tree(tree, "values")}
        factors = dict(log_prior_fn(parameters))
        for group in groups:
            # Other keys, which this group does not depend on, hold 0.
            names = [n for each in group.conditional for n in each]
            used = [values[name] for name in names]
            n = len(used[0].value)
            tokens = full_tokens(
                unflatten_tree(used, [leaf.value for leaf in used]),
                inputs[0] if inputs else None,
                one,
                model.plates,
                n,
                "the density",
            )
            rows, positions = unit_rows(tokens, one, model.plates, group)
            density = likelihood.log_prob(rows, *group.conditional)
            # One number for every unit, at its first token.
            name = group.conditional.target[0]
            key = tokens.layout[name]
            at = positions[:, one[name].offset] - key.offset
            factor = jnp.zeros((n, key.n_tokens), density.dtype)
            factor = factor.at[:, at].set(density.reshape((n, -1)))
            factors[name] = factor.reshape((n, *key.event_shape))
        return factors

    found = Model(
        lambda key, n: model.prior_fn(key, n, dict(model.plates.sizes)),
        simulator,
        model.functional_input_fn,
        model.independence,
        target_keys=target_keys,
        log_density_fn=log_density,
    )
    return found.with_template(full)
