"""Command `tfmpe verify`: stored legacy output, computed again."""

from pathlib import Path

import click

from .common import file_option, no_progress_option, progress_bar, write_file


@click.command()
@click.argument(
    "path",
    required=False,
    type=click.Path(exists=True, file_okay=False, path_type=Path),
)
@file_option("--json", "json_file", help="Also write the report as JSON.")
@click.option("--example", metavar="NAME", help="Replay this example only.")
@click.option("--all", "complete", is_flag=True, help="Repeat every call.")
@click.option(
    "--other-fingerprint",
    is_flag=True,
    help="Also compare recordings of another kind of device, precision or "
    "random number generator, within tolerances.",
)
@no_progress_option
@click.pass_context
def verify(
    context: click.Context,
    path: Path | None,
    json_file: Path | None,
    example: str | None,
    complete: bool,
    other_fingerprint: bool,
    no_progress: bool,
) -> None:
    """Repeat stored legacy calls on the bridge and compare the results.

    PATH is a folder written by `tfmpe record`, replayed completely; by default,
    the recordings shipped with this package. Of these, all calls of the
    preprocessing are repeated, but only one in forty of the others (at least
    one of each example), which solve equations, run networks or train them.
    The choice is always the same, even with --example; --all repeats every
    call. Results are compared bit by bit if possible, else within tolerances.
    Recordings of another kind of device, precision or random number generator
    are refused unless --other-fingerprint is given.

    \b
    Exit code:
      0  all results agree
      1  something differs
      2  invalid usage
      3  nothing was compared, or a file is missing, altered or refused

    \b
    Examples:
      tfmpe verify
      tfmpe verify --example seir
      tfmpe verify my_recordings --json report.json
    """  # noqa: D301 - click wants the backspace itself
    from rich.console import Console

    from tfmpe.migrate.records.files import as_json
    from tfmpe.migrate.replay.silence import compile_quickly
    from tfmpe.migrate.verify.table import print_verify
    from tfmpe.migrate.verify.verify import UnknownExampleError
    from tfmpe.migrate.verify.verify import verify as run

    if path is None:
        # Pays off only for many calls.
        compile_quickly()
    try:
        with progress_bar(wanted=not no_progress) as progress:
            report = run(
                path,
                example=example,
                progress=progress,
                other_fingerprint=other_fingerprint,
                quick=path is None and not complete,
            )
    except UnknownExampleError as error:
        raise click.BadParameter(str(error), param_hint="--example") from None
    print_verify(report, Console(highlight=False))
    write_file(json_file, as_json(report), "--json")
    context.exit(report.exit_code)
