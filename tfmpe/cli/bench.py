"""`tfmpe bench`: old against new."""

import importlib.util
from pathlib import Path

import click

from .common import check_folder, progress_bar, write_file

__all__ = ["bench"]

_FILE = click.Path(dir_okay=False, path_type=Path)


@click.command()
@click.option(
    "--legacy",
    metavar="MODULE",
    default="oracle",
    help="An installed legacy package as the old side; by default the plain "
    "oracle.",
)
@click.option(
    "--device",
    type=click.Choice(["cpu", "gpu"]),
    help="Where to compute; by default where jax would.",
)
@click.option(
    "--case",
    "cases",
    metavar="NAME",
    multiple=True,
    help="Measure this case only; may be given again.",
)
@click.option(
    "--max-sites",
    metavar="N",
    type=click.IntRange(min=1),
    help="Leave out what has more sites.",
)
@click.option(
    "--quick", is_flag=True, help="Small sizes: seconds, not minutes."
)
@click.option(
    "--json",
    "json_file",
    metavar="FILE",
    type=_FILE,
    help="Also write everything that was measured.",
)
@click.option(
    "--markdown",
    "page",
    metavar="FILE",
    type=_FILE,
    help="Also write the table as a page, with the machine.",
)
@click.option(
    "--plot",
    "picture",
    metavar="FILE",
    type=_FILE,
    help="Also draw a PNG file (extra plot).",
)
@click.option("--no-progress", is_flag=True, help="Show no progress bar.")
@click.pass_context
def bench(
    context: click.Context,
    legacy: str,
    device: str | None,
    cases: tuple[str, ...],
    max_sites: int | None,
    quick: bool,
    json_file: Path | None,
    page: Path | None,
    picture: Path | None,
    no_progress: bool,
) -> None:
    """Measure old against new: time, memory, and how both grow.

    The old side is first checked against the recordings of the legacy
    package, and the new side against the old: what is not equal is not
    timed. Takes many minutes, and as much memory as the old side needs.
    Needs the extra flow.

    \b
    Exit code:
      0  everything was equal, and timed
      1  something differs
      2  wrong usage
      3  nothing was compared: no recordings, no memory

    \b
    Examples:
      tfmpe bench --quick
      tfmpe bench --case masks --case join --max-sites 100
      tfmpe bench --json cpu.json --markdown cpu.md --plot cpu.png
      tfmpe bench --legacy sfmpe
    """  # noqa: D301 - click wants the backspace itself
    files = {"--json": json_file, "--markdown": page, "--plot": picture}
    for option, file in files.items():
        check_folder(file, option)
    needed = ["flax", "optax", "diffrax"] + ["matplotlib"] * bool(picture)
    missing = [n for n in needed if importlib.util.find_spec(n) is None]
    if missing:
        raise click.UsageError(
            f"the benchmarks need {', '.join(missing)}: "
            'pip install "tfmpe[flow,plot]"'
        )
    from tfmpe.migrate.bench.machine import choose_device

    if device is not None and (fault := choose_device(device)):
        raise click.BadParameter(fault, param_hint="--device")
    from rich.console import Console

    from tfmpe.migrate.bench import cases as known
    from tfmpe.migrate.bench import run
    from tfmpe.migrate.bench.old_side import LegacyModuleError
    from tfmpe.migrate.bench.table import as_markdown, print_bench
    from tfmpe.migrate.errors import RecordingError
    from tfmpe.migrate.records.files import as_json

    for name in set(cases) - set(known.CASES):
        names = ", ".join(known.CASES)
        fault = f"unknown case {name!r}; the cases are: {names}"
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
    if json_file is not None:
        write_file(json_file, as_json(found), "--json")
    if page is not None:
        shown = None if picture is None else picture.name
        write_file(page, as_markdown(found, shown).encode(), "--markdown")
    if picture is not None:
        from tfmpe.migrate.bench.picture import as_png

        write_file(picture, as_png(found), "--plot")
    context.exit(found.exit_code)
