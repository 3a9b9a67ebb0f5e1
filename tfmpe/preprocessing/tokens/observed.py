"""Tokens of observed data, which may differ in size from simulations."""

import warnings
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, TypeAlias

import numpy as np

from tfmpe._base.arrays import AnyArray, flatten_samples
from tfmpe._base.errors import PaddingWarning, raise_faults
from tfmpe._base.trees import (
    Tree,
    flatten_tree,
    lookup_as_given,
    unflatten_tree,
)
from tfmpe.preprocessing.layout.dimensions import find_dimension, matched_dims
from tfmpe.preprocessing.layout.layout import KeyLayout, TokenLayout

from .decode import key_array
from .positions import read_positions
from .tokens import Tokens

Dimension: TypeAlias = str | tuple[str, int]
"""The name of a dimension; for an axis without a name, its key and number."""


def template_of(tokens: Tokens) -> Tokens:
    """Return the first simulation, as a template for :func:`observed_tokens`.

    Its functional inputs are None if they differ between simulations.
    """
    tokens = flatten_samples(tokens, len(tokens.sample_shape))
    template = replace(tokens[0], padding=None, root_layout=None)
    if tokens.functional_inputs is not None:
        every = np.asarray(tokens.functional_inputs)
        if not (every == every[:1]).all():
            return replace(template, functional_inputs=None)
    return template


def check_no_more(**further: object) -> None:
    """Raise if anything is passed with Tokens that Tokens contain already."""
    given = [name for name, value in further.items() if value is not None]
    if given:
        raise ValueError(
            f"{' and '.join(given)} belong to a dictionary of observed values. "
            "Omit them: Tokens contain functional inputs and groups."
        )


def observed_tokens(
    template: Tokens,
    observed: Tree,
    *,
    functional_inputs: Tree = None,
    groups: Tree = None,
    positions: Tree = None,
) -> Tokens:
    """Return Tokens with observed values, and zeros for all other keys.

    ``observed`` has arrays ``(*sample, *event, *batch)`` for some keys. Event
    shapes may differ from the template; axes of the same name, or that a
    cross_local rule matches, then get the same size in all keys. Functional
    inputs and groups of such keys are needed again, and so are functional
    inputs that differ between simulations.
    """
    layout = template.layout
    arrays = {
        leaf.name: key_array(
            leaf.value, layout[leaf.name], f"The observed {leaf.name!r}"
        )
        for leaf in flatten_tree(observed, "The observed values")
    }
    sample_shape = _sample_shape(arrays, layout)
    ids = lookup_as_given(groups, layout.names, "groups")
    shapes = _event_shapes(arrays, ids, layout, len(sample_shape))
    values = {
        key.name: np.zeros(
            (*sample_shape, *shapes[key.name], *key.batch_shape),
            template.data.dtype,
        )
        for key in layout.keys
    } | arrays
    with warnings.catch_warnings():
        # The simulations caused the same warning.
        warnings.simplefilter("ignore", PaddingWarning)
        return Tokens.from_pytree(
            unflatten_tree(layout.keys, values.values()),
            layout.independence,
            _inputs(template, shapes, functional_inputs, positions, ids),
            len(sample_shape),
            {key.name: len(key.batch_shape) for key in layout.keys},
            labels=layout.label_map,
            dims={key.name: key.dims for key in layout.keys if key.dims},
            groups=_groups(layout, shapes, ids),
            positions=positions,
        )


def _sample_shape(
    arrays: Mapping[str, AnyArray], layout: TokenLayout
) -> tuple[int, ...]:
    """Return the common sample shape, after a check of the other axes."""
    for name, array in arrays.items():
        n_axes = len(layout[name].event_shape) + len(layout[name].batch_shape)
        if 0 in array.shape[: max(0, array.ndim - n_axes)]:
            raise ValueError(
                f"There are no data sets: {name!r} has shape "
                f"{tuple(array.shape)}. Pass at least one."
            )
    shapes, faults = {}, []
    for name, array in arrays.items():
        key = layout[name]
        lead = array.ndim - len(key.event_shape) - len(key.batch_shape)
        batch = tuple(array.shape[array.ndim - len(key.batch_shape) :])
        if lead < 0 or batch != key.batch_shape:
            faults.append(
                f"{name!r} has shape {tuple(array.shape)}, expected event "
                f"axes such as {key.event_shape}, then the batch shape "
                f"{key.batch_shape}; sample axes of several data sets come "
                "first"
            )
            if key.batch_shape == (1,) and array.ndim == len(key.event_shape):
                faults[-1] += f"; pass {name!r} as array[..., None]"
        elif (
            not batch
            and lead == 1
            and array.shape[-1] == 1
            and key.event_shape[-1:] != (1,)
        ):
            # It would be read as several data sets with a last axis of size 1.
            faults.append(
                f"{name!r} has shape {tuple(array.shape)}, expected event axes "
                f"such as {key.event_shape}. Remove the last axis if this is "
                "one data set; pass several data sets of this size one by one"
            )
        shapes[name] = tuple(array.shape[: max(lead, 0)])
    raise_faults(ValueError, "Observed values do not fit the model", faults)
    if len(set(shapes.values())) > 1:
        raise ValueError(
            f"The observed values have the sample shapes {shapes}, expected "
            "the same one for every key."
        )
    return next(iter(shapes.values()), ())


