"""The command line, `tfmpe`: thin wrappers over `tfmpe.migrate`.

Needs the extra `cli`; `tfmpe.__main__` says so where it is missing.
"""

import importlib.metadata
import importlib.util
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

# Everything else is imported by the command that needs it, so that --help
# and --version answer at once.
if TYPE_CHECKING:
    from tfmpe.migrate.verify import Progress

__all__ = ["cli"]

_EXAMPLES = ("hierarchical_gaussian", "hierarchical_brownian", "seir")
_SCRIPTS = (*_EXAMPLES, "eight_schools")


def _version() -> str:
    try:
        return importlib.metadata.version("tfmpe")
    except importlib.metadata.PackageNotFoundError:
        return "(not installed)"


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(_version(), prog_name="tfmpe")
def cli() -> None:
    """Tokens for hierarchical inference, and a bridge for older scripts."""


@cli.command()
@click.argument(
    "path",
    required=False,
    type=click.Path(exists=True, file_okay=False, path_type=Path),
)
@click.option(
    "--json",
    "json_file",
    metavar="FILE",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Also write the whole report as json.",
)
@click.option("--example", metavar="NAME", help="Replay this example only.")
@click.option("--fail-fast", is_flag=True, help="Stop at the first failure.")
@click.option("--no-progress", is_flag=True, help="Show no progress bar.")
@click.pass_context
def verify(
    context: click.Context,
    path: Path | None,
    json_file: Path | None,
    example: str | None,
    fail_fast: bool,
    no_progress: bool,
) -> None:
    """Replay stored legacy output and compare it to the bit.

    PATH is a folder of recordings; by default the one that travels with
    this package. Prints one table and a summary.

    \b
    Exit code:
      0  everything is equal
      1  something differs
      2  wrong usage
      3  nothing was compared, or a file is missing, altered or refused

    \b
    Examples:
      tfmpe verify
      tfmpe verify --example seir --fail-fast
      tfmpe verify my_recordings --json report.json
    """  # noqa: D301 - click wants the backspace itself
    from rich.console import Console

    from tfmpe.migrate.errors import UnknownExampleError
    from tfmpe.migrate.table import print_report
    from tfmpe.migrate.verify import verify as run

    _check_folder(json_file, "--json")
    try:
        with _progress(wanted=not no_progress) as progress:
            report = run(
                path, example=example, fail_fast=fail_fast, progress=progress
            )
    except UnknownExampleError as error:
        raise click.BadParameter(str(error), param_hint="--example") from None
    print_report(report, Console(highlight=False))
    if json_file is not None:
        _write(json_file, report.to_json().encode(), "--json")
    context.exit(report.exit_code)


def _check_folder(file: Path | None, option: str) -> None:
    """Refuse a file in no folder, before minutes are spent."""
    if file is not None and not file.absolute().parent.is_dir():
        raise click.BadParameter(
            f"the folder {str(file.parent)!r} does not exist",
            param_hint=option,
        )


def _write(file: Path, content: bytes, option: str) -> None:
    from tfmpe.preprocessing._atomic import write_atomically

    try:
        write_atomically(file, content)
    except OSError as error:
        # Not click.FileError: its exit code, 1, means differences here.
        raise click.BadParameter(
            f"{str(file)!r} cannot be written ({error.strerror})",
            param_hint=option,
        ) from None


@contextmanager
def _progress(wanted: bool) -> "Iterator[Progress | None]":
    """Give a callback that moves a progress bar on stderr, or None."""
    if not wanted or not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn

    with Progress(
        BarColumn(),
        TextColumn("{task.percentage:>3.0f}% {task.description}"),
        console=Console(stderr=True),
        transient=True,
    ) as bar:
        task = bar.add_task("reading", total=1.0)
        yield lambda share, label: bar.update(
            task, completed=share, description=label
        )


