"""All cases; importing the modules registers them."""

from benchmarks import (
    flatten_cases,
    join_cases,
    mask_cases,
    sample_cases,
    value_cases,
    view_cases,
)
from benchmarks.cases import CASES as CASES
from benchmarks.cases import SIDES as SIDES

MODULES = (
    flatten_cases,
    mask_cases,
    join_cases,
    view_cases,
    value_cases,
    sample_cases,
)
