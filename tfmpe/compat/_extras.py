"""Lazy imports of the packages of the extra ``legacy``."""

import importlib
import warnings
from importlib.metadata import version
from typing import Any

# Versions that work together; the newest releases do not.
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
        Full name of the module, and name of its package on PyPI.
    need : str
        What needs the module, for the error message.

    Raises
    ------
    ImportError
        If it is not installed, or incompatible with other packages.
    """
    try:
        # Deprecation warnings of these packages do not concern the user.
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
