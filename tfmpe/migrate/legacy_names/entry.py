"""One public name of the legacy package, and what becomes of it."""

from dataclasses import dataclass
from typing import Literal

__all__ = ["BRIDGE", "LEGACY", "LegacyName"]

LEGACY = "sfmpe"
"""The legacy package."""

BRIDGE = "tfmpe.compat"
"""Where its modules are, each under its own name."""

Kind = Literal["function", "class", "method", "constant"]


@dataclass(frozen=True)
class LegacyName:
    """One name that legacy scripts use.

    Attributes
    ----------
    module : str
        Its module below the legacy package, such as ``'util.dataloader'``.
    name : str
        The name there; of a method with its class, ``'SFMPE.fit'``.
    kind : str
        ``'function'``, ``'class'``, ``'method'`` or ``'constant'``.
    code : str
        The rule that finds its uses; see ``tfmpe.migrate.catalogue``.
    becomes : str
        What it is on Tokens, as code or in words.
    parameters : tuple of str
        Names of the arguments in their order, without ``self``; empty where
        they were never recorded.
    """

    module: str
    name: str
    kind: Kind
    code: str
    becomes: str
    parameters: tuple[str, ...] = ()

    @property
    def qualified(self) -> str:
        """The full legacy name."""
        return f"{LEGACY}.{self.module}.{self.name}"

    @property
    def bridge(self) -> str:
        """The same name in the bridge."""
        return f"{BRIDGE}.{self.module}.{self.name}"
