"""The arguments that `tfmpe run` and `tfmpe record` share."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from tfmpe.migrate.run.program import Program

__all__ = ["SETTINGS", "check_legacy", "program_arguments", "read_program"]

# What follows the script belongs to the script.
SETTINGS = {"allow_interspersed_args": False}


def program_arguments(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add -m, SCRIPT and ARGS to a command, and what it says at the end."""
    for decorate in (
        click.argument("args", nargs=-1, type=click.UNPROCESSED),
        click.argument("script"),
        click.option(
            "-m",
            "is_module",
            is_flag=True,
            help="SCRIPT is the name of a module, as of python -m.",
        ),
        click.option("--quiet", is_flag=True, help="Print nothing at the end."),
        click.option(
            "--json",
            "json_file",
            metavar="FILE",
            type=click.Path(dir_okay=False, path_type=Path),
            help="Also write the whole report as json.",
        ),
    ):
        command = decorate(command)
    return command


def read_program(
    script: str, args: tuple[str, ...], is_module: bool
) -> "Program":
    """Return what is to be run, or say that it is not there."""
    from tfmpe.migrate.run.program import Program

    program = Program(script, args, is_module)
    found = _is_there(program, script) if is_module else Path(script).is_file()
    if not found:
        kind = "module" if is_module else "file"
        raise click.BadParameter(
            f"there is no {kind} {script!r}", param_hint="SCRIPT"
        )
    if program.is_notebook:
        _check_notebook(script)
    return program


def _check_notebook(script: str) -> None:
    try:
        from tfmpe.migrate.sources import SourceError, read_source
    except ModuleNotFoundError as error:
        if error.name != "libcst":
            raise
        raise click.UsageError(
            'a notebook needs libcst: pip install "tfmpe[cli]"'
        ) from None
    try:
        read_source(script)
    except SourceError as error:
        raise click.BadParameter(str(error), param_hint="SCRIPT") from None


def check_legacy(program: "Program", legacy: str) -> None:
    """Refuse to go on without the legacy package."""
    if not _is_there(program, legacy):
        raise click.UsageError(
            f"the legacy package {legacy!r} is not installed here. Install "
            "it beside tfmpe, or name the module that stands for it with "
            "--legacy; `tfmpe run` without --shadow needs none."
        )


def _is_there(program: "Program", name: str) -> bool:
    from tfmpe.migrate.run.program import has_module

    return has_module(program, name)
