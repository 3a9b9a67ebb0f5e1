"""Command `tfmpe bench`: legacy code and new code compared and timed."""

from pathlib import Path

import click

from . import common


@click.command()
@click.option(
    "--legacy",
    metavar="MODULE",
    default="oracle",
    help="Legacy package to measure; default: a built-in reimplementation.",
)
@click.option(
    "--device",
    type=click.Choice(["cpu", "gpu"]),
    help="Device to compute on; by default the one that JAX selects.",
)
@click.option(
    *("--case", "cases"),
    metavar="NAME",
    multiple=True,
    help="Measure this case only; may be repeated.",
)
@click.option(
    "--max-sites",
    metavar="N",
    type=click.IntRange(min=1),
    help="Skip sizes with more sites.",
)
@click.option(
    "--quick", is_flag=True, help="Small sizes: seconds, not minutes."
)
@common.json_option
@common.no_progress_option
@click.pass_context
def bench(
    context: click.Context,
    legacy: str,
    device: str | None,
    cases: tuple[str, ...],
    max_sites: int | None,
    quick: bool,
    json_file: Path | None,
    no_progress: bool,
) -> None:
    """Compare time, memory and scaling of legacy code and new code.

    The legacy side is first checked against recordings of the legacy package,
    then the new side against the legacy side; only equal results are timed.
    Takes many minutes and much memory. Needs the extra flow.

    \b
    Exit code:
      0  all results were equal and were timed
      1  some results differ
      2  invalid usage
      3  nothing was compared: recordings or memory are missing

    \b
    Examples:
      tfmpe bench --quick
      tfmpe bench --case masks --max-sites 100
      tfmpe bench --device gpu --json gpu.json
      tfmpe bench --legacy sfmpe
    """  # noqa: D301 - click wants the backspace itself
    common.require("flax", "optax", "diffrax", extras="flow")
    from tfmpe.migrate.bench.machine import choose_device

    if device is not None and (fault := choose_device(device)):
        raise click.BadParameter(fault, param_hint="--device")
    from rich.console import Console

    from tfmpe.migrate.bench import run
    from tfmpe.migrate.bench.cases import CASES
    from tfmpe.migrate.bench.old_side import LegacyModuleError
    from tfmpe.migrate.bench.table import print_bench
    from tfmpe.migrate.errors import RecordingError
    from tfmpe.migrate.records.files import as_json

    for name in set(cases) - set(CASES):
        fault = f"unknown case {name!r}; expected one of: {', '.join(CASES)}"
        raise click.BadParameter(fault, param_hint="--case")
    try:
        with common.progress_bar(wanted=not no_progress) as progress:
            found = run.bench(legacy, cases, max_sites, quick, progress)
    except LegacyModuleError as error:
        raise click.BadParameter(str(error), param_hint="--legacy") from None
    except RecordingError as error:
        click.echo(f"nothing was compared: {error}", err=True)
        context.exit(3)
    print_bench(found, Console(highlight=False))
    common.write_file(json_file, as_json(found), "--json")
    context.exit(found.exit_code)
