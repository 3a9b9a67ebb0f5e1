"""Comparison of two results, exact or within a tolerance.

Two trees are equal only if every container has the same type, every dict the
same keys in the same order, and every array the same library, data type,
shape and bits (all NaNs are equal). Values are never converted to match.
"""

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import jax
import numpy as np

from tfmpe._base.keys import without_keys
from tfmpe.migrate.recordings.nodes import Abstract
from tfmpe.migrate.records.parity import (
    ArrayParity,
    Difference,
    Largest,
    Outcome,
    Tally,
    larger,
    size_of,
)


@dataclass(frozen=True)
class Tolerance:
    """Largest allowed distance of a number from the stored one."""

    absolute: float
    relative: float
    reason: str
    median: float = math.inf


@dataclass(frozen=True)
class Comparison:
    """Result of a comparison of two trees."""

    differences: tuple[Difference, ...] = ()
    absolute: Largest | None = None
    relative: Largest | None = None
    ulp: Largest | None = None
    arrays: tuple[ArrayParity, ...] = ()

    @property
    def outcome(self) -> Outcome:
        """Outcome of the whole comparison."""
        if not self.differences:
            return "identical"
        tolerated = all(each.tolerated for each in self.differences)
        return "within tolerance" if tolerated else "different"

    @property
    def identical(self) -> bool:
        """Whether there is no difference at all."""
        return not self.differences

    @property
    def agrees(self) -> bool:
        """Whether every difference is within tolerance."""
        return self.outcome != "different"

    @property
    def tally(self) -> Tally:
        """Tally of this one comparison."""
        return Tally.of(self.outcome, self.absolute, self.relative, self.ulp)

    def __add__(self, other: "Comparison") -> "Comparison":
        """Return both comparisons as one, with arrays joined by path."""
        return joined((self, other))


def compare(
    stored: Any,
    found: Any,
    path: str = "output",
    tolerance: Tolerance | None = None,
) -> Comparison:
    """Compare a tree with a stored one, exactly or within a tolerance."""
    return joined(_parts(stored, found, path, tolerance))


def joined(parts: Iterable[Comparison]) -> Comparison:
    """Return many comparisons as one, in their order."""
    differences: list[Difference] = []
    absolute = relative = ulp = None
    arrays: dict[str, Tally] = {}
    for part in parts:
        differences += part.differences
        absolute = larger(absolute, part.absolute)
        relative = larger(relative, part.relative)
        ulp = larger(ulp, part.ulp)
        for array in part.arrays:
            before = arrays.get(array.path, Tally())
            arrays[array.path] = before + array.tally
    by_path = tuple(ArrayParity(path, tally) for path, tally in arrays.items())
    return Comparison(tuple(differences), absolute, relative, ulp, by_path)


def differing(kind: str, path: str, stored: Any, found: Any) -> Comparison:
    """Return a comparison with one difference, described as text."""
    return Comparison((Difference(kind, path, str(stored), str(found)),))


def _parts(
    stored: Any, found: Any, path: str, tolerance: Tolerance | None
) -> Iterator[Comparison]:
    if isinstance(stored, Abstract):
        yield from _abstract(stored, found, path)
    elif isinstance(stored, jax.Array | np.ndarray):
        compared = joined(_array(stored, found, path, tolerance))
        parity = ArrayParity(path, compared.tally)
        yield compared + Comparison(arrays=(parity,))
    elif type(stored) is not type(found):
        yield differing("structure", path, _kind(stored), _kind(found))
    elif isinstance(stored, dict):
        if list(stored) != list(found):
            same = stored.keys() == found.keys()
            kind = "key order" if same else "structure"
            yield differing(kind, path, _keys(stored), _keys(found))
        for key, value in stored.items():
            if key in found:
                place = f"{path}[{key!r}]"
                yield from _parts(value, found[key], place, tolerance)
    elif isinstance(stored, tuple | list):
        if len(stored) != len(found):
            kind = _kind(stored)
            before, now = (f"{kind} of {len(x)}" for x in (stored, found))
            yield differing("structure", path, before, now)
        for i, (old, new) in enumerate(zip(stored, found, strict=False)):
            yield from _parts(old, new, f"{path}[{i}]", tolerance)
    elif isinstance(stored, float | np.generic):
        yield from _values(
            np.asarray(stored), np.asarray(found), path, tolerance
        )
    elif stored is not found and stored != found:
        yield differing("values", path, repr(stored), repr(found))


