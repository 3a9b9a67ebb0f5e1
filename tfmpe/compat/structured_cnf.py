"""Mirror of the legacy module ``sfmpe.structured_cnf`` (extra ``flow``)."""

from tfmpe.compat._flow.structured_cnf import StructuredCNF as StructuredCNF
from tfmpe.compat.svf import (
    StructuredVectorFieldModel as StructuredVectorFieldModel,
)
