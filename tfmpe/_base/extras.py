"""Optional dependencies, imported where they are used."""

import importlib
from typing import Any


def import_extra(module: str, extra: str, need: str, instead: str = "") -> Any:
    """Return a module of an optional dependency, or say how to install it.

    The message begins with ``need``, which says what needs the module, and ends
    with ``instead``, an alternative.
    """
    try:
        return importlib.import_module(module)
    except ImportError:
        raise ImportError(
            f"{need}. Install it with pip install 'tfmpe[{extra}]'{instead}."
        ) from None


def import_pyplot(caller: str, instead: str) -> Any:
    """Return matplotlib.pyplot, or say how to install it or do without."""
    return import_extra(
        "matplotlib.pyplot",
        "plot",
        f"{caller} needs matplotlib",
        f", or use {instead}",
    )
