"""Masks of the three examples, compared with golden files.

The golden files hold stored legacy output (`tests/golden`). The regression
plugin compares only values, so data types and the order of keys are compared
here as well.
"""

from pathlib import Path

import numpy as np
import pytest

from tfmpe.compat import flatten_structured
from tfmpe.migrate.recordings.read import read_cases
from tfmpe.migrate.recordings.stored import stored_folder

GOLDEN = Path(__file__).resolve().parent.parent / "golden"
EXAMPLES = ("hierarchical_gaussian", "hierarchical_brownian", "seir")

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning")


def _golden(example):
    with np.load(GOLDEN / f"{example}_masks.npz", allow_pickle=False) as file:
        return {name: file[name] for name in file.files}


@pytest.fixture(params=EXAMPLES, scope="module")
def example(request):
    """Return the name of one example."""
    return request.param


@pytest.fixture(scope="module")
def masks(example):
    """Return the bridge's masks for the stored calls, by case."""
    wanted = {name.rsplit(".", 2)[0] for name in _golden(example)}
    folder = stored_folder()
    cases = read_cases(folder / example / "flatten_structured.json", folder)
    return {
        case.name: flatten_structured(*case.args, **case.kwargs)[0]["masks"]
        for case in cases
        if case.name in wanted
    }


def _by_name(masks):
    return {
        f"{case}.{kind}.{side}": np.asarray(mask)
        for case, kinds in masks.items()
        for kind, sides in kinds.items()
        for side, mask in sides.items()
    }


def test_masks_match_the_golden_file(example, masks, request):
    pytest.importorskip(
        "pytest_regressions", reason="golden files need this plugin"
    )
    request.getfixturevalue("ndarrays_regression").check(
        _by_name(masks),
        fullpath=GOLDEN / f"{example}_masks.npz",
        default_tolerance={"atol": 0, "rtol": 0},
    )


def test_masks_have_the_bits_dtypes_and_order_of_the_golden_file(
    example, masks
):
    found, golden = _by_name(masks), _golden(example)
    assert list(found) == list(golden)
    for name, stored in golden.items():
        assert found[name].dtype == stored.dtype == np.float32, name
        assert found[name].shape == stored.shape, name
        assert found[name].tobytes() == stored.tobytes(), name


def test_the_order_of_masks_is_the_legacy_one(masks):
    for kinds in masks.values():
        assert list(kinds) in (["attention"], ["attention", "padding"])
        assert list(kinds["attention"]) == ["y", "theta", "cross"]
        if "padding" in kinds:
            assert list(kinds["padding"]) == ["theta", "y"]
