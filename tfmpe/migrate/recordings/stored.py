"""Location of the legacy output that is shipped with this package."""

import re
import tarfile
import tempfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tfmpe.migrate.errors import RecordingError

from .files import MANIFEST_NAME, MAX_FILE_BYTES, check_inside

_NAME = "legacy_fixtures"
_PACKED = "part2.tar.gz"
_MEMBER = re.compile(r"MANIFEST\.json|\w{1,100}/\w{1,100}\.(json|npz)")
_PACKAGE = Path(__file__).resolve().parents[2]


def stored_folder() -> Path:
    """Return the folder of the stored legacy output."""
    # Inside the package if it was installed from a wheel.
    for folder in (_PACKAGE / _NAME, _PACKAGE.parent / _NAME):
        if (folder / MANIFEST_NAME).is_file():
            return folder
    raise RecordingError(
        _PACKAGE / _NAME,
        f"no stored legacy output ({MANIFEST_NAME}) here or beside the "
        "package; reinstall tfmpe, or name a folder of recordings",
    )


@contextmanager
def unpacked(folder: Path) -> Iterator[Path | None]:
    """Temporarily unpack the archive in a folder of recordings, if any."""
    archive = folder / _PACKED
    if not archive.exists():
        yield None
        return
    check_inside(archive, folder)
    with tempfile.TemporaryDirectory() as name:
        try:
            with tarfile.open(archive, "r:gz") as packed:
                _unpack(packed, Path(name))
        except (tarfile.TarError, OSError, EOFError, zlib.error) as error:
            fault = f"not a readable archive ({error})"
            raise RecordingError(_PACKED, fault) from None
        yield Path(name)


def _unpack(packed: tarfile.TarFile, place: Path) -> None:
    total = 0
    for member in packed:
        total += member.size
        content = packed.extractfile(member) if member.isreg() else None
        if content is None or not _MEMBER.fullmatch(member.name):
            fault = f"{member.name!r} is not the name of a recording"
            raise RecordingError(_PACKED, fault)
        if total > MAX_FILE_BYTES:
            fault = f"unpacks to {total} bytes or more; at most "
            raise RecordingError(_PACKED, f"{fault}{MAX_FILE_BYTES} are read")
        file = place / member.name
        file.parent.mkdir(exist_ok=True)
        file.write_bytes(content.read())