def _event_shapes(
    arrays: Mapping[str, AnyArray],
    groups: Mapping[str, Any],
    layout: TokenLayout,
    sample_ndims: int,
) -> dict[str, tuple[int, ...]]:
    """Return the event shape of every key, with the observed sizes."""
    dimensions = _dimensions(layout)
    sizes: dict[Dimension, tuple[str, int]] = {}
    faults = []
    for name, array in arrays.items():
        for axis in range(len(layout[name].event_shape)):
            size = array.shape[sample_ndims + axis]
            owner, known = sizes.setdefault(
                dimensions[name, axis], (name, size)
            )
            if known != size:
                faults.append(
                    f"axis {axis} of {name!r} has size {size}, but the same "
                    f"dimension has size {known} in {owner!r}"
                )
    raise_faults(ValueError, "Observed values do not fit one another", faults)
    for name, given in groups.items():
        for group, ids in given.items():
            size = int(np.max(ids, initial=-1)) + 1
            least = int(np.min(ids, initial=0 if size == 0 else size))
            known = {g.name: g.size for g in layout[name].groups}.get(group)
            # Groups may be empty, but here the first instead of the last is.
            if least < 0 or (least == 1 and size - 1 == known):
                raise ValueError(
                    f"The groups of {name!r} have ids {least}..{size - 1} of "
                    f"{group!r}, but ids count from 0."
                    + (" Subtract 1." if least == 1 else "")
                )
            sizes.setdefault(group, (name, size))
    return {
        key.name: tuple(
            sizes.get(dimensions[key.name, axis], ("", size))[1]
            for axis, size in enumerate(key.event_shape)
        )
        for key in layout.keys
    }


def _dimensions(layout: TokenLayout) -> dict[tuple[str, int], Dimension]:
    """Return the dimension of every event axis; matched axes share one."""
    found: dict[tuple[str, int], Dimension] = {
        (key.name, axis): name or (key.name, axis)
        for key in layout.keys
        for axis, name in enumerate(key.known_dims)
    }
    for rule in layout.independence.matching:
        a, b, pair = layout[rule.a], layout[rule.b], matched_dims(rule)
        if pair is None and a.event_shape != b.event_shape:
            continue
        axes = range(len(a.event_shape))
        for i, j in [pair] if pair else zip(axes, axes, strict=True):
            one, other = (
                found[key.name, place] if isinstance(place, int) else place.name
                for key, place in (
                    (a, find_dimension(a, i)),
                    (b, find_dimension(b, j)),
                )
            )
            for axis, dimension in found.items():
                if dimension == other:
                    found[axis] = one
    return found


def _groups(
    layout: TokenLayout,
    shapes: Mapping[str, tuple[int, ...]],
    given: Mapping[str, Any],
) -> dict[str, Any]:
    """Return the given groups of every ragged key, else those of the layout."""
    found = dict(given)
    faults = []
    for key in layout.keys:
        if not key.groups or key.name in found:
            continue
        if shapes[key.name] != key.event_shape:
            faults.append(
                f"{key.name!r} has {shapes[key.name][0]} tokens instead of "
                f"{key.event_shape[0]}; pass groups={{{key.name!r}: "
                f"{{{', '.join(f'{g.name!r}: ids' for g in key.groups)}}}}}"
            )
        found[key.name] = {group.name: group.ids for group in key.groups}
    raise_faults(ValueError, "The groups of tokens are not known", faults)
    return found


def _regrouped(key: KeyLayout, given: Mapping[str, Any]) -> bool:
    """Return whether given groups of a key differ from those in training."""
    return any(
        group.name in given and not np.array_equal(group.ids, given[group.name])
        for group in key.groups
    )


def _inputs(
    template: Tokens,
    shapes: Mapping[str, tuple[int, ...]],
    given: Tree,
    positions: Tree,
    groups: Mapping[str, Any],
) -> dict[str, Any] | None:
    """Return the inputs of every key, given or from the template."""
    names = template.layout.names
    found = lookup_as_given(given, names, "functional_inputs")
    made = read_positions(positions, names)
    faults = []
    for key in template.layout.keys:
        if key.n_inputs is None or key.name in found or key.name in made:
            continue
        inputs = template.functional_inputs
        if inputs is None:
            faults.append(f"those of {key.name!r} differ between simulations")
        elif _regrouped(key, groups.get(key.name, {})):
            faults.append(f"those of {key.name!r} belong to other groups")
        elif shapes[key.name] != key.event_shape:
            faults.append(
                f"{key.name!r} has the event shape {shapes[key.name]} instead "
                f"of {key.event_shape}"
            )
        else:
            rows = np.asarray(inputs)[key.block, : key.n_inputs]
            found[key.name] = rows.reshape((*key.event_shape, key.n_inputs))
    raise_faults(
        ValueError, "Pass functional_inputs= of the observed data", faults
    )
    return found or None
