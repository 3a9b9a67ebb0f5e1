"""Which files below some paths are sources, and which configure a project."""

import os
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from .errors import SourceError, reason

_SUFFIXES = (".py", ".pyw", ".ipynb")
_CONFIGURATION = re.compile(
    r".*\.(?:toml|cfg|ini|ya?ml|sh|bash|mk)|requirements.*\.(?:txt|in)|"
    r"constraints.*\.txt|(?:make|docker|container|snake|just|pip)file.*|"
    r"\.coveragerc|\.pylintrc|\.envrc|\.env",
    re.IGNORECASE,
)


def find_sources(
    paths: Sequence[str | Path],
) -> tuple[list[Path], list[SourceError]]:
    """Find all Python files, notebooks and configuration files, each once.

    A file that is given by name is taken, whatever it is called. Links to
    files are read as these; links to folders or to nothing are left out.
    """
    files: dict[str, Path] = {}
    unseen: list[SourceError] = []
    for item in (item for path in paths for item in _below(Path(path))):
        if isinstance(item, SourceError):
            unseen.append(item)
        else:
            files.setdefault(os.path.realpath(item), item)
    return list(files.values()), unseen


def is_configuration(file: Path) -> bool:
    """Return whether it is a file such as ``pyproject.toml``, by its name."""
    return bool(_CONFIGURATION.fullmatch(file.name))


def _below(path: Path) -> Iterator[Path | SourceError]:
    try:
        path.stat()
    except (OSError, ValueError) as error:
        yield _unseen(path, error)
        return
    if not path.is_dir():
        yield path
        return
    errors: list[OSError] = []
    for folder, inner, names in os.walk(path, onerror=errors.append):
        here = Path(folder)
        inner[:] = sorted(x for x in inner if _is_project(here / x))
        yield from (here / x for x in sorted(names) if _is_ours(here / x))
    yield from (_unseen(error.filename, error) for error in errors)


def _unseen(file: Path | str, error: OSError | ValueError) -> SourceError:
    return SourceError(file, f"it cannot be looked at ({reason(error)})")


def _is_ours(file: Path) -> bool:
    named = file.name.lower().endswith(_SUFFIXES)
    if not named and not is_configuration(file):
        return False
    # A pipe is ours too, and then cannot be read: that is said.
    return not file.is_symlink() or file.is_file()


def _is_project(folder: Path) -> bool:
    return (
        (not folder.name.startswith(".") or folder.name == ".github")
        and folder.name not in ("__pycache__", "node_modules")
        and not os.path.lexists(folder / "pyvenv.cfg")
    )
