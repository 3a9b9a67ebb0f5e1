"""Estimators that learn distributions of Tokens (extra ``flow``)."""

from tfmpe.estimators._bottom_up.result import BottomUpResult as BottomUpResult
from tfmpe.estimators._bottom_up.result import BottomUpRound as BottomUpRound
from tfmpe.estimators._bottom_up.train import train_bottom_up as train_bottom_up
from tfmpe.estimators._checks.calibration import (
    calibration_ranks as calibration_ranks,
)
from tfmpe.estimators._checks.coverage import (
    ExpectedCoverage as ExpectedCoverage,
)
from tfmpe.estimators._checks.coverage import (
    expected_coverage as expected_coverage,
)
from tfmpe.estimators._checks.predictive import (
    posterior_predictive as posterior_predictive,
)
from tfmpe.estimators._checks.predictive_result import (
    PosteriorPredictive as PosteriorPredictive,
)
from tfmpe.estimators._checks.ranks import CalibrationRanks as CalibrationRanks
from tfmpe.estimators._checks.two_sample import TwoSampleTest as TwoSampleTest
from tfmpe.estimators._checks.two_sample import (
    classifier_test as classifier_test,
)
from tfmpe.estimators._checks.two_sample import mmd_test as mmd_test
from tfmpe.estimators._conditionals import Conditional as Conditional
from tfmpe.estimators._estimator import (
    FlowMatchingEstimator as FlowMatchingEstimator,
)
from tfmpe.estimators._flow.continuous import ContinuousFlow as ContinuousFlow
from tfmpe.estimators._flow.ode import SOLVERS as SOLVERS
from tfmpe.estimators._flow.vector_field import (
    EncodingVectorField as EncodingVectorField,
)
from tfmpe.estimators._flow.vector_field import VectorField as VectorField
from tfmpe.estimators._training.errors import (
    TrainingDivergedError as TrainingDivergedError,
)
from tfmpe.estimators._training.errors import (
    UntrainedWarning as UntrainedWarning,
)
from tfmpe.estimators._training.history import (
    TrainingHistory as TrainingHistory,
)
from tfmpe.estimators._training.loss import (
    flow_matching_loss as flow_matching_loss,
)
