"""The command line, `tfmpe`: thin wrappers over `tfmpe.migrate`.

One module per command. Needs the extra `cli`; `tfmpe.__main__` says so where
it is missing. Everything else is imported by the command that needs it, so
that --help and --version answer at once.
"""

import importlib.metadata

import click

from .bench import bench
from .demo import demo
from .draw import draw
from .explain import explain
from .fix import fix
from .record import record
from .report import report
from .run import run
from .scan import scan
from .verify import verify

__all__ = ["cli"]


def _version() -> str:
    try:
        return importlib.metadata.version("tfmpe")
    except importlib.metadata.PackageNotFoundError:
        return "(not installed)"


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(_version(), prog_name="tfmpe")
def cli() -> None:
    """Tokens for hierarchical inference, and a bridge for older scripts."""


for _command in (
    bench,
    demo,
    draw,
    explain,
    fix,
    record,
    report,
    run,
    scan,
    verify,
):
    cli.add_command(_command)
