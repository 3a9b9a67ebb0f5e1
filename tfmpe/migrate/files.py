"""Writing a file whole or not at all."""

import os
import tempfile
from pathlib import Path

__all__ = ["write_whole"]


def write_whole(file: Path, text: str) -> None:
    """Write a text so that no reader ever sees half of it.

    Parameters
    ----------
    file
        What to write or replace.
    text
        Its whole content.

    Raises
    ------
    OSError
        If it cannot be written. Then `file` is as it was before.
    """
    # In the same folder, since a rename is atomic only within a file system.
    handle, temporary = tempfile.mkstemp(
        prefix=f".{file.name}.", suffix=".part", dir=file.parent
    )
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as stream:
            stream.write(text)
            stream.flush()
            os.fsync(stream.fileno())
        # Made for its owner alone; a report is an ordinary file.
        umask = os.umask(0)
        os.umask(umask)
        os.chmod(temporary, 0o666 & ~umask)
        os.replace(temporary, file)
    except BaseException:
        os.unlink(temporary)
        raise
