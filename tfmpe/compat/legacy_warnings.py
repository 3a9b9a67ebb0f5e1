"""Warnings about defects of the legacy package that the bridge reproduces.

The environment variable ``TFMPE_COMPAT`` is ``warn`` (the default),
``ignore``, or ``error``, because Python's option ``-W`` cannot name the
warning classes of a third-party package.
"""

import os
from typing import ClassVar

from tfmpe._base.callers import warn_at_caller

VARIABLE = "TFMPE_COMPAT"
MODES = ("warn", "ignore", "error")


def read_mode() -> str:
    """Return what the environment says becomes of warnings.

    Returns
    -------
    str
        One of ``MODES``; ``'warn'`` where it says nothing.

    Raises
    ------
    ValueError
        If it says something else.
    """
    mode = os.environ.get(VARIABLE, "") or "warn"
    if mode not in MODES:
        raise ValueError(
            f"The environment variable {VARIABLE} is {mode!r}; expected "
            f"one of {list(MODES)}."
        )
    return mode


class LegacyWarning(UserWarning):
    """A legacy behavior that could hurt was just reproduced.

    Attributes
    ----------
    code : str
        Id of the defect, as in MIGRATION.md.
    """

    code: ClassVar[str] = ""

    @classmethod
    def warn(cls, text: str) -> None:
        """Warn at the user's line, or raise, as ``TFMPE_COMPAT`` says.

        Parameters
        ----------
        text : str
            What happened, with names and numbers, and what to do.

        Raises
        ------
        LegacyWarning
            If ``TFMPE_COMPAT`` is ``error``.
        ValueError
            If it has an unknown value.
        """
        mode = read_mode()
        if mode == "ignore":
            return
        anchor = cls.code.lower()
        warning = cls(f"{cls.code}: {text} See MIGRATION.md#{anchor}.")
        if mode == "error":
            raise warning
        warn_at_caller(warning)
