"""Checks that a narrower dtype does not change values."""

from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from .arrays import common_dtype, on_host

_RESOLUTION = 0.01
"""Largest allowed rounding error, as a fraction of the spread of the values."""

_NOISE = 1e-12
"""Relative spread up to which values differ only by float64 rounding."""


def check_castable(value: Any, dtype: Any, what: str) -> None:
    """Raise if a dtype cannot hold the values or their kind of number."""
    kinds = (jnp.bool_, jnp.integer, jnp.floating, jnp.complexfloating)
    value_kind, kind = (
        next(i for i, k in enumerate(kinds) if jnp.issubdtype(d, k))
        for d in (value.dtype, dtype)
    )
    if value_kind > kind:
        raise TypeError(
            f"{what} has the dtype {value.dtype}, which does not fit into "
            f"tokens of dtype {dtype} without loss. Convert it with astype, "
            "or build the tokens with a wider dtype."
        )
    check_fits(value, dtype, what)


def check_joined(arrays: Mapping[str, Any]) -> None:
    """Raise if joining arrays, named by their keys, would change values."""
    dtypes = {array.dtype for array in arrays.values()}
    # In nearly all calls nothing is converted, and no check is needed.
    if len(dtypes) <= 1 and dtypes == set(
        map(jax.dtypes.canonicalize_dtype, dtypes)
    ):
        return
    dtype = common_dtype([*arrays.values()])
    for what, array in arrays.items():
        check_fits(array, dtype, what)


def check_fits(value: Any, dtype: Any, what: str) -> None:
    """Raise if a dtype cannot hold some values of an array on the host.

    Rounding is allowed if it is small compared with the values and with their
    spread, both over all values and in each column of the last axis.
    """
    # JAX canonicalizes dtypes first, and promotes them afterwards.
    narrowed = jax.dtypes.canonicalize_dtype(value.dtype)
    needed = {np.dtype(narrowed): None, np.dtype(dtype): None}
    needed.pop(value.dtype, None)
    # Finding out where an array is costs more than comparing dtypes.
    if not needed or not value.size or not on_host([value]):
        return
    for each in needed:
        _check(np.asarray(value), each, what)


def _check(given: np.ndarray, dtype: np.dtype, what: str) -> None:
    safe = np.can_cast(given.dtype, dtype, "safe")
    if safe or jnp.issubdtype(given.dtype, jnp.complexfloating):
        return
    low, high = _ends(given)
    if jnp.issubdtype(dtype, jnp.integer):
        limits = jnp.iinfo(dtype)
        _check_ends(low, high, int(limits.min), int(limits.max), dtype, what)
    else:
        _check_floats(given, low, high, dtype, what)


def _check_floats(
    given: np.ndarray, low: Any, high: Any, dtype: np.dtype, what: str
) -> None:
    limits = jnp.finfo(dtype)
    most, least = float(limits.max), float(limits.smallest_normal)
    _check_ends(low, high, -most, most, dtype, what)
    if jnp.issubdtype(given.dtype, jnp.floating):
        lost = (given != 0) & (np.abs(given) < least)
        if lost.any():
            _refuse(what, given[lost].flat[0], dtype, f"smallest is {least:g}")
    # Half the distance between neighboring floats at the largest value.
    bound = max(abs(low), abs(high)) * float(limits.eps) / 2
    n_columns = given.shape[-1] if given.ndim else 1
    columns = (given.reshape(-1, 1), given.reshape(-1, n_columns))
    if _steps_vanish(given, bound, dtype) or any(
        _is_coarse(values, bound, dtype) for values in columns
    ):
        raise ValueError(
            f"{what} has values between {low!r} and {high!r}, so close "
            f"to one another that {dtype} rounds them by more than "
            f"{_RESOLUTION:.0%} of their spread, or makes most neighboring "
            "values equal. Subtract a reference first, such as the smallest "
            f"value, {_REMEDY}"
        )


def _steps_vanish(given: np.ndarray, bound: float, dtype: np.dtype) -> bool:
    """Return whether rounding makes most neighboring tokens equal.

    For example, times in seconds become equal if other rows, or zeros in
    padding, are far away.
    """
    if not given.ndim:
        return False
    axis = -2 if given.ndim > 1 else -1
    with np.errstate(invalid="ignore", over="ignore"):
        steps = np.abs(np.diff(given.astype(float, copy=False), axis=axis))
        # In most arrays nearly all steps are too large to vanish.
        n_large = np.count_nonzero(steps > 2 * bound)
        if 2 * (steps.size - n_large) < n_large:
            return False
        rows = np.moveaxis(given, axis, 0)
        steps = np.moveaxis(steps, axis, 0)
        left = np.diff(rows.astype(dtype).astype(float), axis=0)
        differ = steps > _NOISE * np.abs(rows[1:].astype(float))
    n_differ = np.sum(differ)
    return bool(n_differ and 2 * np.sum(differ & (left == 0)) >= n_differ)


def _is_coarse(columns: np.ndarray, bound: float, dtype: np.dtype) -> bool:
    """Return whether rounding is large compared with a column's spread."""
    finite = np.isfinite(columns)
    with np.errstate(invalid="ignore", over="ignore"):
        low = np.where(finite, columns, np.inf).min(axis=0)
        high = np.where(finite, columns, -np.inf).max(axis=0)
        spread = high - low
        differ = spread > _NOISE * np.maximum(np.abs(low), np.abs(high))
        if not (differ & (bound > _RESOLUTION * spread)).any():
            return False
        errors = np.abs(columns.astype(dtype).astype(float) - columns)
        largest = np.where(np.isfinite(errors), errors, 0).max(axis=0)
    return bool((differ & (largest > _RESOLUTION * spread)).any())


def _ends(given: np.ndarray) -> tuple[Any, Any]:
    """Return the smallest and the largest finite value."""
    low, high = given.min(), given.max()
    if jnp.issubdtype(given.dtype, jnp.floating):
        if not (np.isfinite(low) and np.isfinite(high)):
            finite = given[np.isfinite(given)]
            if not finite.size:
                return 0.0, 0.0
            low, high = finite.min(), finite.max()
        return float(low), float(high)
    return int(low), int(high)


def _check_ends(
    low: Any, high: Any, least: Any, most: Any, dtype: np.dtype, what: str
) -> None:
    if low < least:
        _refuse(what, low, dtype, f"smallest value is {least}")
    if high > most:
        _refuse(what, high, dtype, f"largest value is {most}")


def _refuse(what: str, value: Any, dtype: np.dtype, limit: str) -> None:
    raise ValueError(
        f"{what} holds {value}, which {dtype} cannot hold: its {limit}. "
        f"Use a different unit, {_REMEDY}"
    )


_REMEDY = (
    "or call jax.config.update('jax_enable_x64', True) before anything else "
    "to keep 64 bits."
)
