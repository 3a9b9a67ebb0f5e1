"""Example scripts, by name, and a function that runs one."""

import subprocess
import sys
from pathlib import Path

__all__ = ["SCRIPTS", "example_script", "run_example"]

SCRIPTS = (
    "hierarchical_gaussian",
    "hierarchical_brownian",
    "seir",
    "eight_schools",
)
"""The examples that can be run by name."""

_HERE = Path(__file__).resolve().parent


def example_script(name: str, *, legacy: bool = False) -> Path:
    """Return the file of an example.

    Parameters
    ----------
    name
        One of `SCRIPTS`.
    legacy
        Whether to return the version written for the legacy package.

    Returns
    -------
    Path
        Inside the package if it was installed from a wheel, next to it in a
        checkout.

    Raises
    ------
    FileNotFoundError
        If there is no such file.

    Examples
    --------
    >>> example_script("seir").name
    'seir.py'
    """
    file = f"{name}_legacy.py" if legacy else f"{name}.py"
    for folder in (_HERE / "files", _HERE.parents[1] / "examples"):
        if (folder / file).is_file():
            return folder / file
    raise FileNotFoundError(
        f"There is no example {file}. Examples: {', '.join(SCRIPTS)}; "
        "eight_schools has no legacy form."
    )


def run_example(
    name: str, *, legacy: bool = False, arguments: tuple[str, ...] = ()
) -> int:
    """Run an example in a separate process.

    Parameters
    ----------
    name, legacy
        See `example_script`.
    arguments
        Arguments of the script.

    Returns
    -------
    int
        The exit code of the script.
    """
    script = example_script(name, legacy=legacy)
    command = [sys.executable, str(script), *arguments]
    return subprocess.run(command, check=False).returncode
