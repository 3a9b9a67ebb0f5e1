"""Command line `tfmpe`: thin wrappers over `tfmpe.migrate`.

One module per command, which imports what it needs when it is run, so that
--help answers at once. Where the extra `cli` is missing, __main__ says so.
"""

from importlib import import_module

import click

import tfmpe

__all__ = ["cli"]

_NAMES = ("bench", "demo", "draw", "explain", "fix", "record", "report",
          "run", "scan", "verify")  # fmt: skip


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(tfmpe.__version__, prog_name="tfmpe")
def cli() -> None:
    """Tokens for hierarchical inference, and a bridge for older scripts."""


for _name in _NAMES:
    cli.add_command(getattr(import_module(f"{__name__}.{_name}"), _name))
