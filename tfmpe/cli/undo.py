"""`tfmpe undo`: restore what `tfmpe fix` rewrote."""

from pathlib import Path

import click

__all__ = ["undo"]


@click.command()
@click.argument("run", required=False)
@click.option("--list", "listed", is_flag=True, help="List the runs.")
@click.option(
    "--force",
    is_flag=True,
    help="Restore files that were changed since, too; the changes are lost.",
)
@click.pass_context
def undo(
    context: click.Context, run: str | None, listed: bool, force: bool
) -> None:
    """Restore the files that tfmpe fix rewrote.

    RUN is a run that --list shows; by default the latest one that was not
    undone. If a file was changed since, nothing is restored. Files that are
    their originals already are left alone.

    \b
    Exit code:
      0  the originals are there again
      1  files were changed since; nothing was restored
      2  wrong usage, or no such run
      3  a file could not be read or written

    \b
    Examples:
      tfmpe undo
      tfmpe undo --list
    """  # noqa: D301 - click wants the backspace itself
    from tfmpe.migrate.exit_codes import FINDINGS, INCOMPLETE
    from tfmpe.migrate.fix import runs
    from tfmpe.migrate.fix.git import find_root
    from tfmpe.migrate.show.words import counted
    from tfmpe.migrate.sources import SourceError

    root = find_root(Path.cwd())
    try:
        if listed:
            for each in runs.runs(root):
                state = "undone" if each.undone else "can be undone"
                files = counted(len(each.files), "file")
                click.echo(f"{each.name}  {files}  {state}")
            return
        restored = runs.undo(root, run, force=force)
    except runs.NoRunError as error:
        raise click.UsageError(f"{error}.") from None
    except runs.ChangedSinceError as error:
        click.echo(f"Error: {error}.", err=True)
        context.exit(FINDINGS)
    except SourceError as error:
        click.echo(f"Error: {error}.", err=True)
        context.exit(INCOMPLETE)
    for kept in restored:
        click.echo(f"restored {kept.shown}")
    if not restored:
        click.echo("nothing to restore: every file is its original already")
