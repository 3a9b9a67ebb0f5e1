"""A package that stands in for the legacy one, where it is not installed.

It is made of the bridge's files under another name, and shares no class with
the bridge.
"""

from pathlib import Path

import tfmpe.compat
from tfmpe.migrate.legacy_names import BRIDGE, LEGACY

__all__ = ["write_stand_in"]

_SILENT = "\n\nLegacyWarning.warn = classmethod(lambda cls, text: None)\n"


def write_stand_in(folder: Path, name: str = LEGACY) -> Path:
    """Write the package into a folder that is to be on the path.

    Parameters
    ----------
    folder : Path
    name : str
        What the package is called.

    Returns
    -------
    Path
        The package.
    """
    home = Path(tfmpe.compat.__file__).parent
    for source in home.rglob("*.py"):
        file = folder / name / source.relative_to(home)
        file.parent.mkdir(parents=True, exist_ok=True)
        text = source.read_text().replace(BRIDGE, name)
        # One object for all calls, as in the legacy package (L20).
        shared = "rngs: nnx.Rngs = nnx.Rngs(0)"
        text = text.replace("rngs: nnx.Rngs | None = None", shared)
        file.write_text(text)
    # The legacy package does not know of its defects.
    with (folder / name / "legacy_warnings.py").open("a") as file:
        file.write(_SILENT)
    return folder / name
