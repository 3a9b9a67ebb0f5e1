"""Full models, and observations for them from a likelihood of one unit."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from tfmpe._base.arrays import empty, hand_over, on_host, readable
from tfmpe._base.errors import raise_faults, unknown_key
from tfmpe._base.trees import flatten_tree, unflatten_tree
from tfmpe.estimators._bottom_up.plates import Group, Plates
from tfmpe.preprocessing import TokenLayout, Tokens

# Rows that the solver holds at a time, if nothing else is asked for.
_BATCH_SIZE = 8192


def full_tokens(
    values: Any,
    functional_inputs: Any,
    one: TokenLayout,
    plates: Plates,
    n: int,
    what: str,
) -> Tokens:
    """Return Tokens of all units, with zeros for keys without values.

    Parameters
    ----------
    values : nested dict of arrays, each of shape (n, *event, *batch)
        Of some keys, at full size.
    functional_inputs : nested dict of arrays, optional
        As of ``Tokens.from_pytree``.
    one : TokenLayout
        Of one unit: order of the keys, rules and labels.
    plates : Plates
    n : int
        Number of samples.
    what : str
        Where the values come from, for messages.

    Returns
    -------
    Tokens, sample axes (n,)

    Raises
    ------
    UnknownKeyError
        If a key does not exist.
    ValueError
        If a shape is not that of the full model; all are listed.
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
        unflatten_tree([key.path for key in one.keys], arrays),
        one.independence,
        functional_inputs,
        batch_ndims={key.name: len(key.batch_shape) for key in one.keys},
        labels=one.label_map,
    )


def synthesise(
    likelihood: Any,
    tokens: Tokens,
    one: TokenLayout,
    plates: Plates,
    groups: Sequence[Group],
    key: Any,
    options: Mapping[str, Any],
) -> Tokens:
    """Draw the observations of every unit from a likelihood of one.

    Parameters
    ----------
    likelihood : FlowMatchingEstimator
        Trained for the conditional of every group, at the sizes of ``one``.
    tokens : Tokens, sample axes (n,)
        Parameters of the full model; values of observations are not read.
    one : TokenLayout
        Of one unit: what the likelihood was trained on.
    plates : Plates
    groups : sequence of Group
        In the order of :meth:`Plates.groups`.
    key : key array
        Group ``i`` is drawn with ``fold_in(key, i)``.
    options : mapping
        Of ``likelihood.sample``.

    Returns
    -------
    Tokens, sample axes (n,)
        With the observations in place.

    Notes
    -----
    Every unit becomes a row of its own: its own parameters and those of the
    plates around it, with noise of its own. So the likelihood is asked for
    nothing but what it was trained on, and the result is exact as far as the
    likelihood is and units are independent given the parameters.
    """
    data, inputs = tokens.data, tokens.functional_inputs
    options = {"batch_size": _BATCH_SIZE, **options}
    for number, group in enumerate(groups):
        positions = plates.unit_tokens(one, tokens.layout, group)
        rows = Tokens(
            _rows(data, positions),
            one,
            None if inputs is None else _rows(inputs, positions),
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


def _rows(array: Any, positions: np.ndarray) -> Any:
    """Return ``(n * n_units, n_tokens, columns)`` of ``(n, all, columns)``."""
    taken = readable(array)[:, positions]
    return taken.reshape((-1, *taken.shape[2:]))


def _with_tokens(data: Any, positions: np.ndarray, new: Any) -> Any:
    """Return token arrays with some tokens replaced."""
    if not on_host([data, new]):
        return jnp.asarray(data).at[:, positions].set(new)
    changed = empty(tuple(data.shape), np.dtype(data.dtype))
    changed[...] = data
    changed[:, positions] = new
    return hand_over(changed)
