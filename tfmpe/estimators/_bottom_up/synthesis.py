"""Full models with observations drawn from the likelihood of one unit."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Int, Num

from tfmpe._base.arrays import empty, hand_over, on_host, readable
from tfmpe._base.errors import raise_faults, unknown_key
from tfmpe._base.trees import flatten_tree, unflatten_tree
from tfmpe.estimators._bottom_up.plates import Group, Plates
from tfmpe.estimators._types import AnyArray, ArrayTree, PRNGKey, Sampler
from tfmpe.preprocessing import TokenLayout, Tokens


def full_tokens(
    values: ArrayTree,
    functional_inputs: ArrayTree | None,
    one: TokenLayout,
    plates: Plates,
    n: int,
    what: str,
) -> Tokens:
    """Return Tokens of all units, with zeros for keys without values.

    ``values`` are ``n`` samples at full size, ``one`` is the layout of one
    unit, and ``what`` names the source of the values in messages.
    """
    given = {leaf.name: leaf.value for leaf in flatten_tree(values, what)}
    for name in given:
        if name not in one:
            raise unknown_key(name, one.names)
    arrays, faults = [], []
    for key in one.keys:
        shape = (n, *plates.grow(key), *key.batch_shape)
        array = given.get(key.name, np.zeros(shape, np.float32))
        if tuple(np.shape(array)) != shape:
            faults.append(
                f"{key.name!r} has shape {tuple(np.shape(array))}, expected "
                f"{shape}: {key.event_shape} for one unit, and the sizes "
                f"{dict(plates.sizes)}"
            )
        arrays.append(array)
    raise_faults(ValueError, f"{what} does not fit the full model", faults)
    return Tokens.from_pytree(
        unflatten_tree(one.keys, arrays),
        one.independence,
        functional_inputs,
        batch_ndims={key.name: len(key.batch_shape) for key in one.keys},
        labels=one.label_map,
    )


def synthesise(
    likelihood: Sampler,
    tokens: Tokens,
    one: TokenLayout,
    plates: Plates,
    groups: Sequence[Group],
    key: PRNGKey,
    options: Mapping[str, Any],
) -> Tokens:
    """Draw the observations of every unit from the likelihood of one unit.

    Every unit becomes a row with the layout ``one``: its own parameters, the
    parameters of outer plates, and separate noise. So the likelihood is only
    evaluated for single units, as in its training.
    """
    data = tokens.data
    for number, group in enumerate(groups):
        rows, positions = unit_rows(
            replace(tokens, data=data), one, plates, group
        )
        drawn = likelihood.sample(
            rows,
            *group.conditional,
            key=jax.random.fold_in(key, number),
            **options,
        )
        blocks = one.blocks(group.conditional.target)
        targets = np.concatenate([positions[:, b] for b in blocks], 1)
        new = drawn.data.reshape((len(data), *targets.shape, data.shape[-1]))
        data = _with_tokens(data, targets, new)
    return replace(tokens, data=data)


def unit_rows(
    tokens: Tokens, one: TokenLayout, plates: Plates, group: Group
) -> tuple[Tokens, Int[np.ndarray, "units tokens"]]:
    """Return the units of full models as rows, and their token positions."""
    positions = plates.unit_tokens(one, tokens.layout, group)
    inputs = tokens.functional_inputs
    rows = Tokens(
        _rows(tokens.data, positions),
        one,
        None if inputs is None else _rows(inputs, positions),
    )
    return rows, positions


def _rows(
    array: Num[AnyArray, "n all columns"],
    positions: Int[np.ndarray, "units tokens"],
) -> Num[AnyArray, "n_units tokens columns"]:
    """Return the tokens of each unit as a row."""
    taken = readable(array)[:, positions]
    return taken.reshape((-1, *taken.shape[2:]))


def _with_tokens(
    data: Num[AnyArray, "n all width"],
    positions: Int[np.ndarray, "units tokens"],
    new: Num[AnyArray, "n units tokens width"],
) -> Num[Array, "n all width"]:
    """Return token arrays with some tokens replaced."""
    if not on_host([data, new]):
        return jnp.asarray(data).at[:, positions].set(new)
    changed = empty(tuple(data.shape), np.dtype(data.dtype))
    changed[...] = data
    changed[:, positions] = new
    return hand_over(changed)
