"""All imports of the legacy package in this project."""

from sfmpe.sfmpe import SFMPE as SFMPE
from sfmpe.structured_cnf import StructuredCNF as Flow
from sfmpe.util.dataloader import (
    combine_data as join,
)
from sfmpe.util.dataloader import (
    decode_theta,
    flatten_structured,
)
from sfmpe.utils import split_data

__all__ = ["Flow", "decode_theta", "flatten_structured", "join", "split_data"]
