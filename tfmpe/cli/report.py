"""Command `tfmpe report`: the progress of a migration on one page."""

from pathlib import Path

import click

from . import common


@click.command()
@click.argument(
    "files",
    metavar="[FILE.json]...",
    nargs=-1,
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
)
@click.option(
    "--scan",
    "scanned",
    metavar="PATH",
    multiple=True,
    type=click.Path(exists=True, path_type=Path),
    help="Also scan this file or folder; may be repeated.",
)
@common.file_option("--html", "html_file", help="Write the report as HTML.")
@common.file_option("--json", "json_file", help="Write the report as JSON.")
@common.exit_zero_option
@common.no_progress_option
@click.pass_context
def report(
    context: click.Context,
    files: tuple[Path, ...],
    scanned: tuple[Path, ...],
    html_file: Path | None,
    json_file: Path | None,
    exit_zero: bool,
    no_progress: bool,
) -> None:
    """Summarize the results of the other commands on one page.

    FILE.json are output files of scan, fix, run, verify and bench, in any
    order. The page combines the calls in the code with the results of runs,
    and lists the next steps. It is one HTML file without scripts or external
    links. The verdict is also printed.

    \b
    Exit code:
      0  all comparisons agree within tolerances, and no work is left
      1  something differs, or work is left
      2  invalid usage, or a file that no command wrote
      3  a file could not be read, or nothing was compared

    \b
    Examples:
      tfmpe report verify.json --scan src --html report.html
      tfmpe report scan.json shadow.json verify.json bench.json \\
          --html report.html --json report.json
    """  # noqa: D301 - click wants the backspace itself
    from tfmpe.migrate.errors import RecordingError
    from tfmpe.migrate.records.files import as_json
    from tfmpe.migrate.report.build import build
    from tfmpe.migrate.report.gather import gather, scan_now

    if not files and not scanned:
        raise click.UsageError("pass JSON files of commands, or --scan PATH")
    if html_file is None and json_file is None:
        raise click.UsageError("pass --html FILE, --json FILE, or both")
    try:
        sources = gather(files)
    except RecordingError as error:
        raise click.BadParameter(str(error), param_hint="FILE.json") from None
    if scanned:
        with common.progress_bar(wanted=not no_progress) as progress:
            sources.append(scan_now(scanned, progress))
    found = build(sources)
    # Everything is built before any file is written.
    page, data = b"", as_json(found)
    if html_file is not None:
        common.require("jinja2", "markupsafe", extras="cli")
        from tfmpe.migrate.report.page import to_html

        # Surrogates of undecodable names are not valid UTF-8.
        page = to_html(found).encode("utf-8", "replace")
    common.write_file(html_file, page, "--html")
    common.write_file(json_file, data, "--json")
    click.echo(found.verdict)
    for step in found.steps[:1]:
        click.echo("\n  ".join([f"Next: {step.title}", *step.commands]))
    context.exit(common.ending(found.exit_code, exit_zero))
