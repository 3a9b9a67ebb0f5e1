"""A fixed sample of the stored cases; `tfmpe verify` replays them all."""

import pytest

from tfmpe.migrate.recordings.read import read_cases
from tfmpe.migrate.recordings.stored import stored_folder, unpacked
from tfmpe.migrate.replay.names import MissingPackageError
from tfmpe.migrate.replay.replay import replay

# For each group of the default flags, quick cases: the first one of a
# function, or one by its name.
SAMPLE = """
classifiers Classifier FFLayer
cnf CNF CNF_vector_field
dataloader PAD_VALUE encode_unknown_theta DataLoader
fmpe theta_t_linear ut_linear sample_power_law
fmpe_estimator FMPE cfm_loss
infinite IndexMap index_theta
lc2st evaluate_lc2st:stand_in_half_0 evaluate_lc2st:width_differs_0
lc2stnf create_calibration_dataset lc2st_quant_plot
mmd gaussian_kernel mmd_statistic
nn FFLayer EncoderBlock MLPVectorField
plot plot_loss_profile plot_rank
pytree_bijector find_bijector_for_path PyTreeBijector___call
signatures flatten_index_tuple re_exports
smlp MLPStructuredVectorField
state state_paths
svf StructuredVectorFieldModel StructuredVectorFieldModel___call
train validation_loss fit_model:no_epoch_0
train_rounds train_fmpe_rounds:no_round_0
transformer Transformer Transformer___call
util EarlyStopping_update stack_data as_inference_data
"""
LINES = [line.split() for line in SAMPLE.strip().splitlines()]


@pytest.fixture(scope="module")
def part():
    """Return the folder of the second part of what is stored."""
    with unpacked(stored_folder()) as folder:
        yield folder


@pytest.mark.parametrize(
    ("group", "function"),
    [(group, name) for group, *names in LINES for name in names],
)
def test_some_cases(part, group, function):
    function, _, name = function.partition(":")
    cases = read_cases(part / group / f"{function}.json", part)
    case = next(each for each in cases if name in ("", each.name))
    try:
        found = replay(case)
    except MissingPackageError as error:
        pytest.skip(str(error))
    assert found.agrees, found.differences
