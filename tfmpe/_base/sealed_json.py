"""JSON that says what it is, and carries its own checksum.

For records that may come back damaged, from a newer version, or from
somebody else. Whatever is wrong with one is a :class:`StorageError`; nothing
in it is trusted before it has been looked at.
"""

import hashlib
import json
import reprlib
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from tfmpe._base.errors import StorageError

# No array has more values; it keeps sums and products of sizes harmless.
LARGEST = 2**48


class DamageError(StorageError):
    """A record is not as it was written; says why, as part of a sentence."""


@contextmanager
def naming(path: object) -> Iterator[None]:
    """Name a path in every :class:`StorageError`, and what to do about it."""
    try:
        yield
    except DamageError as error:
        raise StorageError(
            f"{path}: {error}. Restore it from a copy, or write it again."
        ) from None
    except StorageError as error:
        raise StorageError(f"{path}: {error}") from None


def canonical(value: Any) -> str:
    """Return the one JSON text of a value: sorted, compact, ASCII."""
    return json.dumps(
        value, allow_nan=False, separators=(",", ":"), sort_keys=True
    )


def checksum(content: str) -> str:
    """Return the sha256 of an ASCII text, in hexadecimal."""
    return hashlib.sha256(content.encode("ascii")).hexdigest()


def seal(kind: str, version: int, content: dict[str, Any]) -> str:
    """Return a JSON text that :func:`unseal` reads back.

    Parameters
    ----------
    kind : str
        What the record is, as ``'tfmpe.tokens'``.
    version : int
        Of its format.
    content : dict
        What JSON can hold.
    """
    record = {"format": kind, "version": version, **content}
    return canonical({**record, "sha256": checksum(canonical(record))})


def unseal(text: str, kind: str, version: int) -> dict[str, Any]:
    """Return the content of a sealed record.

    Raises
    ------
    StorageError
        If it is no JSON, no record of this kind, of a version above
        ``version``, or not what was written.
    """
    record = _parse(text)
    if not isinstance(record, dict) or record.get("format") != kind:
        raise StorageError(f"it is no record of the format {kind!r}.")
    found = record.get("version")
    if type(found) is not int or found < 1:
        raise DamageError(f"its version is {brief(found)}, expected 1 or more")
    if found > version:
        raise StorageError(
            f"it has version {brief(found)} of the format {kind!r}, and this "
            f"tfmpe reads up to version {version}. Update tfmpe."
        )
    seal = record.pop("sha256", None)
    if seal != checksum(canonical(record)):
        raise DamageError("its description does not match its checksum")
    return {
        name: value
        for name, value in record.items()
        if name not in ("format", "version")
    }


def _parse(text: str) -> Any:
    try:
        return json.loads(
            text, object_pairs_hook=_distinct, parse_constant=_no_constant
        )
    except StorageError:
        raise
    except (ValueError, RecursionError) as error:
        # Nesting that no stack holds, and numbers of thousands of digits.
        raise DamageError(f"its description is no JSON ({error})") from None


def _no_constant(name: str) -> None:
    raise DamageError(f"its description holds {name}, which JSON has not")


def _distinct(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    record = dict(pairs)
    if len(record) < len(pairs):
        raise DamageError("its description holds an entry twice")
    return record


def brief(value: Any) -> str:
    """Return the repr of a value, shortened to what fits into a message."""
    return reprlib.repr(value)


def entries(value: Any, names: Sequence[str], where: str) -> list[Any]:
    """Return the values of a dictionary that has exactly these names."""
    if not isinstance(value, dict) or value.keys() != set(names):
        found = list(value) if isinstance(value, dict) else value
        raise DamageError(
            f"{where} holds {brief(found)}, expected the entries {list(names)}"
        )
    return [value[name] for name in names]


def items(value: Any, where: str) -> list[Any]:
    """Return a list as it is."""
    if not isinstance(value, list):
        raise DamageError(f"{where} is {brief(value)}, expected a list")
    return value


def text(value: Any, where: str) -> str:
    """Return a string as it is."""
    if not isinstance(value, str):
        raise DamageError(f"{where} is {brief(value)}, expected a text")
    return value


def integer(value: Any, where: str, low: int = 0, high: int = LARGEST) -> int:
    """Return a whole number between two bounds, both allowed."""
    # True is an int in Python, but was not written for one.
    if type(value) is not int or not low <= value <= high:
        raise DamageError(
            f"{where} is {brief(value)}, expected a whole number from {low} "
            f"to {high}"
        )
    return value


def shape(value: Any, where: str) -> tuple[int, ...]:
    """Return a list of sizes as a tuple."""
    sizes = tuple(integer(size, where) for size in items(value, where))
    if nonzero_product(sizes) > LARGEST:
        raise DamageError(f"{where} is {brief(sizes)}, more than any array has")
    return sizes


def nonzero_product(sizes: Iterable[int]) -> int:
    """Return the product of the sizes that are not 0."""
    product = 1
    for size in sizes:
        product *= size or 1
        if product > LARGEST:
            break
    return product
