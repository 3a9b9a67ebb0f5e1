"""Estimators that learn distributions of Tokens (extra ``flow``)."""

from ._bottom_up.result import BottomUpResult as BottomUpResult
from ._bottom_up.result import BottomUpRound as BottomUpRound
from ._bottom_up.train import train_bottom_up as train_bottom_up
from ._checks.calibration import calibration_ranks as calibration_ranks
from ._checks.calibration_result import CalibrationRanks as CalibrationRanks
from ._checks.coverage import ExpectedCoverage as ExpectedCoverage
from ._checks.coverage import expected_coverage as expected_coverage
from ._checks.key_predictive import KeyPredictive as KeyPredictive
from ._checks.predictive import posterior_predictive as posterior_predictive
from ._checks.predictive_result import (
    PosteriorPredictive as PosteriorPredictive,
)
from ._checks.two_sample import TwoSampleTest as TwoSampleTest
from ._checks.two_sample import classifier_test as classifier_test
from ._checks.two_sample import mmd_test as mmd_test
from ._checks.uniformity import RankColumns as RankColumns
from ._checks.uniformity import Uniformity as Uniformity
from ._conditionals import Conditional as Conditional
from ._corrected.corrected import CorrectedDraws as CorrectedDraws
from ._corrected.corrected import LowEfficiencyWarning as LowEfficiencyWarning
from ._corrected.corrected import corrected as corrected
from ._density.estimator import DensityEstimator as DensityEstimator
from ._flow.continuous import ContinuousFlow as ContinuousFlow
from ._flow.ode import SOLVERS as SOLVERS
from ._flow.vector_field import DensityField as DensityField
from ._flow.vector_field import EncodingVectorField as EncodingVectorField
from ._flow.vector_field import VectorField as VectorField
from ._flow_matching import FlowMatchingEstimator as FlowMatchingEstimator
from ._hierarchical.estimator import (
    HierarchicalEstimator as HierarchicalEstimator,
)
from ._hierarchical.estimator import HierarchicalHistory as HierarchicalHistory
from ._hierarchical.whitened import WhiteningField as WhiteningField
from ._training.errors import DiscreteValuesWarning as DiscreteValuesWarning
from ._training.errors import TrainingDivergedError as TrainingDivergedError
from ._training.errors import UnlikeTrainingWarning as UnlikeTrainingWarning
from ._training.errors import UntrainedWarning as UntrainedWarning
from ._training.history import TrainingHistory as TrainingHistory
from ._training.loss import flow_matching_loss as flow_matching_loss
from ._verdict.check import check_posterior as check_posterior
from ._verdict.finding import Finding as Finding
from ._verdict.verdict import Verdict as Verdict
