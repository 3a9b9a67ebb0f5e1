"""Exit codes, which all commands share.

What says "nothing found" of a file that it could not read is worse than no
tool, so incomplete work has a code of its own, and it wins over findings.
"""

CLEAN = 0  # all was read, nothing found, nothing differs
FINDINGS = 1  # something was found, or differs
INCOMPLETE = 3  # something could not be read, or nothing was compared
