"""Packages that not everybody needs, imported where they are used."""

import importlib
from typing import Any


def import_extra(module: str, extra: str, need: str, instead: str = "") -> Any:
    """Return a module of an optional dependency.

    Parameters
    ----------
    module : str
        Its full name.
    extra : str
        The extra of tfmpe that installs it.
    need, instead : str
        Begin and end of the message: what needs it, and another way.

    Raises
    ------
    ImportError
        If it is not installed, saying how to install it.
    """
    try:
        return importlib.import_module(module)
    except ImportError:
        raise ImportError(
            f"{need}. Install it with pip install 'tfmpe[{extra}]'{instead}."
        ) from None
