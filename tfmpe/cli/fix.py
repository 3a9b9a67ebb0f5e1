"""`tfmpe fix`: rewrite legacy scripts and notebooks."""

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from .common import check_folder, progress_bar, write_file

if TYPE_CHECKING:
    from tfmpe.migrate.fix.files import FixedFile

__all__ = ["fix"]


@click.command()
@click.argument(
    "paths",
    nargs=-1,
    type=click.Path(path_type=Path),
    metavar="[PATH]...",
)
@click.option(
    "--to",
    type=click.Choice(["bridge", "tokens"]),
    default="bridge",
    show_default=True,
    help="Rewrite imports to tfmpe.compat; or calls to Tokens as well.",
)
@click.option(
    "--unsafe-fixes",
    is_flag=True,
    help="Also rewrite what should be looked at afterwards.",
)
@click.option("--diff", is_flag=True, help="Show changes and write nothing.")
@click.option(
    "--check", is_flag=True, help="Write nothing; end in 1 if files would."
)
@click.option(
    "--select",
    metavar="CODES",
    multiple=True,
    help="Only these codes or beginnings of codes: T1,T202.",
)
@click.option(
    "--ignore", metavar="CODES", multiple=True, help="All but these codes."
)
@click.option(
    "--json",
    "json_file",
    metavar="FILE",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Also write everything as json.",
)
@click.option(
    "--allow-dirty",
    is_flag=True,
    help="Rewrite files with changes that are not committed, too.",
)
@click.option("--exit-zero", is_flag=True, help="End in 0 instead of 1.")
@click.option("--no-progress", is_flag=True, help="Show no progress bar.")
@click.pass_context
def fix(
    context: click.Context,
    paths: tuple[Path, ...],
    to: str,
    unsafe_fixes: bool,
    diff: bool,
    check: bool,
    select: tuple[str, ...],
    ignore: tuple[str, ...],
    json_file: Path | None,
    allow_dirty: bool,
    exit_zero: bool,
    no_progress: bool,
) -> None:
    """Rewrite scripts and notebooks for the legacy package.

    PATH is a Python file, a notebook or a folder; by default the current
    folder. Imports of sfmpe become imports of tfmpe.compat, which changes no
    number; with --to tokens, calls are rewritten for Tokens as well. What
    cannot be rewritten gets a comment, # TODO(tfmpe CODE). Give all files of
    a project together: legacy names are followed from file to file. The
    originals are kept: tfmpe undo restores them.

    \b
    Exit code:
      0  all was done, or there was nothing to do
      1  something is left to do; with --check or --diff also: files would
         be rewritten
      2  wrong usage, or files have changes that are not committed
      3  a file could not be read or written

    \b
    Examples:
      tfmpe fix --diff
      tfmpe fix scripts analysis.ipynb
      tfmpe fix scripts --to tokens --unsafe-fixes
    """  # noqa: D301 - click wants the backspace itself
    from tfmpe.migrate.exit_codes import CLEAN, FINDINGS
    from tfmpe.migrate.fix.files import fix_files
    from tfmpe.migrate.fix.git import find_root
    from tfmpe.migrate.fix.report import FixReport
    from tfmpe.migrate.fix.result import Options
    from tfmpe.migrate.fix.write import write_files
    from tfmpe.migrate.scan.scan import scan

    check_folder(json_file, "--json")
    paths = paths or (Path(),)
    options = Options(
        "tokens" if to == "tokens" else "bridge",
        unsafe_fixes,
        _codes(select, "--select"),
        _codes(ignore, "--ignore"),
    )
    with progress_bar(wanted=not no_progress) as progress:
        found = fix_files(paths, options, progress)
    report = FixReport(found.files, found.not_read, None, diff or check)
    if not report.only_asked:
        _check_committed(report.changed, allow_dirty)
        try:
            written = write_files(find_root(Path.cwd()), report.changed)
        except OSError as error:
            raise click.UsageError(
                f"The originals cannot be kept ({error.strerror}: "
                f"{error.filename}), so nothing was written."
            ) from None
        failed = {error.file for error in written.failed}
        report = replace(
            report,
            files=[
                file
                for file in found.files
                if file.path.as_posix() not in failed
            ],
            not_read=(*found.not_read, *written.failed),
            run=written.run,
        )
        if options.to == "tokens":
            report = replace(report, in_use=len(scan(paths).sites))
    if diff:
        for file in report.changed:
            click.echo(file.diff(), nl=False)
    for line in report.lines():
        click.echo(line, err=diff)
    if report.run is not None:
        click.echo(f"To restore the originals: tfmpe undo {report.run}")
    if json_file is not None:
        write_file(json_file, report.to_json().encode(), "--json")
    code = report.exit_code
    context.exit(CLEAN if exit_zero and code == FINDINGS else code)


def _codes(given: tuple[str, ...], option: str) -> tuple[str, ...]:
    """Read comma-separated codes; an unknown one is refused."""
    from tfmpe.migrate.catalogue import CATALOGUE

    codes = tuple(
        code.strip().upper()
        for each in given
        for code in each.split(",")
        if code.strip()
    )
    for code in codes:
        if not any(known.startswith(code) for known in CATALOGUE):
            raise click.BadParameter(
                f"no code is or begins with {code!r}", param_hint=option
            )
    return codes


def _check_committed(files: "list[FixedFile]", allow_dirty: bool) -> None:
    from tfmpe.migrate.fix.git import uncommitted
    from tfmpe.migrate.show.words import counted

    changed, unknown = uncommitted([file.path for file in files])
    if changed and not allow_dirty:
        listed = ", ".join(file.as_posix() for file in changed)
        raise click.UsageError(
            f"{counted(len(changed), 'file has', 'files have')} changes that "
            f"are not committed: {listed}. Commit them, so that what is "
            "rewritten can be told apart, or give --allow-dirty. Nothing was "
            "written."
        )
    if unknown:
        click.echo(
            f"Note: git does not know {counted(len(unknown), 'file')}.",
            err=True,
        )
