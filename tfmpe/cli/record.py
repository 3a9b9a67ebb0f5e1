"""Command `tfmpe record`: results of an installed legacy package, stored."""

from pathlib import Path
from typing import Any

import click

from .common import write_file
from .program import SETTINGS, check_legacy, program_arguments, read_program


@click.command(context_settings=SETTINGS)
@click.option(
    "--out",
    metavar="FOLDER",
    default=Path("recordings"),
    show_default=True,
    type=click.Path(path_type=Path),
    help="A new folder for the recordings.",
)
@click.option(
    "--legacy",
    metavar="MODULE",
    default="sfmpe",
    show_default=True,
    help="The installed legacy package.",
)
@click.option(
    "--max-calls",
    metavar="N",
    type=click.IntRange(min=1),
    default=100,
    show_default=True,
    help="Maximum number of stored calls per function.",
)
@click.option("--force", is_flag=True, help="Replace FOLDER if it exists.")
@program_arguments
@click.pass_context
def record(
    context: click.Context,
    out: Path,
    json_file: Path | None,
    quiet: bool,
    is_module: bool,
    script: str,
    args: tuple[str, ...],
    **options: Any,
) -> None:
    """Record the results of your legacy package in a script.

    Runs SCRIPT, a Python file or a notebook, on the installed legacy package
    and stores its outermost legacy calls in FOLDER, in the format of
    legacy_fixtures/, with a fingerprint of package, versions and device.
    Calls with equal inputs are stored once; for calls under jit or vmap, only
    shapes are stored. `tfmpe verify FOLDER` repeats the calls on the bridge.
    Training, and calls of plain flows, metrics and bijectors, are listed but
    not stored; `tfmpe run --shadow` compares them. FOLDER is written
    completely or not at all, even if the script fails.

    \b
    Exit code:
      that of the script, or if that is 0:
      0  calls were recorded
      2  invalid usage, no legacy package, or FOLDER exists
      3  nothing was recorded

    \b
    Examples:
      tfmpe record --out golden --max-calls 20 -- fit.py --n-epochs 10
      tfmpe verify golden
    """  # noqa: D301 - click wants the backspace itself
    from rich.console import Console

    from tfmpe.migrate.records.files import as_json
    from tfmpe.migrate.run.record import record_run
    from tfmpe.migrate.run.show import print_record

    program = read_program(script, args, is_module)
    check_legacy(program, options["legacy"])
    try:
        report = record_run(program, out, **options)
    except OSError as error:
        why = f"cannot be written ({error.strerror})"
        if isinstance(error, FileExistsError):
            why = "exists; pass another folder, or --force to replace it"
        raise click.BadParameter(
            f"{str(out)!r} {why}", param_hint="--out"
        ) from None
    if not quiet:
        print_record(report, str(out), Console(stderr=True, highlight=False))
    write_file(json_file, as_json(report), "--json")
    context.exit(report.exit_code)
