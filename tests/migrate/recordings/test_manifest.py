"""The stored files are the ones in the manifest, and a change is noticed."""

import json
import random

import pytest

from tfmpe.migrate.errors import RecordingError
from tfmpe.migrate.recordings.manifest import check_files, read_manifest
from tfmpe.migrate.recordings.stored import stored_folder
from tfmpe.migrate.verify.verify import verify


def _problems(folder):
    found = check_files(folder, read_manifest(folder))
    return [f"{problem.file}: {problem.fault}" for problem in found]


def test_the_stored_files_are_the_ones_in_the_manifest():
    folder = stored_folder()
    manifest = read_manifest(folder)
    assert check_files(folder, manifest) == ()
    assert len(manifest.files) == 99


def test_an_untouched_copy_has_no_problem(folder):
    assert _problems(folder) == []


def test_what_is_missing_altered_or_unlisted_is_named(folder, recording):
    name = "hierarchical_brownian/flatten_index.json"
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

    (problem,) = _problems(folder)
    assert "altered: sha256" in problem
    report = verify(folder, lookup=right, example="hierarchical_brownian")
    assert report.exit_code == 3
    assert report.rows == ()


def test_a_folder_without_manifest_has_none(folder):
    (folder / "MANIFEST.json").unlink()
    assert read_manifest(folder) is None


def test_the_plain_form_is_read_as_well(folder):
    file = folder / "MANIFEST.json"
    file.write_text(json.dumps(json.loads(file.read_text())["files"]))
    assert _problems(folder) == []


OUTSIDE = (
    *("../outside.json", "seir/../../outside.json", "/etc/passwd", ""),
    *("C:/outside.json", "..\\outside.json", "seir//a.json", "./a.json"),
    "seir/a\0.json",
)


@pytest.mark.parametrize("path", OUTSIDE)
def test_a_path_out_of_the_folder_is_refused(folder, path):
    listed = {path: {"sha256": "0" * 64, "bytes": 1}}
    content = {"format": 1, "files": listed}
    (folder / "MANIFEST.json").write_text(json.dumps(content))
    with pytest.raises(RecordingError, match="not a path within the folder"):
        read_manifest(folder)


def test_a_listed_link_out_of_the_folder_is_a_problem(
    folder, recording, tmp_path
):
    outside = tmp_path / "outside.json"
    recording.rename(outside)
    recording.symlink_to(outside)
    (problem,) = _problems(folder)
    assert "lies outside of" in problem


BROKEN = {
    "no json": ("{", "not a readable json"),
    "a list": ("[]", "Expected `object`"),
    "another format": ('{"format": 2, "files": {}}', "Invalid enum value 2"),
    "no format": ('{"files": {}}', "only 1 is read"),
    "no checksum": ('{"a.json": {"bytes": 1}}', "field `sha256`"),
    "short checksum": ('{"a.json": {"sha256": "00", "bytes": 1}}', "regex"),
    "entry a number": ('{"a.json": 1}', "Expected `object`"),
}


@pytest.mark.parametrize(("text", "fault"), BROKEN.values(), ids=BROKEN)
def test_a_manifest_that_is_not_ours_is_refused(folder, right, text, fault):
    (folder / "MANIFEST.json").write_text(text)
    with pytest.raises(RecordingError, match=fault):
        read_manifest(folder)
    report = verify(folder, lookup=right)
    assert report.exit_code == 3
    assert fault in report.problems[0].fault
