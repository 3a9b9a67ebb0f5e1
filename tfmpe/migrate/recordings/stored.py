"""Where the legacy output that travels with this package lies."""

from pathlib import Path

from tfmpe.migrate.errors import RecordingError

from .read import MANIFEST_NAME

__all__ = ["stored_folder"]

_NAME = "legacy_fixtures"
_PACKAGE = Path(__file__).resolve().parents[2]


def stored_folder() -> Path:
    """Return the folder of the stored legacy output.

    Returns
    -------
    Path
        Inside the package where it was installed from a wheel, beside it in
        a checkout.

    Raises
    ------
    RecordingError
        If it is in neither place.

    Examples
    --------
    >>> (stored_folder() / "MANIFEST.json").exists()
    True
    """
    for folder in (_PACKAGE / _NAME, _PACKAGE.parent / _NAME):
        if (folder / MANIFEST_NAME).is_file():
            return folder
    raise RecordingError(
        _PACKAGE / _NAME,
        f"no stored legacy output ({MANIFEST_NAME}) here or beside the "
        "package; reinstall tfmpe, or name a folder of recordings",
    )
