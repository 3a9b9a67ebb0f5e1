"""Command `tfmpe scan`: remaining uses of the legacy package."""

from pathlib import Path

import click

from . import common


def _codes(
    context: click.Context, option: click.Parameter, text: str
) -> tuple[str, ...]:
    from tfmpe.migrate.catalogue import CATALOGUE

    codes = [part.strip().upper() for part in text.split(",") if part.strip()]
    for code in codes:
        if not any(known.startswith(code) for known in CATALOGUE):
            raise click.BadParameter(f"no code begins with {code!r}")
    return tuple(codes)


@click.command()
@click.argument(
    "paths",
    nargs=-1,
    type=click.Path(exists=True, path_type=Path),
    metavar="[PATH]...",
)
@click.option(
    *("--format", "kind"),
    type=click.Choice(["text", "json", "github", "sarif"]),
    default="text",
    help="Output format; github: workflow annotations.",
)
@common.file_option(
    "--output", help="Write to a file, and print only the summary."
)
@click.option(
    *("--select", "selected"),
    metavar="CODES",
    default="",
    callback=_codes,
    help="Show these codes only, such as T101,T2.",
)
@click.option(
    *("--ignore", "ignored"),
    metavar="CODES",
    default="",
    callback=_codes,
    help="Do not show these codes.",
)
@common.exit_zero_option
@common.no_progress_option
@click.pass_context
def scan(
    context: click.Context,
    paths: tuple[Path, ...],
    kind: str,
    output: Path | None,
    selected: tuple[str, ...],
    ignored: tuple[str, ...],
    exit_zero: bool,
    no_progress: bool,
) -> None:
    """List uses of the legacy package in scripts and notebooks.

    PATH is a Python file, a notebook or a folder; by default the current
    folder. Files are not run or changed. The list contains imports, uses of
    imported names with their replacements on Tokens, and other mentions of
    the package. Every entry has a code (`tfmpe explain CODE`). Files that
    cannot be read are listed too. Links to folders are not followed.

    \b
    Exit code:
      0  no legacy uses were found
      1  legacy uses were found
      2  invalid usage
      3  a file could not be read, or no file was found

    \b
    Examples:
      tfmpe scan --select T1,T202 fit.py
      tfmpe scan --format sarif --output scan.sarif --exit-zero
    """  # noqa: D301 - click wants the backspace itself
    from tfmpe.migrate.records.files import as_json
    from tfmpe.migrate.rewrite import formats, listing
    from tfmpe.migrate.rewrite import scan as run

    with common.progress_bar(wanted=not no_progress) as progress:
        found = run(paths or (Path(),), progress, selected or ("",), ignored)
    code = common.ending(found.exit_code, exit_zero)
    written = {
        "text": lambda: "".join(f"{x}\n" for x in listing.scan_lines(found)),
        "json": lambda: as_json(found).decode(),
        "github": lambda: formats.as_github(found),
        "sarif": lambda: formats.as_sarif(found, code),
    }[kind]()
    common.write_file(output, written.encode(), "--output")
    if output is None:
        click.echo(written, nl=False)
    if kind == "text" or output is not None:
        for line in listing.summary(found):
            click.echo(line)
    context.exit(code)
