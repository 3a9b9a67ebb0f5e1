"""`tfmpe bench`: old against new."""

import importlib.util
import os
from pathlib import Path

import click

from .common import check_folder, progress_bar, write_file

__all__ = ["bench"]


@click.command()
@click.option(
    "--legacy",
    metavar="MODULE",
    default="oracle",
    help="An installed legacy package as the old side; by default the plain "
    "oracle of the tests.",
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
    type=click.Path(dir_okay=False, path_type=Path),
    help="Also write everything that was measured.",
)
@click.option(
    "--markdown",
    "page",
    metavar="FILE",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Also write the table as a page, with the machine.",
)
@click.option(
    "--plot",
    "picture",
    metavar="FILE",
    type=click.Path(dir_okay=False, path_type=Path),
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
      3  nothing was compared: no oracle, no recordings, no memory

    \b
    Examples:
      tfmpe bench --quick
      tfmpe bench --case masks --case join --max-sites 100
      tfmpe bench --json cpu.json --markdown cpu.md --plot cpu.png
      tfmpe bench --legacy sfmpe
    """  # noqa: D301 - click wants the backspace itself
    for file, option in (
        (json_file, "--json"),
        (page, "--markdown"),
        (picture, "--plot"),
    ):
        check_folder(file, option)
    needed = ["flax", "optax", "diffrax"]
    needed += ["matplotlib"] if picture is not None else []
    missing = [n for n in needed if importlib.util.find_spec(n) is None]
    if missing:
        raise click.UsageError(
            f"the benchmarks need {', '.join(missing)}: "
            'pip install "tfmpe[flow,plot]"'
        )
    _choose_device(device)
    from tfmpe.migrate.bench.legacy import LegacyModuleError
    from tfmpe.migrate.bench.run import Options, UnknownCaseError
    from tfmpe.migrate.bench.run import bench as run
    from tfmpe.migrate.bench.table import as_lines, as_markdown
    from tfmpe.migrate.errors import RecordingError
    from tfmpe.migrate.replay.oracle import OracleError

    try:
        with progress_bar(wanted=not no_progress) as progress:
            report = run(Options(legacy, cases, max_sites, quick), progress)
    except UnknownCaseError as error:
        raise click.BadParameter(str(error), param_hint="--case") from None
    except LegacyModuleError as error:
        raise click.BadParameter(str(error), param_hint="--legacy") from None
    except (OracleError, RecordingError) as error:
        click.echo(f"nothing was compared: {error}", err=True)
        context.exit(3)
    for line in as_lines(report):
        click.echo(line)
    if json_file is not None:
        write_file(json_file, report.to_json().encode(), "--json")
    if page is not None:
        shown = None if picture is None else picture.name
        write_file(page, as_markdown(report, shown).encode(), "--markdown")
    if picture is not None:
        from tfmpe.migrate.bench.picture import as_png

        write_file(picture, as_png(report), "--plot")
    context.exit(report.exit_code)


def _choose_device(device: str | None) -> None:
    """Let jax compute on a CPU or a GPU, here and in child processes."""
    if device is None:
        return
    platforms = {"cpu": "cpu", "gpu": "cuda,cpu"}[device]
    os.environ["JAX_PLATFORMS"] = platforms
    import jax

    jax.config.update("jax_platforms", platforms)
    try:
        found = jax.local_devices()[0].platform
    except RuntimeError as error:
        raise click.BadParameter(
            f"jax finds no {device} ({error})", param_hint="--device"
        ) from None
    if found != device:
        raise click.BadParameter(
            f"jax finds no {device}, only a {found}; install jax for it, or "
            "leave --device out",
            param_hint="--device",
        )
