"""`tfmpe explain`: what a code means."""

import json

import click

__all__ = ["explain"]


@click.command()
@click.argument("codes", metavar="[CODE]...", nargs=-1)
@click.option(
    "--format",
    "form",
    type=click.Choice(["text", "markdown", "json"]),
    default="text",
    show_default=True,
    help="How to write it.",
)
def explain(codes: tuple[str, ...], form: str) -> None:
    """Explain a rule or a defect, with an example before and after.

    CODE is what the other commands print, such as T101 or L19, or its name;
    without one, all are listed. The same texts are in MIGRATION.md.

    \b
    Exit code:
      0  explained
      2  there is no such code

    \b
    Examples:
      tfmpe explain
      tfmpe explain T101 L19
      tfmpe explain repeated-noise --format markdown
    """  # noqa: D301 - click wants the backspace itself
    from tfmpe.migrate.catalogue import LISTED, find
    from tfmpe.migrate.catalogue.render import as_json, as_markdown

    entries = []
    for code in codes:
        entry = find(code)
        if entry is None:
            raise click.BadParameter(_unknown(code), param_hint="CODE")
        entries.append(entry)
    if form == "json":
        described = [as_json(e) for e in entries or LISTED]
        page = {"format": 1, "tool": "explain", "entries": described}
        click.echo(json.dumps(page, indent=2, ensure_ascii=False))
    elif not entries:
        _list(form)
    else:
        for page in map(as_markdown, dict.fromkeys(entries)):
            _show(page, form)


def _unknown(code: str) -> str:
    from tfmpe.migrate.catalogue import nearest

    close = nearest(code)
    hint = f" did you mean {' or '.join(close)}?" if close else ""
    return f"there is no {code!r};{hint} `tfmpe explain` lists all"


def _list(form: str) -> None:
    from rich.console import Console
    from rich.table import Table

    from tfmpe.migrate.catalogue import LISTED

    if form == "markdown":
        click.echo("| code | name | what |\n|---|---|---|")
        for entry in LISTED:
            click.echo(f"| {entry.code} | {entry.name} | {entry.summary} |")
        return
    console = Console(highlight=False)
    if not console.is_terminal:
        for entry in LISTED:
            safety = entry.safety or "defect"
            click.echo(
                f"{entry.code:<5} {safety:<7} {entry.name:<21} {entry.summary}"
            )
        return
    table = Table(box=None, pad_edge=False, show_header=False)
    table.add_column(style="bold")
    table.add_column(style="dim")
    table.add_column(no_wrap=True)
    table.add_column()
    for entry in LISTED:
        safety = entry.safety or "defect"
        table.add_row(entry.code, safety, entry.name, entry.summary)
    console.print(table)


def _show(page: str, form: str) -> None:
    from rich.console import Console
    from rich.markdown import Markdown

    from tfmpe.migrate.catalogue.render import as_plain

    console = Console(highlight=False)
    if form == "markdown":
        click.echo(page)
    elif console.is_terminal:
        console.print(Markdown(page))
    else:
        click.echo(as_plain(page))
