"""`tfmpe scan`: find what is left of the legacy package."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from .common import check_folder, progress_bar, write_file

if TYPE_CHECKING:
    from tfmpe.migrate.scan import Report

__all__ = ["scan"]


@click.command()
@click.argument(
    "paths",
    nargs=-1,
    type=click.Path(exists=True, path_type=Path),
    metavar="[PATH]...",
)
@click.option(
    "--format",
    "kind",
    type=click.Choice(["text", "json", "github", "sarif"]),
    default="text",
    show_default=True,
    help="What is printed; github: annotations of a workflow.",
)
@click.option(
    "--output",
    metavar="FILE",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Write to a file instead; the summary is printed.",
)
@click.option(
    "--select",
    metavar="CODES",
    default="",
    help="Show these codes only, such as T101,T2.",
)
@click.option(
    "--ignore", metavar="CODES", default="", help="Do not show these codes."
)
@click.option("--statistics", is_flag=True, help="Count by code, at the end.")
@click.option(
    "--exit-zero", is_flag=True, help="Exit with 0 although sites were found."
)
@click.option("--no-progress", is_flag=True, help="Show no progress bar.")
@click.pass_context
def scan(
    context: click.Context,
    paths: tuple[Path, ...],
    kind: str,
    output: Path | None,
    select: str,
    ignore: str,
    statistics: bool,
    exit_zero: bool,
    no_progress: bool,
) -> None:
    """Find every use of a legacy name in scripts and notebooks.

    PATH is a Python file, a notebook or a folder; by default the current
    folder. Nothing is run or changed.
    Every place has a code (`tfmpe explain CODE`), what it becomes, and
    whether `tfmpe fix` would rewrite it: safe, unsafe (look at it), or
    manual. What cannot be decided is listed too, as T901, and a file that
    cannot be read is never passed over.

    \b
    Exit code:
      0  nothing legacy was found
      1  something was found, or could not be decided
      2  wrong usage
      3  a file could not be read, or there was none

    \b
    Examples:
      tfmpe scan
      tfmpe scan scripts notebooks
      tfmpe scan --select T1,T202 --statistics fit.py
      tfmpe scan --format sarif --output scan.sarif --exit-zero
    """  # noqa: D301 - click wants the backspace itself
    from tfmpe.migrate.scan import scan as run

    check_folder(output, "--output")
    wanted = _codes(select, "--select")
    unwanted = _codes(ignore, "--ignore")
    with progress_bar(wanted=not no_progress) as progress:
        report = run(paths or (Path(),), progress).only(wanted, unwanted)
    exit_code = 0 if exit_zero and report.exit_code == 1 else report.exit_code
    _print(report, kind, output, statistics, exit_code)
    context.exit(exit_code)


def _codes(text: str, option: str) -> tuple[str, ...]:
    from tfmpe.migrate.catalogue import CATALOGUE

    codes = tuple(
        part.strip().upper() for part in text.split(",") if part.strip()
    )
    for code in codes:
        if not any(
            known.startswith(code) for known in CATALOGUE if known[0] == "T"
        ):
            raise click.BadParameter(
                f"no rule has the code {code!r}; there are T001 to T901",
                param_hint=option,
            )
    return codes


def _print(
    report: "Report",
    kind: str,
    output: Path | None,
    statistics: bool,
    exit_code: int,
) -> None:
    import io

    from rich.console import Console

    from tfmpe.migrate.scan.show import print_sites, print_summary
    from tfmpe.migrate.scan.written import WRITERS

    console = Console(highlight=False, soft_wrap=True)
    if kind == "text":
        text = io.StringIO()
        into = Console(file=text, highlight=False, soft_wrap=True)
        print_sites(report, into if output else console)
        written = text.getvalue()
    else:
        written = WRITERS[kind](report, exit_code)
    if output is not None:
        write_file(output, written.encode(), "--output")
    elif kind != "text":
        click.echo(written, nl=False)
    if kind == "text" or output is not None:
        print_summary(report, console, by_code=statistics)
