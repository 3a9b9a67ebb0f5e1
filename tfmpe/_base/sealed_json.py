"""JSON records with a format, a version and a checksum.

A record may be damaged, of a newer version, or from an unknown source. Every
fault raises a :class:`StorageError`.
"""

import hashlib
import json
import reprlib
import textwrap
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

import numpy as np

from .errors import StorageError

T = TypeVar("T")


class DamageError(StorageError):
    """A record is damaged; :func:`naming` completes the message."""


@contextmanager
def naming(path: object) -> Iterator[None]:
    """Add a path to every :class:`StorageError`, and a remedy for damage."""
    try:
        yield
    except DamageError as error:
        raise StorageError(
            f"{path}: {error}. Restore it from a copy, or write it again."
        ) from None
    except StorageError as error:
        raise StorageError(f"{path}: {error}") from None


def canonical(value: Any) -> str:
    """Return the canonical JSON text of a value: sorted, compact, ASCII."""
    return json.dumps(
        value, allow_nan=False, separators=(",", ":"), sort_keys=True
    )


def checksum(content: str) -> str:
    """Return the SHA-256 of an ASCII text, in hexadecimal."""
    return hashlib.sha256(content.encode("ascii")).hexdigest()


def array_checksum(array: np.ndarray) -> str:
    """Return the SHA-256 of the bytes of an array, in hexadecimal."""
    return hashlib.sha256(array.reshape(-1).view(np.uint8).data).hexdigest()


def seal(kind: str, version: int, content: dict[str, Any]) -> str:
    """Return content as JSON text with its format, version and checksum."""
    record = {"format": kind, "version": version, **content}
    return canonical({**record, "sha256": checksum(canonical(record))})


def unseal(text: str, kind: str, version: int) -> dict[str, Any]:
    """Return the content of a sealed record up to the given version."""
    record = _parse(text)
    if not isinstance(record, dict) or record.pop("format", None) != kind:
        raise StorageError(f"it is not a record of the format {kind!r}.")
    found = record.pop("version", None)
    if type(found) is not int or found < 1:
        raise DamageError(f"its version is {brief(found)}, expected 1 or more")
    if found > version:
        raise StorageError(
            f"it has version {brief(found)} of the format {kind!r}, but this "
            f"tfmpe reads up to version {version}. Update tfmpe."
        )
    found_sum = record.pop("sha256", None)
    sealed = {"format": kind, "version": found, **record}
    if found_sum != checksum(canonical(sealed)):
        raise DamageError("its description does not match its checksum")
    return record


def _parse(text: str) -> Any:
    try:
        return json.loads(
            text, object_pairs_hook=distinct, parse_constant=_refuse
        )
    except (ValueError, RecursionError) as error:
        # Also for nesting too deep for the stack, and numbers too long.
        raise DamageError(f"its description is not JSON ({error})") from None


def distinct(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Return the pairs of a JSON object; raise if two have the same key."""
    record = dict(pairs)
    if len(record) < len(pairs):
        raise ValueError("an object has a duplicate key")
    return record


def _refuse(constant: str) -> None:
    raise ValueError(f"it holds {constant}")


def read_exactly(
    record: dict[str, Any],
    read: Callable[[dict[str, Any]], T],
    write: Callable[[T], dict[str, Any]],
) -> T:
    """Return ``read(record)`` if ``write`` restores the same record.

    So no entry can be missing, ignored or converted (such as True to 1).
    """
    try:
        value = read(record)
        same = canonical(write(value)) == canonical(record)
    except StorageError:
        raise
    except (
        ArithmeticError,
        AttributeError,
        LookupError,
        TypeError,
        ValueError,
    ) as error:
        text = textwrap.shorten(str(error), 300).rstrip(".")
        raise DamageError(
            f"its description is invalid ({type(error).__name__}: {text})"
        ) from None
    if not same:
        raise DamageError(
            "its description is not in the form that tfmpe writes"
        )
    return value


def brief(value: Any) -> str:
    """Return the repr of a value, shortened to fit into a message."""
    return reprlib.repr(value)


def entries(value: Any, names: Iterable[str], where: str) -> list[Any]:
    """Return the values of a dictionary that must have exactly these names."""
    names = list(names)
    if not isinstance(value, dict) or value.keys() != set(names):
        found = list(value) if isinstance(value, dict) else value
        raise DamageError(
            f"{where} holds {brief(found)}, expected the entries {names}"
        )
    return [value[name] for name in names]
