"""Comparing what came back with what was stored, to the bit.

Two trees are equal only if every container is of the same type, every dict
has the same keys in the same order, and every array has the same library,
data type, shape and bits. Nothing is converted to make things agree.
"""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import jax
import numpy as np

from tfmpe.migrate.recordings.nodes import Abstract

from .comparison import (
    ComparedArray,
    Comparison,
    Difference,
    Extreme,
    Kind,
    Tolerance,
)

__all__ = ["compare"]


def compare(
    stored: Any,
    found: Any,
    path: str = "output",
    tolerance: Tolerance | None = None,
) -> Comparison:
    """Compare a tree with the stored one.

    Parameters
    ----------
    stored
        What was recorded.
    found
        What came back now.
    path
        What the whole tree is called.
    tolerance
        How far values may be apart; None for not at all, where even the
        sign of a zero counts.

    Returns
    -------
    Comparison
        Every difference, and the largest ones between numbers.

    Notes
    -----
    Not-a-numbers in the same place are equal, whatever their bits. A stored
    `Abstract` stands for a JAX value, of which only data type and shape are
    compared.

    Examples
    --------
    >>> import numpy as np
    >>> stored = {"b": np.int8([1, 2]), "a": (1,)}
    >>> found = {"a": (1,), "b": np.int32([1, 3])}
    >>> for difference in compare(stored, found).differences:
    ...     print(difference)
    key order at output: 'a', 'b', was 'b', 'a'
    dtype at output['b']: int32, was int8
    values at output['b'][1]: 3, was 2 (1 of 2 differ)
    """
    result = Comparison()
    for part in _parts(stored, found, path, tolerance):
        result += part
    return result


def _one(
    kind: Kind, path: str, stored: str, found: str
) -> Iterator[Comparison]:
    yield Comparison((Difference(kind, path, stored, found),))


def _parts(
    stored: Any, found: Any, path: str, tolerance: Tolerance | None
) -> Iterator[Comparison]:
    if isinstance(stored, Abstract):
        yield from _abstract(stored, found, path)
    elif isinstance(stored, jax.Array | np.ndarray):
        yield _array(stored, found, path, tolerance)
    elif type(stored) is not type(found):
        yield from _one("structure", path, _kind(stored), _kind(found))
    elif isinstance(stored, dict):
        yield from _dicts(stored, found, path, tolerance)
    elif isinstance(stored, tuple | list):
        if len(stored) != len(found):
            yield from _one(
                "structure",
                path,
                f"{_kind(stored)} of {len(stored)}",
                f"{_kind(found)} of {len(found)}",
            )
        for i, (old, new) in enumerate(zip(stored, found, strict=False)):
            yield from _parts(old, new, f"{path}[{i}]", tolerance)
    elif isinstance(stored, float | np.generic):
        yield from _values(
            np.asarray(stored), np.asarray(found), path, tolerance
        )
    elif stored is not found and stored != found:
        yield from _one("values", path, repr(stored), repr(found))


def _dicts(
    stored: dict[Any, Any],
    found: dict[Any, Any],
    path: str,
    tolerance: Tolerance | None,
) -> Iterator[Comparison]:
    if stored.keys() != found.keys():
        yield from _one("structure", path, _keys(stored), _keys(found))
    else:
        if list(stored) != list(found):
            yield from _one("key order", path, _keys(stored), _keys(found))
    for key, value in stored.items():
        if key in found:
            yield from _parts(value, found[key], f"{path}[{key!r}]", tolerance)


def _abstract(stored: Abstract, found: Any, path: str) -> Iterator[Comparison]:
    if isinstance(found, Abstract):
        shape, dtype = found.shape, found.dtype
    elif isinstance(found, jax.Array):
        shape, dtype = found.shape, found.dtype.name
    else:
        yield from _one("structure", path, "a jax value", _kind(found))
        return
    if dtype != stored.dtype:
        yield from _one("dtype", path, stored.dtype, dtype)
    if shape != stored.shape:
        yield from _one("shape", path, str(stored.shape), str(shape))


def _array(
    stored: Any, found: Any, path: str, tolerance: Tolerance | None
) -> Comparison:
    """Compare an array, and note it as one that was."""
    result = Comparison()
    for part in _arrays(stored, found, path, tolerance):
        result += part
    outcome = "different"
    if result.identical:
        outcome = "identical"
    elif result.within_tolerance:
        outcome = "within tolerance"
    compared = ComparedArray(path, outcome, result.largest_absolute)
    return replace(result, arrays=(compared,))


