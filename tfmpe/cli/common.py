"""Parts that several commands share: options, output files, progress."""

import importlib.util
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click


def file_option(*names: str, help: str) -> Callable[..., Any]:
    """Return an option for an output file in an existing folder."""

    def checked(
        context: click.Context, option: click.Parameter, file: Path | None
    ) -> Path | None:
        # Checked before a run that may take minutes.
        if file is not None and not file.absolute().parent.is_dir():
            why = f"the folder {str(file.parent)!r} does not exist"
            raise click.BadParameter(why, param_hint=option.opts[0])
        return file

    path = click.Path(dir_okay=False, path_type=Path)
    return click.option(
        *names, metavar="FILE", type=path, callback=checked, help=help
    )


json_option = file_option(
    "--json", "json_file", help="Also write the results as JSON."
)
exit_zero_option = click.option(
    "--exit-zero", is_flag=True, help="Exit with code 0 instead of 1."
)
no_progress_option = click.option(
    "--no-progress", is_flag=True, help="Show no progress bar."
)


def ending(code: int, exit_zero: bool) -> int:
    """Return the exit code: 0 instead of 1 with --exit-zero."""
    return 0 if exit_zero and code == 1 else code


@contextmanager
def writing(path: Path, option: str) -> Iterator[None]:
    """Convert an error in writing a file to a usage error."""
    try:
        yield
    except OSError as error:
        # Not click.FileError, whose exit code 1 stands for differences.
        why = f"{str(path)!r} cannot be written ({error.strerror})"
        raise click.BadParameter(why, param_hint=option) from None


def write_file(file: Path | None, content: bytes, option: str) -> None:
    """Write a file atomically, if one is given, or raise a usage error."""
    from tfmpe._base.atomic import write_atomically

    if file is not None:
        with writing(file, option):
            write_atomically(file, content)


def require(*modules: str, extras: str) -> None:
    """Raise a usage error if any of these modules is missing."""
    missing = [n for n in modules if importlib.util.find_spec(n) is None]
    if missing:
        remedy = f'{", ".join(missing)}: pip install "tfmpe[{extras}]"'
        raise click.UsageError(f"this command needs {remedy}")


@contextmanager
def progress_bar(wanted: bool) -> Iterator[Any]:
    """Yield a callback(share, label), or None if no bar is shown."""
    if not wanted or not sys.stderr.isatty():
        yield None
        return
    from rich import progress
    from rich.console import Console

    columns = (
        progress.SpinnerColumn(),  # Moves while a share takes long.
        progress.BarColumn(),
        progress.TextColumn("{task.percentage:>3.0f}%"),
        progress.TimeElapsedColumn(),
        progress.TextColumn("{task.description}"),
    )
    on_stderr = Console(stderr=True)
    with progress.Progress(*columns, console=on_stderr, transient=True) as bar:
        task = bar.add_task("reading", total=1.0)
        yield lambda share, label: bar.update(
            task, completed=share, description=label
        )
