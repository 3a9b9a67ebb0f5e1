"""Origin of the golden files: stored legacy output only."""

from pathlib import Path

import numpy as np
import pytest

from tfmpe.migrate.recordings.read import read_cases
from tfmpe.migrate.recordings.stored import stored_folder

GOLDEN = Path(__file__).resolve().parent
EXAMPLES = ("hierarchical_gaussian", "hierarchical_brownian", "seir")


@pytest.mark.parametrize("example", EXAMPLES)
def test_every_array_is_the_stored_one(example):
    folder = stored_folder()
    file = folder / example / "flatten_structured.json"
    cases = {case.name: case for case in read_cases(file, folder)}
    with np.load(GOLDEN / f"{example}_masks.npz", allow_pickle=False) as golden:
        assert len(golden.files) == 56
        for name in golden.files:
            case, kind, side = name.rsplit(".", 2)
            stored = np.asarray(cases[case].output[0]["masks"][kind][side])
            assert golden[name].dtype == stored.dtype
            assert golden[name].shape == stored.shape
            assert golden[name].tobytes() == stored.tobytes()


@pytest.mark.parametrize("example", EXAMPLES)
def test_built_and_real_calls_and_padding_are_among_them(example):
    with np.load(GOLDEN / f"{example}_masks.npz", allow_pickle=False) as golden:
        names = golden.files
    cases = {name.rsplit(".", 2)[0] for name in names}
    assert "plain__own_rules" in cases
    assert sum("__trace" in case for case in cases) == 14
    assert any(".padding." in name for name in names)
