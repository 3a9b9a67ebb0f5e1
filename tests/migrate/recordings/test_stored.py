"""Stored output: its location, and limits of an archive."""

import io
import tarfile

import pytest

from tfmpe.migrate.errors import RecordingError
from tfmpe.migrate.recordings import stored
from tfmpe.migrate.recordings.files import find_recordings
from tfmpe.migrate.recordings.manifest import check_files, read_manifest
from tfmpe.migrate.recordings.read import FLAGS, read_head
from tfmpe.migrate.recordings.stored import stored_folder, unpacked
from tfmpe.migrate.verify.verify import verify


@pytest.mark.slow
def test_the_second_part_is_packed_as_it_was_recorded():
    with unpacked(stored_folder()) as part:
        assert check_files(part, read_manifest(part)) == ()
        files = find_recordings(part)
        assert len({file.parent for file in files}) == 23
        heads = [read_head(file, part) for file in files]
        assert all(set(head.flags) == set(FLAGS) for head in heads)
        assert sum(len(head.names) for head in heads) == 1292
    assert not part.exists()


def _refused(folder, fault):
    with pytest.raises(RecordingError, match=fault), unpacked(folder):
        pass


def _pack(folder, *names, kind=tarfile.REGTYPE):
    with tarfile.open(folder / "part2.tar.gz", "w:gz") as packed:
        for name in names:
            member = tarfile.TarInfo(name)
            member.type, member.linkname = kind, "/etc/passwd"
            member.size = 2 if kind == tarfile.REGTYPE else 0
            packed.addfile(member, io.BytesIO(b"{}"))


def test_an_archive_of_anything_else_is_refused(tmp_path):
    for name in ("../outside.json", "/tmp/outside.json", "group/script.py"):
        _pack(tmp_path, name)
        _refused(tmp_path, "not the name of a recording")
    for kind in (tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.FIFOTYPE):
        _pack(tmp_path, "group/link.json", kind=kind)
        _refused(tmp_path, "not the name of a recording")


def test_a_broken_or_too_large_archive_is_refused(tmp_path, monkeypatch):
    content = (stored_folder() / "part2.tar.gz").read_bytes()
    for kept in (10, 100_000):
        (tmp_path / "part2.tar.gz").write_bytes(content[:kept])
        _refused(tmp_path, "not a readable archive")
    monkeypatch.setattr(stored, "MAX_FILE_BYTES", 3)
    _pack(tmp_path, "group/0.json", "group/1.json")
    _refused(tmp_path, "unpacks to 4 bytes or more")


def test_stored_output_is_inside_the_package_beside_it_or_nowhere(
    monkeypatch, tmp_path
):
    monkeypatch.setattr(stored, "_PACKAGE", tmp_path / "tfmpe")
    with pytest.raises(RecordingError, match="reinstall tfmpe"):
        stored_folder()
    assert verify().exit_code == 3
    beside = tmp_path / "legacy_fixtures"
    for folder in (beside, tmp_path / "tfmpe" / "legacy_fixtures"):
        folder.mkdir(parents=True)
        (folder / "MANIFEST.json").write_text("{}")
        assert stored_folder() == folder