def _arrays(
    stored: Any, found: Any, path: str, tolerance: Tolerance | None
) -> Iterator[Comparison]:
    if not isinstance(found, jax.Array | np.ndarray):
        yield from _one("structure", path, _kind(stored), _kind(found))
        return
    if _library(stored) != _library(found):
        yield from _one("library", path, _library(stored), _library(found))
    if _dtype(stored) != _dtype(found):
        yield from _one("dtype", path, _dtype(stored), _dtype(found))
    if stored.shape != found.shape:
        yield from _one("shape", path, str(stored.shape), str(found.shape))
        return
    yield from _values(np.asarray(stored), np.asarray(found), path, tolerance)


def _values(
    stored: np.ndarray,
    found: np.ndarray,
    path: str,
    tolerance: Tolerance | None,
) -> Iterator[Comparison]:
    """Compare values of one shape, also where the data types differ."""
    differ = _differing(stored, found)
    if not differ.any():
        return
    old, new = _numbers(stored)[differ], _numbers(found)[differ]
    # A not-a-number on one side only is infinitely far away.
    with np.errstate(invalid="ignore", over="ignore"):
        absolute = np.abs(new - old)
    absolute[np.isnan(absolute)] = np.inf
    scale = np.abs(old)
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        relative = absolute / scale
    # Zeros that differ in sign alone are no distance apart; what is neither
    # (infinite by infinite) is as far apart as can be.
    relative[absolute == 0] = 0.0
    relative[np.isnan(relative)] = np.inf
    where = np.argwhere(differ)
    tolerated = False
    if tolerance is not None:
        with np.errstate(invalid="ignore"):
            allowed = tolerance.absolute + tolerance.relative * scale
        n_far = int(np.count_nonzero(absolute > tolerance.median))
        tolerated = n_far <= stored.size // 2 and bool(
            np.all(np.isfinite(absolute) & (absolute <= allowed))
        )
    first = tuple(where[0])
    yield Comparison(
        (
            Difference(
                "values",
                path + _index(where[0]),
                f"{stored[first]!s} ({len(where)} of {stored.size} differ)",
                str(found[first]),
                tolerated,
            ),
        ),
        _extreme(absolute, where, path),
        _extreme(relative, where, path),
        _largest_ulp(stored, found, differ, where, path),
    )


def _largest_ulp(
    stored: np.ndarray,
    found: np.ndarray,
    differ: np.ndarray,
    where: np.ndarray,
    path: str,
) -> Extreme | None:
    if stored.dtype != found.dtype or stored.dtype.kind != "f":
        return None
    old, new = stored[differ], found[differ]
    distance = np.abs(_ranks(new) - _ranks(old))
    distance[np.isnan(old) | np.isnan(new)] = np.inf
    return _extreme(distance, where, path)


def _ranks(floats: np.ndarray) -> np.ndarray:
    """Return the places of floats in the order of all, both zeros as 0."""
    bits = floats.view(f"i{floats.dtype.itemsize}").astype("int64")
    smallest = -(2 ** (8 * floats.dtype.itemsize - 1))
    return np.where(bits < 0, smallest - bits, bits).astype("longdouble")


def _differing(stored: np.ndarray, found: np.ndarray) -> np.ndarray:
    same = np.equal(stored, found)
    if stored.dtype.kind in "fc" and found.dtype.kind in "fc":
        is_complex = "c" in stored.dtype.kind + found.dtype.kind
        parts = (np.real, np.imag) if is_complex else (np.real,)
        same = np.ones(stored.shape, bool)
        for part in parts:
            old, new = part(stored), part(found)
            same &= (np.isnan(old) & np.isnan(new)) | (
                (old == new) & (np.signbit(old) == np.signbit(new))
            )
    # At rank 0 NumPy gives scalars; indexing needs an array.
    return np.asarray(~np.asarray(same))


def _numbers(array: np.ndarray) -> np.ndarray:
    return array.astype("complex128" if array.dtype.kind == "c" else "float64")


def _extreme(sizes: np.ndarray, where: np.ndarray, path: str) -> Extreme:
    place = int(np.argmax(sizes))
    return Extreme(float(sizes[place]), path + _index(where[place]))


def _index(place: np.ndarray) -> str:
    return f"[{', '.join(str(int(i)) for i in place)}]" if len(place) else ""


def _library(array: Any) -> str:
    return "jax" if isinstance(array, jax.Array) else "numpy"


def _dtype(array: Any) -> str:
    # A weakly typed array gives way where it meets others, so it counts as
    # another data type.
    weak = getattr(array, "weak_type", False)
    return f"{array.dtype.name} (weakly typed)" if weak else array.dtype.name


def _keys(tree: dict[Any, Any]) -> str:
    return ", ".join(map(repr, tree)) or "no keys"


def _kind(value: Any) -> str:
    if value is None:
        return "None"
    if isinstance(value, jax.Array | np.ndarray):
        return f"{_library(value)} array"
    if isinstance(value, Abstract):
        return "a jax value"
    return type(value).__name__
