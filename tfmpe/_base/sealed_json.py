"""JSON records with a format, a version and a checksum of themselves.

A record may come back damaged, from a newer version, or from somebody else.
Whatever is wrong with it is a :class:`StorageError`.
"""

import hashlib
import json
import math
import reprlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from .errors import StorageError

# No array has more values; it keeps sums and products of sizes harmless.
LARGEST = 2**48
SIZE = range(LARGEST + 1)


class DamageError(StorageError):
    """A record is not as it was written; the message is part of a sentence."""


@contextmanager
def naming(path: object) -> Iterator[None]:
    """Add the path to every :class:`StorageError`, and what to do about it."""
    try:
        yield
    except DamageError as error:
        raise StorageError(
            f"{path}: {error}. Restore it from a copy, or write it again."
        ) from None
    except StorageError as error:
        raise StorageError(f"{path}: {error}") from None


def canonical(value: Any) -> str:
    """Return the only JSON text of a value: sorted, compact, ASCII."""
    return json.dumps(
        value, allow_nan=False, separators=(",", ":"), sort_keys=True
    )


def checksum(content: str) -> str:
    """Return the sha256 of an ASCII text, in hexadecimal."""
    return hashlib.sha256(content.encode("ascii")).hexdigest()


def seal(kind: str, version: int, content: dict[str, Any]) -> str:
    """Return content as a JSON text of a format, with its checksum."""
    record = {"format": kind, "version": version, **content}
    return canonical({**record, "sha256": checksum(canonical(record))})


def unseal(text: str, kind: str, version: int) -> dict[str, Any]:
    """Return the content of a sealed record, of at most this version."""
    record = _parse(text)
    if not isinstance(record, dict) or record.pop("format", None) != kind:
        raise StorageError(f"it is not a record of the format {kind!r}.")
    found = record.pop("version", None)
    if type(found) is not int or found < 1:
        raise DamageError(f"its version is {brief(found)}, expected 1 or more")
    if found > version:
        raise StorageError(
            f"it has version {brief(found)} of the format {kind!r}, and this "
            f"tfmpe reads up to version {version}. Update tfmpe."
        )
    found_sum = record.pop("sha256", None)
    sealed = {"format": kind, "version": found, **record}
    if found_sum != checksum(canonical(sealed)):
        raise DamageError("its description does not match its checksum")
    return record


def _parse(text: str) -> Any:
    def constant(name: str) -> None:
        raise ValueError(f"it holds {name}")

    def distinct(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        record = dict(pairs)
        if len(record) < len(pairs):
            raise ValueError("it holds an entry twice")
        return record

    try:
        return json.loads(
            text, object_pairs_hook=distinct, parse_constant=constant
        )
    except (ValueError, RecursionError) as error:
        # Nesting that no stack holds, and numbers of thousands of digits.
        raise DamageError(f"its description is not JSON ({error})") from None


def brief(value: Any) -> str:
    """Return the repr of a value, shortened to what fits into a message."""
    return reprlib.repr(value)


def entries(value: Any, names: Iterable[str], where: str) -> list[Any]:
    """Return the values of a dictionary that has exactly these names."""
    names = list(names)
    if not isinstance(value, dict) or value.keys() != set(names):
        found = list(value) if isinstance(value, dict) else value
        raise DamageError(
            f"{where} holds {brief(found)}, expected the entries {names}"
        )
    return [value[name] for name in names]


def check_form(value: Any, form: Any, where: str = "record") -> None:
    """Check that a value read from JSON has a form.

    A form is ``object`` (anything), ``str``, a ``range`` of integers, a list
    with the form of its items, a dictionary with the form of each entry or,
    under ``...``, of any entry, or a tuple with the form of what may be None.
    """
    if isinstance(form, dict) and ... not in form:
        for name, part in zip(form, entries(value, form, where), strict=True):
            check_form(part, form[name], f"{where}.{name}")
    elif isinstance(form, dict):
        if not isinstance(value, dict):
            raise _unexpected(value, "a dictionary", where)
        for name, part in value.items():
            check_form(part, form[...], f"{where}[{brief(name)}]")
    elif isinstance(form, list):
        if not isinstance(value, list):
            raise _unexpected(value, "a list", where)
        for number, item in enumerate(value):
            check_form(item, form[0], f"{where}[{number}]")
    elif isinstance(form, tuple):
        if value is not None:
            check_form(value, form[0], where)
    elif isinstance(form, range):
        # True is an int in Python, but was not written for one.
        if type(value) is not int or value not in form:
            wanted = f"an integer from {form[0]} to {form[-1]}"
            raise _unexpected(value, wanted, where)
    elif not isinstance(value, form):
        raise _unexpected(value, "a text", where)


def _unexpected(value: Any, wanted: str, where: str) -> DamageError:
    return DamageError(f"{where} is {brief(value)}, expected {wanted}")


def check_size(sizes: Iterable[int], where: str) -> None:
    """Check that an array can have some sizes, those of 0 left out."""
    if math.prod(size or 1 for size in sizes) > LARGEST:
        raise DamageError(
            f"{where} has the sizes {brief(sizes)}, more than any array has"
        )
