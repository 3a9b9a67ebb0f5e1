"""Imports of the packages of the extra ``legacy``, at their first use."""

import importlib
import warnings
from importlib.metadata import version
from typing import Any

# What works, where the newest release of one does not work with that of
# another.
_WORKS = {
    "tensorflow-probability": "tensorflow-probability 0.25 with jax < 0.7",
    "arviz": "arviz 0.20 with matplotlib 3.10, or arviz 0.23",
    "seaborn": "seaborn 0.13",
}
_BESIDE = {"tensorflow-probability": "jax", "arviz": "matplotlib"}


def import_legacy(module: str, package: str, need: str) -> Any:
    """Return a module of a package of the extra ``legacy``.

    Parameters
    ----------
    module, package : str
        Its full name, and the name under which pip knows its package.
    need : str
        What needs it, for the message.

    Raises
    ------
    ImportError
        If it is not installed, or not made for the versions beside it.
    """
    try:
        # What a release announces of its future is not for this user.
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return importlib.import_module(module)
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] != module.partition(".")[0]:
            raise
        raise ImportError(
            f"{need} needs {package}. Install it with pip install "
            f"'tfmpe[legacy]'; known to work: {_WORKS[package]}."
        ) from None
    except (ImportError, AttributeError) as error:
        beside = _BESIDE.get(package, "jax")
        raise ImportError(
            f"{need} needs {package}, whose version {version(package)} cannot "
            f"be imported with {beside} {version(beside)} ({error}). Install "
            f"versions that work together: {_WORKS[package]}."
        ) from error