def _abstract(stored: Abstract, found: Any, path: str) -> Iterator[Comparison]:
    if isinstance(found, jax.Array):
        found = Abstract(found.shape, found.dtype.name)
    if not isinstance(found, Abstract):
        yield differing("structure", path, _kind(stored), _kind(found))
        return
    for name in ("dtype", "shape"):
        before, now = getattr(stored, name), getattr(found, name)
        if before != now:
            yield differing(name, path, before, now)


def _array(
    stored: Any, found: Any, path: str, tolerance: Tolerance | None
) -> Iterator[Comparison]:
    if not isinstance(found, jax.Array | np.ndarray):
        yield differing("structure", path, _kind(stored), _kind(found))
        return
    parts = (("library", _library), ("dtype", _dtype), ("shape", np.shape))
    for name, of in parts:
        if of(stored) != of(found):
            yield differing(name, path, of(stored), of(found))
    if stored.shape == found.shape:
        old, new = (np.asarray(without_keys(x)) for x in (stored, found))
        yield from _values(old, new, path, tolerance)


def _values(
    stored: np.ndarray,
    found: np.ndarray,
    path: str,
    tolerance: Tolerance | None,
) -> Iterator[Comparison]:
    """Compare values of equal shape; data types may differ."""
    differ = _differing(stored, found)
    if not differ.any():
        return
    old, new = (
        side[differ].astype(
            "complex128" if side.dtype.kind == "c" else "float64"
        )
        for side in (stored, found)
    )
    scale = np.abs(old)
    with np.errstate(all="ignore"):
        absolute = np.abs(new - old)
        # A NaN on only one side counts as infinitely far away.
        absolute[np.isnan(absolute)] = np.inf
        relative = absolute / scale
        # Zeros that differ only in sign have a relative difference of 0;
        # infinity divided by infinity counts as infinite.
        relative[absolute == 0] = 0.0
        relative[np.isnan(relative)] = np.inf
        tolerated = False
        if tolerance is not None:
            allowed = tolerance.absolute + tolerance.relative * scale
            n_far = np.count_nonzero(absolute > tolerance.median)
            near = np.isfinite(absolute) & (absolute <= allowed)
            tolerated = bool(n_far <= stored.size // 2 and near.all())
    where = np.argwhere(differ)

    def largest(sizes: np.ndarray) -> Largest:
        place = int(np.argmax(sizes))
        return Largest(size_of(float(sizes[place])), path + _at(where[place]))

    first = tuple(where[0])
    difference = Difference(
        "values",
        path + _at(where[0]),
        f"{stored[first]!s} ({len(where)} of {stored.size} differ)",
        str(found[first]),
        tolerated,
    )
    ulp = None
    if stored.dtype == found.dtype and stored.dtype.kind == "f":
        distance = np.abs(_ranks(found[differ]) - _ranks(stored[differ]))
        distance[np.isnan(old) | np.isnan(new)] = np.inf
        ulp = largest(distance)
    yield Comparison((difference,), largest(absolute), largest(relative), ulp)


def _ranks(floats: np.ndarray) -> np.ndarray:
    """Return the ranks of floats in their total order; both zeros are 0."""
    bits = floats.view(f"i{floats.dtype.itemsize}").astype("int64")
    smallest = -(2 ** (8 * floats.dtype.itemsize - 1))
    return np.where(bits < 0, smallest - bits, bits).astype("longdouble")


def _differing(stored: np.ndarray, found: np.ndarray) -> np.ndarray:
    same = np.equal(stored, found)
    kinds = stored.dtype.kind + found.dtype.kind
    if set(kinds) <= {"f", "c"}:
        same = np.ones(stored.shape, bool)
        for part in (np.real, np.imag) if "c" in kinds else (np.real,):
            old, new = part(stored), part(found)
            same &= (np.isnan(old) & np.isnan(new)) | (
                (old == new) & (np.signbit(old) == np.signbit(new))
            )
    # NumPy returns scalars for rank 0, but indexing needs an array.
    return np.asarray(~np.asarray(same))


def _at(place: np.ndarray) -> str:
    return f"[{', '.join(str(int(i)) for i in place)}]" if len(place) else ""


def _library(array: Any) -> str:
    return "jax" if isinstance(array, jax.Array) else "numpy"


def _dtype(array: Any) -> str:
    # A weak type promotes differently, so it counts as a different data type.
    weak = getattr(array, "weak_type", False)
    return f"{array.dtype.name} (weakly typed)" if weak else array.dtype.name


def _keys(tree: dict[Any, Any]) -> str:
    return ", ".join(map(repr, tree)) or "no keys"


def _kind(value: Any) -> str:
    if isinstance(value, jax.Array | np.ndarray):
        return f"{_library(value)} array"
    if isinstance(value, Abstract):
        return "a JAX value"
    return "None" if value is None else type(value).__name__
