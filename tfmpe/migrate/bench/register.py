"""All cases, in the order of the table; importing the modules makes them."""

from . import (
    attention_cases,
    flatten_cases,
    join_cases,
    mask_cases,
    round_cases,
    sample_cases,
    training_cases,
    value_cases,
    view_cases,
)
from .cases import CASES as _CASES
from .cases import Case

__all__ = ["CASES", "MODULES"]

MODULES = (
    flatten_cases,
    mask_cases,
    join_cases,
    round_cases,
    view_cases,
    value_cases,
    sample_cases,
    training_cases,
    attention_cases,
)
_ORDER = (
    "flatten",
    "flatten-all",
    "flatten-jit",
    "masks",
    "join",
    "join-jit",
    "join-ragged",
    "join-ragged-jit",
    "shuffle",
    "shuffle-jit",
    "round",
    "view",
    "exchange",
    "exchange-jit",
    "change",
    "change-jit",
    "decode",
    "decode-host",
    "decode-jit",
    "nine-arguments",
    "draws",
    "training-step",
    "plan",
    "attention",
    "attention-grad",
    "training-local",
    "draws-local",
)

CASES: dict[str, Case] = {name: _CASES[name] for name in _ORDER}
"""All cases by name."""
