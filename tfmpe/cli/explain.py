"""Command `tfmpe explain`: the meaning of a code."""

import shutil
import textwrap

import click


@click.command()
@click.argument("codes", metavar="[CODE]...", nargs=-1)
def explain(codes: tuple[str, ...]) -> None:
    """Explain advice or a defect, with an example before and after.

    CODE is a code that the other commands print, such as T101 or L19, or its
    name. Without arguments, all codes are listed.

    \b
    Exit code:
      0  the codes were explained or listed
      2  a code is unknown

    \b
    Examples:
      tfmpe explain
      tfmpe explain T101 L19
      tfmpe explain repeated-noise
    """  # noqa: D301 - click wants the backspace itself
    from rich.console import Console
    from rich.markdown import Markdown

    from tfmpe.migrate.catalogue import CATALOGUE, find, nearest
    from tfmpe.migrate.catalogue.render import as_markdown

    entries = {}
    for code in codes:
        entry = find(code)
        if entry is None:
            close = " or ".join(nearest(code))
            hint = f"; did you mean {close}?" if close else "."
            why = f"unknown code {code!r}{hint} `tfmpe explain` lists all."
            raise click.BadParameter(why, param_hint="CODE")
        entries[entry.code] = entry
    if entries:
        console = Console(highlight=False)
        for page in map(as_markdown, entries.values()):
            if console.is_terminal:
                console.print(Markdown(page))
            else:
                click.echo(page)
    else:
        width = shutil.get_terminal_size().columns
        lines = textwrap.TextWrapper(width, subsequent_indent=" " * 29)
        for entry in CATALOGUE.values():
            lines.initial_indent = f"{entry.code:<5} {entry.name:<22} "
            click.echo(lines.fill(entry.summary))
