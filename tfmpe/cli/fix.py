"""Command `tfmpe fix`: imports of scripts and notebooks, rewritten."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from . import common

if TYPE_CHECKING:
    from tfmpe.migrate.rewrite import Rewritten


@click.command()
@click.argument(
    "paths", nargs=-1, type=click.Path(path_type=Path), metavar="[PATH]..."
)
@click.option("--to", type=click.Choice(["bridge", "tokens"]), hidden=True)
@click.option("--diff", is_flag=True, help="Show changes and write nothing.")
@click.option(
    "--check", is_flag=True, help="Write nothing; exit with 1 on any change."
)
@common.file_option(
    *("--json", "json_file"), help="Also write JSON; - is standard output."
)
@click.option("--backup", is_flag=True, help="Keep each original as FILE.orig.")
@click.option(
    "--allow-dirty",
    is_flag=True,
    help="Also rewrite files with uncommitted changes.",
)
@common.exit_zero_option
@common.no_progress_option
@click.pass_context
def fix(
    context: click.Context,
    paths: tuple[Path, ...],
    to: str | None,
    diff: bool,
    check: bool,
    json_file: Path | None,
    backup: bool,
    allow_dirty: bool,
    exit_zero: bool,
    no_progress: bool,
) -> None:
    """Change imports of sfmpe to imports of tfmpe.compat.

    PATH is a Python file, a notebook or a folder; by default the current
    folder. Only import statements change. They bind the same names as before,
    so that no other line has to change, and results stay the same. Other
    mentions of the package (strings, magics, configuration files) are listed
    for you to change. Links to folders are not followed.

    \b
    Exit code:
      0  no legacy imports or mentions are left
      1  something is left to do; with --check or --diff also: files would
         be rewritten
      2  invalid usage, or files have uncommitted changes
      3  a file could not be read or written, or no file was found

    \b
    Examples:
      tfmpe fix --diff
      tfmpe fix scripts analysis.ipynb
    """  # noqa: D301 - click wants the backspace itself
    from tfmpe.migrate.exit_codes import CLEAN, FINDINGS, INCOMPLETE
    from tfmpe.migrate.records.code import Changed, Fix, Unread
    from tfmpe.migrate.records.files import as_json
    from tfmpe.migrate.rewrite import rewrite_files
    from tfmpe.migrate.rewrite.listing import fix_lines
    from tfmpe.migrate.sources import SourceError, replace_content, shown

    printed = json_file == Path("-")
    with common.progress_bar(wanted=not no_progress) as progress:
        files, unread = rewrite_files(paths or (Path(),), progress)
    changed = [file for file in files if file.new != file.old]
    written = not (diff or check)
    if written:
        _check_committed(changed, allow_dirty)
        for file in list(changed):
            try:
                replace_content(file.path, file.old, file.new, backup=backup)
            except SourceError as error:
                unread.append(Unread(error.file, error.why))
                changed.remove(file)
    if diff:
        for file in changed:
            click.echo(file.diff(), nl=False, err=printed)
    left = tuple(mention for file in files for mention in file.left)
    code = FINDINGS if left or (changed and not written) else CLEAN
    if to == "tokens":
        code = FINDINGS
        click.echo(
            "Note: only imports were rewritten. Calls have to be moved to "
            "Tokens by hand: tfmpe scan lists their replacements.",
            err=True,
        )
    if unread or not files:
        code = INCOMPLETE
    changes = tuple(Changed(shown(x.path), x.changes) for x in changed)
    record = Fix(code, written, changes, left, tuple(unread))
    for line in fix_lines(record, len(files)):
        click.echo(line, err=diff or printed)
    if printed:
        click.echo(as_json(record), nl=False)
    else:
        common.write_file(json_file, as_json(record), "--json")
    context.exit(common.ending(code, exit_zero))


def _check_committed(files: "list[Rewritten]", allow_dirty: bool) -> None:
    from tfmpe.migrate.rewrite.git import uncommitted
    from tfmpe.migrate.show.words import counted

    changed, unknown = uncommitted([file.path for file in files])
    if changed and not allow_dirty:
        raise click.UsageError(
            f"{counted(len(changed), 'file is', 'files are')} not known to be "
            f"committed: {', '.join(changed)}. Commit them, or pass "
            "--allow-dirty. Nothing was written."
        )
    if unknown:
        n_files = counted(len(unknown), "file")
        click.echo(f"Note: {n_files} not tracked by git.", err=True)
