"""A whole project recorded, calibrated and shadowed, to the end."""

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


@pytest.mark.slow
def test_a_project_that_trains_has_no_difference(tmp_path):
    place = Workplace(tmp_path)
    found = place.tfmpe(
        "run", "--shadow", "--json", "found.json", "fit.py", legacy=True
    )
    assert found.returncode == 0, found.stderr
    content = json.loads((place.project / "found.json").read_text())
    assert content["not_compared"] == []
    rows = {row["function"]: row for row in content["calls"]}
    for function in ("sfmpe.SFMPE.fit", "structured_cnf.StructuredCNF.sample"):
        row = rows[f"sfmpe.{function}"]
        assert row["compared"] == 1
        assert row["different"] == 0
