"""Exit codes, which all commands share.

Incomplete work, such as a file that could not be read, has its own code,
which takes precedence over findings.
"""

CLEAN = 0  # all was read, nothing found, nothing differs
FINDINGS = 1  # something was found, or differs
INCOMPLETE = 3  # something could not be read, or nothing was compared
