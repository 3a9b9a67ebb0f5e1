"""Files of trained estimators."""

import math
import os
from collections.abc import Iterable, Mapping
from dataclasses import asdict, replace
from typing import Any

import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

from tfmpe._base.errors import raise_faults
from tfmpe.estimators._conditionals import Conditional
from tfmpe.estimators._default_network import described_network
from tfmpe.estimators._flow.vector_field import (
    Network,
    split_field,
    with_arrays,
)
from tfmpe.estimators._seen import Seen
from tfmpe.estimators._storage.state_file import (
    name_leaves,
    read_state,
    refill,
    write_state,
)
from tfmpe.estimators._training_memory import Memory
from tfmpe.estimators._types import BijectorLike
from tfmpe.models import Model
from tfmpe.preprocessing import Standardizer, StorageError, Tokens
from tfmpe.preprocessing.standardise.bijectors import read_bijectors
from tfmpe.preprocessing.standardise.given import StandardizedKey
from tfmpe.preprocessing.standardise.moments import (
    N_BOUNDED,
    bounded_values,
    other_bijector,
)
from tfmpe.preprocessing.storage.layout_json import (
    layout_from_json,
    layout_to_json,
)

_INPUTS = "template/functional_inputs"
_KIND = "tfmpe.estimator"
_BOUNDED = "standardiser/bounded"
_MOMENTS = ("mean", "shift", "scale")


def save_estimator(
    path: str | os.PathLike[str],
    vector_field: Network,
    standardizer: Standardizer | None,
    memory: Memory,
    settings: dict[str, Any],
) -> None:
    """Write an estimator for :func:`load_estimator`.

    ``settings`` has ``estimator``, the name of its class, ``sigma_min``,
    ``standardise``, ``network``, and ``bijectors``, the names of the keys with
    bijectors if there is no standardizer.
    """
    split = split_field(vector_field)
    arrays = {
        **name_leaves(split.parameters, "parameters"),
        **name_leaves(split.rest[0], "others"),
    }
    keys = []
    if standardizer is not None:
        arrays |= name_leaves(standardizer, "standardiser")
        arrays[_BOUNDED] = _bounded(standardizer)
        keys = [
            [key.name, list(key.batch_shape), key.bijector is not None]
            for key in standardizer.keys
        ]
    description = {
        "standardised_keys": keys,
        "conditionals": [list(map(list, c)) for c in memory.conditionals],
        "layout": None,
        "seen": asdict(memory.seen),
        **settings,
    }
    if (template := memory.template) is not None:
        description["layout"] = layout_to_json(template.layout)
        description["dtype"] = str(template.data.dtype)
        if template.functional_inputs is not None:
            arrays[_INPUTS] = template.functional_inputs
    write_state(path, _KIND, arrays, description)


def _bounded(
    standardizer: Standardizer,
) -> Float[np.ndarray, "places keys width"]:
    """Return bounded values, by which bijectors are recognized."""
    mean, scale = np.asarray(standardizer.mean), np.asarray(standardizer.scale)
    found = np.zeros((N_BOUNDED, *mean.shape), mean.dtype)
    for row, key in enumerate(standardizer.keys):
        if key.bijector is not None:
            at = (row, slice(math.prod(key.batch_shape)))
            found[:, *at] = bounded_values(key.bijector, mean[at], scale[at])
    return found


