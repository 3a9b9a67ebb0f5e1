"""Estimators that learn distributions of Tokens (extra ``flow``)."""

from tfmpe.estimators._bottom_up import train_bottom_up as train_bottom_up
from tfmpe.estimators._bottom_up_result import BottomUpResult as BottomUpResult
from tfmpe.estimators._bottom_up_result import BottomUpRound as BottomUpRound
from tfmpe.estimators._calibration import (
    calibration_ranks as calibration_ranks,
)
from tfmpe.estimators._conditionals import Conditional as Conditional
from tfmpe.estimators._coverage import ExpectedCoverage as ExpectedCoverage
from tfmpe.estimators._coverage import expected_coverage as expected_coverage
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
from tfmpe.estimators._predictive import (
    posterior_predictive as posterior_predictive,
)
from tfmpe.estimators._predictive_result import (
    PosteriorPredictive as PosteriorPredictive,
)
from tfmpe.estimators._ranks import CalibrationRanks as CalibrationRanks
from tfmpe.estimators._vector_field import (
    EncodingVectorField as EncodingVectorField,
)
from tfmpe.estimators._vector_field import VectorField as VectorField
