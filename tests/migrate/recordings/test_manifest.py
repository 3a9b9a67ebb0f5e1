"""Manifest of the stored files, and detection of changes."""

import json
import random

import pytest

from tfmpe.migrate.recordings.manifest import check_files, read_manifest
from tfmpe.migrate.recordings.stored import stored_folder
from tfmpe.migrate.verify.verify import verify


def _problems(folder):
    found = check_files(folder, read_manifest(folder))
    return [f"{problem.file}: {problem.fault}" for problem in found]


def test_the_stored_files_are_the_ones_in_the_manifest():
    assert _problems(stored_folder()) == []


def test_what_is_missing_altered_or_unlisted_is_named(folder, recording):
    name = "hierarchical_brownian/flatten_index.json"
    assert _problems(folder) == []
    # The manifest may consist of the list of files only.
    manifest = folder / "MANIFEST.json"
    manifest.write_text(json.dumps(json.loads(manifest.read_text())["files"]))
    assert _problems(folder) == []
    recording.write_bytes(recording.read_bytes() + b" ")
    altered = "altered: 3575 bytes, the manifest says 3574"
    assert _problems(folder) == [f"{name}: {altered}"]
    recording.rename(recording.with_name("more.json"))
    (folder / "notes.txt").write_text("not a recording")
    assert _problems(folder) == [
        f"{name}: missing",
        "hierarchical_brownian/more.json: not listed in MANIFEST.json",
    ]


@pytest.mark.parametrize("suffix", [".json", ".npz"])
@pytest.mark.parametrize("seed", range(5))
def test_any_flipped_bit_is_noticed_and_never_passes(
    folder, recording, right, suffix, seed
):
    chance = random.Random(seed)
    file = recording.with_suffix(suffix)
    content = bytearray(file.read_bytes())
    content[chance.randrange(len(content))] ^= 1 << chance.randrange(8)
    file.write_bytes(bytes(content))

    report = verify(folder, lookup=right, example="hierarchical_brownian")
    assert (report.exit_code, report.rows) == (3, ())
    assert "altered: sha256" in report.problems[0].fault


OUTSIDE = (
    *("../outside.json", "seir/../../outside.json", "/etc/passwd", ""),
    *("C:/outside.json", "..\\outside.json", "seir//a.json", "./a.json"),
    "seir/a\0.json",
)


def test_a_listed_link_out_of_the_folder_is_a_problem(folder, recording):
    outside = recording.rename(folder.with_name("outside.json"))
    recording.symlink_to(outside)
    (problem,) = _problems(folder)
    assert "lies outside" in problem


LISTED = {"sha256": "0" * 64, "bytes": 1}
BROKEN = [
    ("{", "not valid JSON"),
    ("[]", "Expected `object`"),
    ('{"format": 2, "files": {}}', "Invalid enum value 2"),
    ('{"files": {}}', "has no format; expected 1"),
    ('{"a.json": {"bytes": 1}}', "field `sha256`"),
    ('{"a.json": {"sha256": "00", "bytes": 1}}', "regex"),
    ('{"a.json": 1}', "Expected `object`"),
    *((json.dumps({path: LISTED}), "not a path within") for path in OUTSIDE),
]


@pytest.mark.parametrize(("text", "fault"), BROKEN)
def test_a_manifest_that_is_not_ours_is_refused(folder, right, text, fault):
    (folder / "MANIFEST.json").write_text(text)
    report = verify(folder, lookup=right)
    assert (report.exit_code, report.rows) == (3, ())
    assert fault in report.problems[0].fault
