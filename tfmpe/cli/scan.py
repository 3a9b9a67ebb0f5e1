"""`tfmpe scan`: find what is left of the legacy package."""

from pathlib import Path

import click

from .common import check_folder, progress_bar, write_file

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
@click.option("--exit-zero", is_flag=True, help="End in 0 instead of 1.")
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
    """List what is left of the legacy package in scripts and notebooks.

    PATH is a Python file, a notebook or a folder; by default the current
    folder. Nothing is run or changed. Listed are imports, uses of imported
    names with what they become on Tokens, and whatever else names the
    package. Every place has a code (`tfmpe explain CODE`), and a file that
    cannot be read is never passed over.

    \b
    Exit code:
      0  nothing legacy was found
      1  something was found
      2  wrong usage
      3  a file could not be read, or there was none

    \b
    Examples:
      tfmpe scan --select T1,T202 --statistics fit.py
      tfmpe scan --format sarif --output scan.sarif --exit-zero
    """  # noqa: D301 - click wants the backspace itself
    from tfmpe.migrate.exit_codes import CLEAN, FINDINGS
    from tfmpe.migrate.records.files import as_json
    from tfmpe.migrate.rewrite import formats, listing
    from tfmpe.migrate.rewrite import scan as run

    check_folder(output, "--output")
    selected = _codes(select, "--select") or ("",)
    ignored = _codes(ignore, "--ignore")
    with progress_bar(wanted=not no_progress) as progress:
        found = run(paths or (Path(),), progress, selected, ignored)
    code = found.exit_code
    code = CLEAN if exit_zero and code == FINDINGS else code
    if kind == "text":
        written = "".join(f"{line}\n" for line in listing.scan_lines(found))
    elif kind == "json":
        written = as_json(found).decode()
    elif kind == "github":
        written = formats.as_github(found)
    else:
        written = formats.as_sarif(found, code)
    if output is not None:
        write_file(output, written.encode(), "--output")
    else:
        click.echo(written, nl=False)
    if kind == "text" or output is not None:
        for line in listing.codes_of(found) if statistics else ():
            click.echo(line)
        for line in listing.summary(found):
            click.echo(line)
    context.exit(code)


def _codes(text: str, option: str) -> tuple[str, ...]:
    from tfmpe.migrate.catalogue import CATALOGUE

    codes = tuple(
        part.strip().upper() for part in text.split(",") if part.strip()
    )
    for code in codes:
        if not any(known.startswith(code) for known in CATALOGUE):
            raise click.BadParameter(
                f"no code is or begins with {code!r}", param_hint=option
            )
    return codes
