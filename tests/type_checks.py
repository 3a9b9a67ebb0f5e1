"""Checker of annotations at every call."""

from beartype import BeartypeConf, beartype

# An int may stand for a float, as for type checkers.
check = beartype(conf=BeartypeConf(is_pep484_tower=True))
