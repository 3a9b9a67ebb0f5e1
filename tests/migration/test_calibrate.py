"""The noise floor of a recording of a whole project, to the end."""

import json

import pytest

from migration.workplace import Workplace

pytest.importorskip("diffrax", reason="needs the extra flow")


@pytest.mark.slow
def test_a_recorded_project_is_calibrated_to_the_end(tmp_path):
    place = Workplace(tmp_path)
    recorded = place.tfmpe(
        "record", "--out", "golden", "--", "fit.py", legacy=True
    )
    assert recorded.returncode == 0, recorded.stderr
    found = place.tfmpe(
        "verify", "golden", "--calibrate", "--json", "found.json", legacy=True
    )
    assert found.returncode == 0, found.stderr
    assert "noise floor: sfmpe against itself" in found.stdout
    rows = json.loads((place.project / "found.json").read_text())["rows"]
    assert len(rows) >= 5
    assert all(row["noise_floor"] is not None for row in rows)
