"""What several commands share: files that are written, and progress."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from tfmpe.migrate.verify.verify import Progress

__all__ = ["check_folder", "progress_bar", "write_file"]


def check_folder(file: Path | None, option: str) -> None:
    """Refuse a file in no folder, before minutes are spent."""
    if file is not None and not file.absolute().parent.is_dir():
        raise click.BadParameter(
            f"the folder {str(file.parent)!r} does not exist",
            param_hint=option,
        )


def write_file(file: Path, content: bytes, option: str) -> None:
    """Write a file as a whole, or say why not."""
    from tfmpe.preprocessing._atomic import write_atomically

    try:
        write_atomically(file, content)
    except OSError as error:
        # Not click.FileError: its exit code, 1, means differences here.
        raise click.BadParameter(
            f"{str(file)!r} cannot be written ({error.strerror})",
            param_hint=option,
        ) from None


@contextmanager
def progress_bar(wanted: bool) -> "Iterator[Progress | None]":
    """Give a callback that moves a progress bar on stderr, or None."""
    if not wanted or not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn

    with Progress(
        BarColumn(),
        TextColumn("{task.percentage:>3.0f}% {task.description}"),
        console=Console(stderr=True),
        transient=True,
    ) as bar:
        task = bar.add_task("reading", total=1.0)
        yield lambda share, label: bar.update(
            task, completed=share, description=label
        )
