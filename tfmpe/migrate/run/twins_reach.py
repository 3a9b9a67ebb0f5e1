"""What calls reach besides their arguments, and what the bridge has for it."""

import functools
import importlib
import importlib.util
import inspect
import random
from collections.abc import Callable
from typing import Any

import numpy as np

from tfmpe.migrate.legacy_names import BRIDGE

from .twins_state import NoTwinError, is_nnx

__all__ = ["check_reach", "default_rngs", "has_flow", "of_bridge"]


def has_flow() -> bool:
    """Return whether the extra ``flow`` is installed."""
    return all(map(importlib.util.find_spec, ("flax", "optax", "diffrax")))


def of_bridge(module: str, name: str) -> Any:
    """Return a function or a class of the bridge."""
    try:
        found = importlib.import_module(f"{BRIDGE}.{module}")
        return functools.reduce(getattr, name.split("."), found)
    except (ImportError, AttributeError) as error:
        raise NoTwinError(f"the bridge has no {name}: {error}") from None


def default_rngs(
    function: Callable[..., Any], args: Any, kwargs: Any
) -> dict[str, Any]:
    """Return random numbers that a call takes from its defaults.

    They are one object for all calls (L20), so the twins of what is made
    from them share one as well.
    """
    try:
        signature = inspect.signature(function)
        given = signature.bind(*args, **kwargs).arguments
    except (TypeError, ValueError):
        return {}
    return {
        name: parameter.default
        for name, parameter in signature.parameters.items()
        if name not in given and is_nnx(parameter.default)
    }


def check_reach(function: Any) -> None:
    """Refuse a function that could change what it does not own."""
    name = getattr(function, "__name__", type(function).__name__)
    for used, value in _reached_by(function).items():
        if is_nnx(value):
            raise NoTwinError(
                f"the function {name} uses {used!r}, an object of nnx that a "
                "second call could change; pass it as an argument"
            )
        if isinstance(value, np.random.Generator | random.Random):
            raise NoTwinError(
                f"the function {name} draws from {used!r}, whose random "
                "numbers a second call would use up"
            )


def _reached_by(function: Any) -> dict[str, Any]:
    if isinstance(function, functools.partial):
        found = {str(n): x for n, x in enumerate(function.args)}
        return found | function.keywords | _reached_by(function.func)
    if inspect.ismethod(function):
        owner = function.__self__
        found = {"self": owner} | getattr(owner, "__dict__", {})
        return found | _reached_by(function.__func__)
    if inspect.isfunction(function):
        used = inspect.getclosurevars(function)
        return {**used.globals, **used.nonlocals}
    return getattr(function, "__dict__", {})
