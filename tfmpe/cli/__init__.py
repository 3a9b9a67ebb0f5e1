"""Command line `tfmpe`: thin wrappers over the package.

Each command is a module that imports its dependencies when it is run, so that
--help is fast. __main__ reports a missing extra `cli`.
"""

from importlib import import_module

import click

import tfmpe

__all__ = ["cli"]

_NAMES = ("bench", "check", "demo", "draw", "explain", "fix", "record",
          "report", "run", "scan", "verify")  # fmt: skip


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(tfmpe.__version__, prog_name="tfmpe")
def cli() -> None:
    """Tokens for hierarchical inference, and a bridge for legacy scripts."""


for _name in _NAMES:
    cli.add_command(getattr(import_module(f"{__name__}.{_name}"), _name))
