"""How the commands end, everywhere alike.

What says "nothing found" of a file that it could not read is worse than no
tool, so incomplete work has a code of its own, and it wins over findings.
"""

__all__ = ["CLEAN", "FINDINGS", "INCOMPLETE", "USAGE"]

CLEAN = 0
"""All was read, nothing found, nothing differs."""

FINDINGS = 1
"""Something was found, or differs."""

USAGE = 2
"""Wrong usage, or an error of our own."""

INCOMPLETE = 3
"""Something could not be read, or nothing was compared."""
