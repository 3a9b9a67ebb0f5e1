"""Finding the plain oracle of the tests: in the wheel, or in a checkout."""

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

__all__ = ["OracleError", "load_oracle"]

_PACKAGE = Path(__file__).resolve().parents[2]
_NAME = "tfmpe_reference_oracle"


class OracleError(ImportError):
    """The plain oracle is in neither place."""


def load_oracle() -> ModuleType:
    """Import the oracle.

    Returns
    -------
    module
        ``tests/reference``. It imports numpy and jax alone; it is loaded
        under a name of its own, whatever else is called ``reference``.

    Raises
    ------
    OracleError
        If it is neither inside the package, where a wheel has it, nor in the
        tests beside it, where a checkout has it.

    Examples
    --------
    >>> load_oracle().PAD_VALUE
    -100000000.0
    """
    if _NAME in sys.modules:
        return sys.modules[_NAME]
    places = (_PACKAGE / "reference", _PACKAGE.parent / "tests" / "reference")
    for folder in places:
        spec = importlib.util.spec_from_file_location(
            _NAME,
            folder / "__init__.py",
            submodule_search_locations=[str(folder)],
        )
        if (folder / "__init__.py").is_file() and spec and spec.loader:
            module = importlib.util.module_from_spec(spec)
            sys.modules[_NAME] = module
            try:
                spec.loader.exec_module(module)
            except BaseException:
                del sys.modules[_NAME]
                raise
            return module
    raise OracleError(
        f"The oracle is neither in {places[0]} nor in {places[1]}; reinstall "
        "tfmpe, or name an installed legacy package with --legacy."
    )
