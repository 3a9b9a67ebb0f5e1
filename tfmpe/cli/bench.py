"""`tfmpe bench`: old against new."""

import importlib.util
from pathlib import Path
from typing import Any

import click

from .common import check_folder, progress_bar, write_file

__all__ = ["bench"]


_FILE: Any = {"type": click.Path(dir_okay=False, path_type=Path)}


@click.command()
@click.option(
    "--legacy",
    help="An installed legacy package as the old side; else the plain oracle.",
    metavar="MODULE",
    default="oracle",
)
@click.option(
    "--device",
    help="Where to compute; by default where jax would.",
    type=click.Choice(["cpu", "gpu"]),
)
@click.option(
    *("--case", "cases"),
    help="Measure this case only; may be given again.",
    metavar="NAME",
    multiple=True,
)
@click.option(
    "--max-sites",
    help="Leave out what has more sites.",
    metavar="N",
    type=click.IntRange(min=1),
)
@click.option(
    "--quick", help="Small sizes: seconds, not minutes.", is_flag=True
)
@click.option("--json", help="Also write all numbers.", **_FILE)
@click.option("--markdown", help="Also write a page with the table.", **_FILE)
@click.option("--plot", help="Also draw a PNG file (extra plot).", **_FILE)
@click.option("--no-progress", help="Show no progress bar.", is_flag=True)
@click.pass_context
def bench(
    context: click.Context,
    legacy: str,
    device: str | None,
    cases: tuple[str, ...],
    max_sites: int | None,
    quick: bool,
    json: Path | None,
    markdown: Path | None,
    plot: Path | None,
    no_progress: bool,
) -> None:
    """Measure old against new: time, memory, and how both grow.

    The old side is first checked against the recordings of the legacy
    package, and the new side against the old: what differs is not timed.
    Takes many minutes, and much memory. Needs the extra flow.

    \b
    Exit code:
      0  everything was equal, and timed
      1  something differs
      2  wrong usage
      3  nothing was compared: no recordings, no memory

    \b
    Examples:
      tfmpe bench --quick
      tfmpe bench --case masks --max-sites 100
      tfmpe bench --json cpu.json --markdown cpu.md --plot cpu.png
      tfmpe bench --legacy sfmpe
    """  # noqa: D301 - click wants the backspace itself
    files = {"--json": json, "--markdown": markdown, "--plot": plot}
    for option, file in files.items():
        check_folder(file, option)
    needed = ["flax", "optax", "diffrax"] + ["matplotlib"] * bool(plot)
    missing = [n for n in needed if importlib.util.find_spec(n) is None]
    if missing:
        fault = f"the benchmarks need {', '.join(missing)}"
        raise click.UsageError(f'{fault}: pip install "tfmpe[flow,plot]"')
    from tfmpe.migrate.bench.machine import choose_device

    if device is not None and (fault := choose_device(device)):
        raise click.BadParameter(fault, param_hint="--device")
    from rich.console import Console

    from tfmpe.migrate.bench import run
    from tfmpe.migrate.bench.cases import CASES
    from tfmpe.migrate.bench.old_side import LegacyModuleError
    from tfmpe.migrate.bench.picture import as_png
    from tfmpe.migrate.bench.table import as_markdown, print_bench
    from tfmpe.migrate.errors import RecordingError
    from tfmpe.migrate.records.files import as_json

    for name in set(cases) - set(CASES):
        fault = f"unknown case {name!r}; the cases are: {', '.join(CASES)}"
        raise click.BadParameter(fault, param_hint="--case")
    try:
        with progress_bar(wanted=not no_progress) as progress:
            found = run.bench(legacy, cases, max_sites, quick, progress)
    except LegacyModuleError as error:
        raise click.BadParameter(str(error), param_hint="--legacy") from None
    except RecordingError as error:
        click.echo(f"nothing was compared: {error}", err=True)
        context.exit(3)
    print_bench(found, Console(highlight=False))
    shown = plot and plot.name
    makers = (as_json, lambda b: as_markdown(b, shown).encode(), as_png)
    for (option, file), make in zip(files.items(), makers, strict=True):
        if file is not None:
            write_file(file, make(found), option)
    context.exit(found.exit_code)
