"""Mean and scale of the values of every key, without padding."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float

from tfmpe._base.arrays import common_dtype
from tfmpe._base.errors import raise_faults
from tfmpe.preprocessing.tokens.queries import TokenQueries

from .bijectors import Bijector

_Floats: TypeAlias = Float[np.ndarray, "..."]
_Table: TypeAlias = Float[np.ndarray, "keys width"]

_UNDONE = 1e-4
"""Largest relative round-trip error that counts as rounding."""

_SLOPE = 1e-2
"""Largest relative error of a log derivative that counts as rounding."""

_PLACES = (-1, 0, 1)
"""Distances from the mean, in scales, at which bijectors are compared."""

N_BOUNDED = len(_PLACES)
"""Number of the bounded values of :func:`bounded_values`."""

_N_SLOPES = 1_000
"""Number of values at which a log derivative is checked."""


def measure(
    tokens: TokenQueries, bijectors: Mapping[str, Bijector]
) -> tuple[_Table, _Table, _Table]:
    """Return mean, shift and scale of every key, after its bijector.

    The mean of the values is ``mean + shift * scale``; the second term is the
    rounding error of the first. Columns of equal values have the scale 1.
    """
    data, real = np.asarray(tokens.data), np.asarray(tokens.padding_mask)
    dtype = common_dtype(
        [jax.dtypes.canonicalize_dtype(data.dtype), jnp.float32]
    )
    shape = (len(tokens.layout.keys), max(tokens.layout.width, 1))
    mean, shift, scale = (np.full(shape, fill, dtype) for fill in (0, 0, 1))
    faults = []
    for row, key in enumerate(tokens.layout.keys):
        block, known = data[..., key.block, : key.width], real[..., key.block]
        values = block[known]
        fault = "" if len(values) else "no tokens other than padding"
        fault = fault or _not_finite(
            values, f"are NaN or infinite{_in_samples(block, known)}"
        )
        bijector = bijectors.get(key.name)
        if bijector and not fault:
            given = values
            values = _apply(bijector.forward, values, dtype)
            fault = _not_finite(
                values,
                "lie outside the support of its bijector, which makes them "
                "NaN or infinite",
            )
            fault = fault or _not_undone(bijector, given, values, dtype)
            fault = fault or _not_its_slope(bijector, given, dtype)
        if fault:
            faults.append(f"{key.name!r} has {fault}")
            continue
        at = (row, slice(key.width))
        mean[at], shift[at], scale[at] = _moments(values, dtype)
        if bijector and (fault := _no_way_back(bijector, mean[at], scale[at])):
            faults.append(f"{key.name!r} has {fault}")
    raise_faults(ValueError, "Cannot fit a standardizer", faults)
    return mean, shift, scale


def _apply(
    method: Callable[[Any], Array], values: _Floats, dtype: np.dtype
) -> _Floats:
    # The caller checks for NaN outside the support of the bijector.
    with jax.debug_nans(False):
        return np.asarray(method(jnp.asarray(values, dtype)))


def _not_undone(
    bijector: Bijector, values: _Floats, unbounded: _Floats, dtype: np.dtype
) -> str:
    """Return a fault if two functions of a bijector are not inverses."""
    back = _apply(bijector.inverse, unbounded, dtype)
    error = np.abs(back - values)
    wrong = ~(error <= _UNDONE * (np.abs(values) + values.std()))
    if not wrong.any():
        return ""
    at = tuple(np.argwhere(wrong)[0])
    return (
        "a bijector whose functions are not inverses: one after the other they "
        f"map {values[at]} to {back[at]}, and {wrong.sum()} of {values.size} "
        "values to wrong ones"
    )


def _not_its_slope(bijector: Bijector, values: _Floats, dtype: np.dtype) -> str:
    """Return a fault if a given log derivative is wrong."""
    if bijector.to_unbounded_log_det is None:
        return ""
    own = bijector._replace(to_unbounded_log_det=None)
    some = values.ravel()[:_N_SLOPES]
    found, wanted = (
        _apply(each.log_det, some, dtype) for each in (bijector, own)
    )
    wrong = np.abs(found - wanted) > _SLOPE * (1 + np.abs(wanted))
    wrong &= np.isfinite(wanted)
    if not wrong.any():
        return ""
    at = int(wrong.argmax())
    return (
        "a bijector whose log derivative (the third function, at a bounded "
        f"value) is {found[at]:.6g} at {some[at]:.6g}, but JAX finds "
        f"{wanted[at]:.6g}"
    )


def _no_way_back(bijector: Bijector, mean: _Floats, scale: _Floats) -> str:
    """Return a fault if some number that a flow may draw becomes NaN."""
    unbounded, back = _way_back(bijector, mean, scale, (-6, -3, 0, 3, 6))
    if not np.isnan(back).any():
        return ""
    at = tuple(np.argwhere(np.isnan(back))[0])
    return (
        "a bijector whose inverse is NaN at the unbounded value "
        f"{unbounded[at]:.6g}, which can be drawn. Its forward function must "
        "reach every number"
    )


def bounded_values(
    bijector: Bijector, mean: _Floats, scale: _Floats
) -> _Floats:
    """Return the bounded values at the mean, and a scale below and above."""
    return _way_back(bijector, mean, scale, _PLACES)[1]


def other_bijector(
    bijector: Bijector, mean: _Floats, scale: _Floats, stored: _Floats | None
) -> str:
    """Return a fault if a bijector is not the one of given moments.

    It must be invertible near the values that are possible, and its inverse
    must return the stored bounded values.
    """
    unbounded, back = _way_back(bijector, mean, scale, _PLACES)
    if stored is not None:
        wrong = ~np.isclose(back, stored, rtol=1e-2, atol=1e-6)
        if wrong.any():
            at = tuple(np.argwhere(wrong)[0])
            return (
                f"maps the unbounded value {unbounded[at]:.6g} to "
                f"{back[at]:.6g}, the stored one to {stored[at]:.6g}"
            )
    there = _apply(bijector.forward, back, back.dtype)
    wrong = ~(np.abs(there - unbounded) <= 0.2 * scale + 0.02 * abs(unbounded))
    # The inverse of a root, for example, has the same value at -1 and 1.
    again = _apply(bijector.inverse, there, back.dtype)
    wrong &= ~np.isclose(again, back, rtol=1e-3, atol=1e-6)
    if not wrong.any():
        return ""
    at = tuple(np.argwhere(wrong)[0])
    return (
        f"maps the unbounded value {unbounded[at]:.6g} to {there[at]:.6g} by "
        "its inverse and then its forward function"
    )


def _way_back(
    bijector: Bijector, mean: _Floats, scale: _Floats, steps: Sequence[int]
) -> tuple[_Floats, _Floats]:
    """Return unbounded values ``mean + steps * scale``, and their inverses."""
    unbounded = mean + np.outer(steps, scale).astype(mean.dtype)
    return unbounded, _apply(bijector.inverse, unbounded, mean.dtype)


def _not_finite(values: _Floats, what: str) -> str:
    n = np.sum(~np.isfinite(values))
    return f"{values.size} values, {n} of which {what}" if n else ""


def _in_samples(block: _Floats, known: Bool[np.ndarray, "..."]) -> str:
    """Return how many samples have values that are not finite, and a remedy."""
    wrong = (~np.isfinite(block).all(-1) & known).any(-1)
    return (
        f", in {wrong.sum()} of {wrong.size} samples; correct the simulator, "
        "or train without these samples: tokens[finite]"
    )


def _moments(
    values: _Floats, dtype: np.dtype
) -> tuple[_Floats, _Floats, _Floats]:
    """Return mean, shift and scale of every column."""
    eps = float(jnp.finfo(values.dtype).eps)
    values = values.astype(np.float64)
    mean, scale = values.mean(0), values.std(0)
    constant = np.ptp(values, 0) <= eps * np.abs(values).max(0)
    # Compiled code treats smaller numbers as 0.
    constant |= scale < float(jnp.finfo(dtype).tiny)
    scale = np.where(constant, 1.0, scale)
    rounded = mean.astype(dtype)
    return rounded, (mean - rounded) / scale, scale
