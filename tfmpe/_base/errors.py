"""Errors, warnings, and helpers that build their messages."""

import difflib
from collections.abc import Iterable


class UnknownKeyError(KeyError):
    """A key does not exist; the message is printed without quotes."""

    def __str__(self) -> str:
        return str(self.args[0]) if self.args else ""


class IndependenceError(ValueError):
    """An independence specification is malformed or does not fit the keys."""


class DynamicShapeError(TypeError, ValueError):
    """A size that must be known at trace time is a traced value.

    It is a ``TypeError`` like the tracer errors of JAX, and a ``ValueError``
    like the errors for other invalid sizes.
    """


class StorageError(ValueError):
    """A file is invalid or damaged, or Tokens cannot be stored."""


class PaddingWarning(UserWarning):
    """Most of the flattened array will hold padding instead of values."""


class IrreproducibleWarning(UserWarning):
    """A simulation draws random numbers that do not come from its PRNG key."""


def nearest(name: object, choices: Iterable[str]) -> str:
    """Return a sentence that suggests the most similar choice, or ''."""
    close = difflib.get_close_matches(str(name), list(choices), n=1)
    return f"Did you mean {close[0]!r}?" if close else ""


def unknown_key(
    name: object, available: Iterable[str], note: str = ""
) -> UnknownKeyError:
    """Return the error for a missing key, with a suggestion as a note."""
    available = list(available)
    error = UnknownKeyError(
        f"Key {name!r} not found. Available keys: {available}"
    )
    if suggestion := nearest(name, available):
        error.add_note(suggestion)
    if note:
        error.add_note(note)
    return error


def raise_faults(error: type[Exception], intro: str, faults: list[str]) -> None:
    """Raise one error that lists every fault of a call, if there is any."""
    if len(faults) == 1:
        raise error(f"{intro}: {faults[0]}")
    if faults:
        raise error(intro + ":" + "".join(f"\n  - {f}" for f in faults))
