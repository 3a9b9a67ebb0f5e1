"""Warnings about defects of the legacy package that the bridge reproduces.

They are controlled by the environment variable ``TFMPE_COMPAT``, which is
``warn`` (the default), ``ignore`` or ``error``, because Python's option
``-W`` cannot name the warning classes of a third-party package.
"""

import os
from typing import ClassVar

from tfmpe._base.callers import warn_at_caller

VARIABLE = "TFMPE_COMPAT"
MODES = ("warn", "ignore", "error")


def read_mode() -> str:
    """Return how to treat warnings, according to the environment.

    Returns
    -------
    str
        One of ``MODES``; ``'warn'`` if the variable is not set.

    Raises
    ------
    ValueError
        If the variable has another value.
    """
    mode = os.environ.get(VARIABLE, "") or "warn"
    if mode not in MODES:
        raise ValueError(
            f"The environment variable {VARIABLE} is {mode!r}; expected "
            f"one of {list(MODES)}."
        )
    return mode


class LegacyWarning(UserWarning):
    """Warning that a harmful legacy behavior was reproduced.

    Attributes
    ----------
    code : str
        Code of the defect in MIGRATION.md.
    """

    code: ClassVar[str] = ""

    @classmethod
    def warn(cls, text: str) -> None:
        """Warn at the caller's line, or raise, depending on ``TFMPE_COMPAT``.

        Parameters
        ----------
        text : str
            What happened, with names and numbers, and what to do.

        Raises
        ------
        LegacyWarning
            If ``TFMPE_COMPAT`` is ``error``.
        ValueError
            If ``TFMPE_COMPAT`` has an unknown value.
        """
        mode = read_mode()
        if mode == "ignore":
            return
        anchor = cls.code.lower()
        warning = cls(f"{cls.code}: {text} See MIGRATION.md#{anchor}.")
        if mode == "error":
            raise warning
        warn_at_caller(warning)
