"""Trained estimators as files."""

import os
from collections.abc import Mapping
from typing import Any

import jax.numpy as jnp

from tfmpe.estimators._flow.vector_field import split_field, with_arrays
from tfmpe.estimators._storage.state_file import (
    name_leaves,
    read_state,
    refill,
    write_state,
)
from tfmpe.preprocessing import Standardiser, StorageError
from tfmpe.preprocessing._bijectors import read_bijectors
from tfmpe.preprocessing._given import StandardisedKey

_KIND = "tfmpe.estimator"
_MOMENTS = ("mean", "shift", "scale")


def save_estimator(
    path: str | os.PathLike[str],
    vector_field: Any,
    standardiser: Any,
    sigma_min: float,
) -> None:
    """Write what :func:`load_estimator` reads back."""
    split = split_field(vector_field)
    arrays = {
        **name_leaves(split.parameters, "parameters"),
        **name_leaves(split.rest[0], "others"),
    }
    keys = []
    if standardiser is not None:
        arrays |= name_leaves(standardiser, "standardiser")
        keys = [
            [key.name, list(key.batch_shape), key.bijector is not None]
            for key in standardiser.keys
        ]
    description = {"standardised_keys": keys, "sigma_min": sigma_min}
    write_state(path, _KIND, arrays, description)


def load_estimator(
    path: str | os.PathLike[str],
    vector_field: Any,
    bijectors: Mapping[str, Any] | None,
) -> tuple[Any, Any, float]:
    """Return field, standardiser and sigma_min of a file.

    Raises
    ------
    StorageError
        If it does not fit the field or the bijectors; the field is then
        left as it was.
    """
    arrays, description = read_state(path, _KIND)
    standardiser = None
    if description["standardised_keys"]:
        standardiser = _read_standardiser(
            description["standardised_keys"], arrays, bijectors or {}
        )
    split = split_field(vector_field)
    parameters = refill(split.parameters, "parameters", arrays)
    others = refill(split.rest[0], "others", arrays)
    field = with_arrays(vector_field, parameters, others)
    return field, standardiser, description["sigma_min"]


def _read_standardiser(
    keys: Any, arrays: Mapping[str, Any], bijectors: Mapping[str, Any]
) -> Standardiser:
    known = read_bijectors(bijectors, [name for name, *_ in keys])
    stored = sorted(name for name, _, bounded in keys if bounded)
    if stored != sorted(known):
        raise StorageError(
            f"The estimator was trained with bijectors for {stored}, given "
            f"are some for {sorted(known)}. Pass the same: functions are not "
            "stored."
        )
    mean, shift, scale = (
        jnp.asarray(arrays[f"standardiser/{name}"]) for name in _MOMENTS
    )
    return Standardiser(
        mean,
        shift,
        scale,
        tuple(
            StandardisedKey(name, tuple(shape), known.get(name))
            for name, shape, _ in keys
        ),
    )
