"""The directive ``command-help``: what ``--help`` prints, command by command.

Read from the group of commands when the page is built, so that no command is
forgotten and no text is written twice.
"""

from typing import Any

import click
from docutils import nodes
from docutils.parsers.rst import Directive

from tfmpe.cli import cli

WIDTH = 80


def help_text(name: str = "") -> str:
    """Return what ``tfmpe NAME --help`` prints into 80 columns."""
    context = click.Context(
        cli,
        info_name="tfmpe",
        max_content_width=WIDTH,
        terminal_width=WIDTH,
        **cli.context_settings,
    )
    if name:
        command = cli.commands[name]
        context = click.Context(command, info_name=name, parent=context)
    return context.command.get_help(context)


class CommandHelp(Directive):
    """The help of ``tfmpe``, then one section for each of its commands."""

    def run(self) -> list[nodes.Node]:
        """Return the nodes."""
        found: list[nodes.Node] = [_shown("tfmpe", help_text())]
        for name in sorted(cli.commands):
            called = f"tfmpe {name}"
            section = nodes.section(ids=[f"tfmpe-{name}"], names=[called])
            section += nodes.title("", "", nodes.literal("", called))
            section += _shown(called, help_text(name))
            found.append(section)
        return found


def _shown(name: str, text: str) -> nodes.Node:
    shown = f"$ {name} --help\n{text}"
    return nodes.literal_block(shown, shown, language="text")


def setup(app: Any) -> dict[str, bool]:
    """Tell Sphinx what is here."""
    app.add_directive("command-help", CommandHelp)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
