"""British spellings of keyword arguments, accepted besides American ones."""

import functools
from collections.abc import Callable, Mapping
from typing import Any, ParamSpec, TypeVar

P = ParamSpec("P")
R = TypeVar("R")

SPELLINGS = {"optimiser": "optimizer", "standardise": "standardize"}


def american(options: Mapping[str, Any], what: str) -> dict[str, Any]:
    """Return keyword arguments in American spelling; refuse both spellings."""
    for other, name in SPELLINGS.items():
        if other in options and name in options:
            raise TypeError(
                f"{what} got both {name}= and {other}=, two spellings of one "
                f"argument. Pass {name}= only."
            )
    return {SPELLINGS.get(name, name): options[name] for name in options}


def both_spellings(function: Callable[P, R]) -> Callable[P, R]:
    """Let a method accept British or American keyword arguments."""

    @functools.wraps(function)
    def call(*args: Any, **kwargs: Any) -> R:
        what = f"{type(args[0]).__name__}.{function.__name__}"
        return function(*args, **american(kwargs, what))

    return call
