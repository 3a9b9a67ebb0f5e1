"""Exit codes of all commands.

Incomplete work, such as a file that could not be read, has its own code,
which takes precedence over findings.
"""

CLEAN = 0  # everything was read; no findings or differences
FINDINGS = 1  # findings or differences
INCOMPLETE = 3  # unreadable files, or no comparison