def load_estimator(
    path: str | os.PathLike[str],
    vector_field: Network | None,
    bijectors: Mapping[str, BijectorLike] | None,
    model: Model | None = None,
    *,
    kind: str,
) -> tuple[Any, Standardizer | None, Memory, dict[str, Any]]:
    """Return the field, standardizer, memory and settings of a file.

    ``kind`` is the class of the estimator.
    """
    arrays, description = read_state(path, _KIND)
    standardizer, keys = None, description.pop("standardised_keys")
    # Older files do not have these settings; their estimators are trained.
    settings = {
        "estimator": kind,
        "standardise": bool(keys),
        "bijectors": [],
        "network": None,
        "discrete": [],
        "conditionals": [],
        "layout": None,
        "seen": asdict(Seen()),
    } | description
    if (saved := settings["estimator"]) != kind:
        folder = ", with its folder" if saved == "HierarchicalEstimator" else ""
        raise StorageError(
            f"{path} was saved by a {saved}, not by a {kind}. Use {saved}.load"
            f"{folder}."
        )
    # Before bijectors, which may be those of the model.
    memory = _read_memory(settings, arrays)
    if model is not None:
        _check_model(model, memory.conditionals)
    if vector_field is None:
        if settings["network"] is None:
            raise StorageError(
                f"{path} does not describe the architecture of its vector "
                "field, which is only stored for networks of tfmpe.nn. Pass a "
                "vector field of the same architecture."
            )
        vector_field = described_network(settings["network"])
    if keys:
        standardizer = _read_standardizer(keys, arrays, bijectors or {})
    else:
        _check_bijectors(settings["bijectors"], list(bijectors or {}))
    split = split_field(vector_field)
    parameters = refill(split.parameters, "parameters", arrays, narrow=True)
    others = refill(split.rest[0], "others", arrays, narrow=True)
    field = with_arrays(vector_field, parameters, others)
    return field, standardizer, replace(memory, model=model), settings


def _read_memory(
    settings: Mapping[str, Any], arrays: Mapping[str, np.ndarray]
) -> Memory:
    conditionals = tuple(
        Conditional(tuple(target), tuple(given))
        for target, given in settings["conditionals"]
    )
    if settings["layout"] is None:
        return Memory(conditionals)
    layout = layout_from_json(settings["layout"])
    zeros = np.zeros((layout.n_tokens, layout.width), settings["dtype"])
    template = Tokens(zeros, layout, arrays.get(_INPUTS))
    seen = settings["seen"]
    sizes = {name: (low, high) for name, (low, high) in seen["sizes"].items()}
    return Memory(
        conditionals,
        template,
        seen=Seen(tuple(seen["shared"]), sizes, seen["inputs"]),
    )


def _check_model(model: Model, conditionals: tuple[Conditional, ...]) -> None:
    names = model.layout.names
    for each in conditionals:
        if not {*each.target, *each.conditioning} <= {*names}:
            raise StorageError(
                f"The stored estimator was trained for {each}, but {model!r} "
                f"has only the keys {list(names)}. Pass the model used in "
                "training."
            )


def _check_bijectors(stored: Iterable[str], known: Iterable[str]) -> None:
    if sorted(stored) != sorted(known):
        raise StorageError(
            f"The stored estimator has bijectors for {sorted(stored)}, but "
            f"bijectors for {sorted(known)} were passed. Pass the "
            "model= used in training, or the same bijectors=: functions are "
            "not stored."
        )


def _read_standardizer(
    keys: list[Any],
    arrays: Mapping[str, np.ndarray],
    bijectors: Mapping[str, BijectorLike],
) -> Standardizer:
    known = read_bijectors(bijectors, [name for name, *_ in keys])
    _check_bijectors([name for name, _, bounded in keys if bounded], known)
    mean, shift, scale = (
        jnp.asarray(arrays[f"standardiser/{name}"]) for name in _MOMENTS
    )
    faults = []
    for row, (name, shape, _) in enumerate(keys):
        if bijector := known.get(name):
            at = (row, slice(math.prod(shape)))
            middle, width = np.asarray(mean[at]), np.asarray(scale[at])
            # Older files do not have it.
            stored = arrays.get(_BOUNDED)
            stored = None if stored is None else stored[:, *at]
            fault = other_bijector(bijector, middle, width, stored)
            faults += [f"the one of {name!r} {fault}"] if fault else []
    raise_faults(
        StorageError, "Bijectors differ from those in the file", faults
    )
    return Standardizer(
        mean,
        shift,
        scale,
        tuple(
            StandardizedKey(name, tuple(shape), known.get(name))
            for name, shape, _ in keys
        ),
    )
