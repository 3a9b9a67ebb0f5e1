"""Replay of a fixed sample of the stored cases."""

import pytest

from nightly import some_of
from tfmpe.migrate.recordings.read import read_cases
from tfmpe.migrate.recordings.stored import stored_folder, unpacked
from tfmpe.migrate.replay.names import MissingPackageError
from tfmpe.migrate.replay.replay import replay

# Quick cases of every group with the default flags: the first of a function,
# or a named one; every second one is part of `make test`.
SAMPLE = """
classifiers/Classifier classifiers/FFLayer cnf/CNF cnf/CNF_vector_field
dataloader/PAD_VALUE dataloader/encode_unknown_theta dataloader/DataLoader
fmpe/theta_t_linear fmpe/ut_linear fmpe/sample_power_law fmpe_estimator/FMPE
fmpe_estimator/cfm_loss infinite/IndexMap infinite/index_theta
lc2st/evaluate_lc2st:stand_in_half_0 lc2st/evaluate_lc2st:width_differs_0
lc2stnf/create_calibration_dataset lc2stnf/lc2st_quant_plot mmd/gaussian_kernel
mmd/mmd_statistic nn/FFLayer nn/EncoderBlock nn/MLPVectorField
plot/plot_loss_profile plot/plot_rank pytree_bijector/find_bijector_for_path
pytree_bijector/PyTreeBijector___call signatures/flatten_index_tuple
signatures/re_exports smlp/MLPStructuredVectorField state/state_paths
svf/StructuredVectorFieldModel svf/StructuredVectorFieldModel___call
train/validation_loss train/fit_model:no_epoch_0
train_rounds/train_fmpe_rounds:no_round_0 transformer/Transformer
transformer/Transformer___call util/EarlyStopping_update util/stack_data
util/as_inference_data
"""


@pytest.fixture(scope="module")
def part():
    """Return the folder of the second part of the stored output."""
    with unpacked(stored_folder()) as folder:
        yield folder


@pytest.mark.parametrize(
    "place", some_of(SAMPLE.split(), SAMPLE.split()[::2], "stored calls")
)
def test_some_cases(part, place):
    file, _, name = place.partition(":")
    cases = read_cases(part / f"{file}.json", part)
    case = next(each for each in cases if name in ("", each.name))
    try:
        found = replay(case)
    except MissingPackageError as error:
        pytest.skip(str(error))
    assert found.agrees, found.differences
