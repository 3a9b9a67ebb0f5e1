"""Search for source files and project configuration below some paths."""

import os
import re
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path

from .errors import SourceError, reason

_SUFFIXES = (".py", ".pyw", ".pyi", ".ipynb")
_CONFIGURATION = re.compile(
    r"(?:.*/)?(?:[^/]*\.(?:toml|cfg|ini|conf|ya?ml|j2|mk|smk|pyx|pxd|sh|bash|"
    r"zsh|ksh|csh|fish|bat|cmd|ps1|slurm|sbatch|pbs|nf|def|r|[rq]md|dockerfile)"
    r"|[^/]*(?:requirements|constraints)[^/]*\.(?:txt|in)|manifest\.in"
    r"|requirements/[^/]*\.(?:txt|in)|(?:[^/]*conf[^/]*|\.\w[^/]*)/.*\.json"
    r"|[^/]*(?:conf|settings|devcontainer)[^/]*\.json"
    r"|(?:(?:gnu)?make|docker|container|snake|just|pip|proc|jenkins)file[^/]*"
    r"|\.(?:coveragerc|pylintrc|flake8|envrc|env(?:\.[^/]*)?))",
    re.IGNORECASE,
)
_OTHER_FOLDERS = re.compile(
    r"__pycache__|node_modules|site-packages|\.(?:.*cache|git|hg|svn|tox|nox|"
    r"eggs|venv.*|hypothesis|ipynb_checkpoints)"
)


def find_sources(
    paths: Sequence[str | Path],
) -> tuple[list[Path], list[SourceError]]:
    """Find all Python files, notebooks and configuration files, once each.

    A path to a file includes the file, whatever its name. Links to files are
    followed; links to folders and broken links are skipped.
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
    """Return whether a file is configuration or a non-Python script."""
    if file.name.lower().endswith(_SUFFIXES):
        return False
    named = _CONFIGURATION.fullmatch(file.as_posix())
    return bool(named) or b"python" not in (_interpreter(file) or b"python")


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
    return SourceError(file, f"it cannot be accessed ({reason(error)})")


def _is_ours(file: Path) -> bool:
    named = file.name.lower().endswith(_SUFFIXES) or is_configuration(file)
    if not named and not _interpreter(file):
        return False
    # Pipes are included, so that they are reported as unreadable.
    return not file.is_symlink() or file.is_file()


def _interpreter(file: Path) -> bytes:
    """Return the first line of a script without a suffix, else ``""``."""
    line = b""
    with suppress(OSError):
        if not file.suffix and file.is_file():
            with file.open("rb") as opened:
                line = opened.readline(200)
    return line if line.startswith(b"#!") else b""


def _is_project(folder: Path) -> bool:
    marks = (folder / name for name in ("pyvenv.cfg", "conda-meta"))
    other = _OTHER_FOLDERS.fullmatch(folder.name)
    return not other and not any(map(os.path.lexists, marks))
