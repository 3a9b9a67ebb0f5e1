"""Arguments that `tfmpe run` and `tfmpe record` share."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from .common import json_option, require

if TYPE_CHECKING:
    from tfmpe.migrate.run.program import Program

SETTINGS = {"allow_interspersed_args": False}  # later options: of the script


def program_arguments(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add -m, SCRIPT, ARGS and the output options to a command."""
    for decorate in (
        click.argument("args", nargs=-1, type=click.UNPROCESSED),
        click.argument("script"),
        click.option(
            "-m", "is_module", is_flag=True, help="SCRIPT names a module."
        ),
        click.option("--quiet", is_flag=True, help="Print no summary."),
        json_option,
    ):
        command = decorate(command)
    return command


def read_program(
    script: str, args: tuple[str, ...], is_module: bool
) -> "Program":
    """Return the program to run; raise a usage error if it is missing."""
    from tfmpe.migrate.run.program import Program, has_module

    program = Program(script, args, is_module)
    found = has_module(program, script) if is_module else Path(script).is_file()
    why = f"there is no {'module' if is_module else 'file'} {script!r}"
    if found and program.is_notebook:
        require("libcst", extras="cli")
        from tfmpe.migrate.sources import SourceError, read_source

        try:
            read_source(script)
        except SourceError as error:
            found, why = False, str(error)
    if not found:
        raise click.BadParameter(why, param_hint="SCRIPT")
    return program


def check_legacy(program: "Program", legacy: str) -> None:
    """Raise a usage error if the legacy package is missing."""
    from tfmpe.migrate.run.program import has_module

    if not has_module(program, legacy):
        raise click.UsageError(
            f"the legacy package {legacy!r} is not installed. Install it "
            "beside tfmpe, or pass its module name with --legacy. `tfmpe run` "
            "without --shadow does not need it."
        )
