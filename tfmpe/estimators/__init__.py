"""Estimators that learn distributions of Tokens (extra ``flow``)."""

from tfmpe.estimators._conditionals import Conditional as Conditional
from tfmpe.estimators._errors import (
    TrainingDivergedError as TrainingDivergedError,
)
from tfmpe.estimators._estimator import (
    FlowMatchingEstimator as FlowMatchingEstimator,
)
from tfmpe.estimators._flow import ContinuousFlow as ContinuousFlow
from tfmpe.estimators._history import TrainingHistory as TrainingHistory
from tfmpe.estimators._loss import flow_matching_loss as flow_matching_loss
from tfmpe.estimators._ode import SOLVERS as SOLVERS
from tfmpe.estimators._vector_field import (
    EncodingVectorField as EncodingVectorField,
)
from tfmpe.estimators._vector_field import VectorField as VectorField