@cli.command()
@click.option(
    "--example",
    type=click.Choice(_EXAMPLES),
    help="Draw this example only.",
)
@click.option(
    "--out",
    metavar="DIR",
    type=click.Path(file_okay=False, path_type=Path),
    help="Also draw PNG files into this folder (needs matplotlib).",
)
def draw(example: str | None, out: Path | None) -> None:
    """Draw the attention masks of the three examples as text.

    A row attends to the columns marked `#`. With --out they are drawn as
    PNG files as well, where matplotlib is installed.

    \b
    Examples:
      tfmpe draw
      tfmpe draw --example seir --out masks
    """  # noqa: D301 - click wants the backspace itself
    from tfmpe.migrate.examples import EXAMPLES
    from tfmpe.preprocessing import draw_mask

    names = _EXAMPLES if example is None else (example,)
    for name in names:
        click.echo(f"{name}: self-attention\n")
        click.echo(draw_mask(EXAMPLES[name]()))
        click.echo()
    if out is None:
        return
    if importlib.util.find_spec("matplotlib") is None:
        click.echo(
            "no PNG files: matplotlib is not installed "
            '(pip install "tfmpe[plot]")',
            err=True,
        )
        return
    try:
        out.mkdir(parents=True, exist_ok=True)
        for name in names:
            click.echo(_plot(name, out / f"{name}.png"))
    except OSError as error:
        raise click.BadParameter(
            f"{str(out)!r} cannot be written ({error.strerror})",
            param_hint="--out",
        ) from None


@cli.command(context_settings={"ignore_unknown_options": True})
@click.option(
    "--example",
    type=click.Choice(_SCRIPTS),
    default=_SCRIPTS[0],
    show_default=True,
    help="Which model.",
)
@click.option(
    "--legacy",
    is_flag=True,
    help="Run it as written for the legacy package, through tfmpe.compat.",
)
@click.option(
    "--out",
    metavar="DIR",
    type=click.Path(file_okay=False),
    default="demo-output",
    show_default=True,
    help="Folder for the picture.",
)
@click.argument("options", nargs=-1, type=click.UNPROCESSED)
@click.pass_context
def demo(
    context: click.Context,
    example: str,
    legacy: bool,
    out: str,
    options: tuple[str, ...],
) -> None:
    """Simulate a model, train an estimator, and draw what it found.

    OPTIONS go to the example's script, such as --seed 1 or --n-epochs 10.
    Needs the extras flow and plot.

    \b
    Examples:
      tfmpe demo
      tfmpe demo --example eight_schools --seed 1
      tfmpe demo --example seir --legacy
    """  # noqa: D301 - click wants the backspace itself
    from tfmpe.migrate.scripts import run_example

    missing = [
        name
        for name in ("flax", "optax", "diffrax", "matplotlib")
        if importlib.util.find_spec(name) is None
    ]
    if missing:
        raise click.UsageError(
            f"the examples need {', '.join(missing)}: "
            'pip install "tfmpe[flow,plot]"'
        )
    try:
        code = run_example(
            example, legacy=legacy, arguments=("--out", out, *options)
        )
    except FileNotFoundError as error:
        raise click.BadParameter(str(error), param_hint="--legacy") from None
    context.exit(code)


@cli.command()
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
        _check_folder(file, option)
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
    from tfmpe.migrate.bench.oracle import OracleError
    from tfmpe.migrate.bench.run import Options, UnknownCaseError
    from tfmpe.migrate.bench.run import bench as run
    from tfmpe.migrate.bench.table import as_lines, as_markdown
    from tfmpe.migrate.errors import RecordingError

    try:
        with _progress(wanted=not no_progress) as progress:
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
        _write(json_file, report.to_json().encode(), "--json")
    if page is not None:
        shown = None if picture is None else picture.name
        _write(page, as_markdown(report, shown).encode(), "--markdown")
    if picture is not None:
        from tfmpe.migrate.bench.picture import as_png

        _write(picture, as_png(report), "--plot")
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


def _plot(name: str, file: Path) -> Path:
    from matplotlib.figure import Figure

    from tfmpe.migrate.examples import EXAMPLES
    from tfmpe.preprocessing import plot_mask

    # A figure of its own, not pyplot's: no window, whatever the backend.
    figure = Figure(figsize=(7, 5), layout="constrained")
    axes = figure.add_subplot()
    plot_mask(EXAMPLES[name](), ax=axes)
    axes.set_title(f"{name}: self-attention")
    figure.savefig(file, dpi=150)
    return file
