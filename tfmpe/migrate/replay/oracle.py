"""The plain oracle by its former name; to be removed with its last caller."""

from types import ModuleType

from tfmpe.migrate import oracle

__all__ = ["OracleError", "load_oracle"]


class OracleError(ImportError):
    """Never raised: the oracle is part of the package."""


def load_oracle() -> ModuleType:
    """Return the oracle."""
    return oracle
