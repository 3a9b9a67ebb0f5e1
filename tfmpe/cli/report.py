"""`tfmpe report`: one page on how far a migration is."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from .common import check_folder, progress_bar, write_file

__all__ = ["report"]


if TYPE_CHECKING:
    from tfmpe.migrate.page.content import PageContent


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
    help="Scan this file or folder as well; may be given several times.",
)
@click.option(
    "--html",
    "html_file",
    metavar="FILE",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Write the page.",
)
@click.option(
    "--json",
    "json_file",
    metavar="FILE",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Write what is on the page as json.",
)
@click.option("--exit-zero", is_flag=True, help="End in 0 where it would be 1.")
@click.option("--no-progress", is_flag=True, help="Show no progress bar.")
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
    """Make one page of what the other commands have found.

    FILE.json are written by scan, fix, run, verify and bench, in any order;
    each is told by its content. The page joins the call sites with what was
    seen at run time, and says what to do next. It is one file without
    scripts, and asks for nothing from elsewhere. Prints the verdict.

    \b
    Exit code:
      0  all that was compared is equal or within a tolerance, nothing is left
      1  something differs, or work is left
      2  wrong usage, or a file that none of the commands has written
      3  something was not read, or nothing was compared

    \b
    Examples:
      tfmpe report verify.json --scan src --html report.html
      tfmpe report scan.json shadow.json verify.json bench.json \\
          --html report.html --json report.json
    """  # noqa: D301 - click wants the backspace itself
    from tfmpe.migrate.errors import RecordingError
    from tfmpe.migrate.exit_codes import CLEAN, FINDINGS
    from tfmpe.migrate.page.content import build
    from tfmpe.migrate.page.reading import read_source, scan_now

    if not files and not scanned:
        raise click.UsageError(
            "nothing to report on: name json files of the other commands, "
            "or --scan PATH"
        )
    if html_file is None and json_file is None:
        raise click.UsageError("say where to write: --html FILE, --json FILE")
    check_folder(html_file, "--html")
    check_folder(json_file, "--json")
    try:
        sources = [read_source(file) for file in files]
    except RecordingError as error:
        raise click.BadParameter(str(error), param_hint="FILE.json") from None
    if scanned:
        with progress_bar(wanted=not no_progress) as progress:
            sources.append(scan_now(scanned, progress))
    content = build(sources)
    # All is made before anything is written.
    page = b"" if html_file is None else _page(content)
    written = content.to_json().encode()
    if html_file is not None:
        write_file(html_file, page, "--html")
    if json_file is not None:
        write_file(json_file, written, "--json")
    click.echo(content.verdict)
    if content.steps:
        step = content.steps[0]
        click.echo(f"Next: {step.title}{':' if step.commands else '.'}")
        for command in step.commands:
            click.echo(f"  {command}")
    for file in (html_file, json_file):
        if file is not None:
            click.echo(f"Written: {file}")
    code = content.exit_code
    context.exit(CLEAN if exit_zero and code == FINDINGS else code)


def _page(content: "PageContent") -> bytes:
    try:
        from tfmpe.migrate.page.html import to_html
    except ModuleNotFoundError as error:
        if error.name not in ("jinja2", "markupsafe"):
            raise
        raise click.UsageError(
            f'the page needs {error.name}: pip install "tfmpe[cli]"'
        ) from None
    # Half a character of a broken name is no UTF-8.
    return to_html(content).encode("utf-8", "replace")
