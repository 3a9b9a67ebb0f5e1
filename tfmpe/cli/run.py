"""Command `tfmpe run`: a legacy script or notebook, run unchanged."""

from pathlib import Path

import click

from .common import ending, write_file
from .program import SETTINGS, check_legacy, program_arguments, read_program


@click.command(context_settings=SETTINGS)
@click.option(
    "--shadow",
    is_flag=True,
    help="Run on the legacy package, and repeat every call on the bridge.",
)
@click.option(
    "--legacy",
    metavar="MODULE",
    default="sfmpe",
    show_default=True,
    help="Module name by which the script imports the legacy package.",
)
@click.option(
    "--training/--no-training",
    default=True,
    show_default=True,
    help="With --shadow: whether to repeat training on the bridge.",
)
@click.option(
    "--save-cases",
    metavar="FOLDER",
    type=click.Path(path_type=Path),
    help="With --shadow: store calls that differ, for tfmpe verify.",
)
@click.option(
    "--exit-zero",
    is_flag=True,
    help="With --shadow: exit with code 0 even if results differ.",
)
@program_arguments
@click.pass_context
def run(
    context: click.Context,
    shadow: bool,
    legacy: str,
    training: bool,
    save_cases: Path | None,
    json_file: Path | None,
    quiet: bool,
    exit_zero: bool,
    is_module: bool,
    script: str,
    args: tuple[str, ...],
) -> None:
    """Run an unchanged legacy script or notebook on the bridge.

    SCRIPT is a Python file or a notebook, whose code cells are run in order.
    Lines that only IPython understands are skipped and listed at the end.

    Imports of the legacy package load tfmpe.compat instead, in this process
    only, even if the legacy package is installed. A summary on stderr lists
    the legacy calls by line, their replacements on Tokens, and the warnings.
    Under jit, a call is counted once per trace. TFMPE_COMPAT=error turns
    warnings into errors, and TFMPE_COMPAT_FIX=L18,L19 turns defects off.

    With --shadow the script runs on the installed legacy package and uses its
    results. Every outermost call is repeated on the bridge with a copy of the
    inputs, and results and the state of objects are compared. The script's
    random numbers are not affected. Functions of the script, such as a
    simulator, are called a second time. Calls under jit, vmap, grad or scan
    are compared after the run, using values in the compiled program. If a
    network's output differs, the first layer that differs is printed. Calls
    that cannot be compared are listed with the reason.

    \b
    Exit code:
      that of the script, or with --shadow, if that is 0:
      0  all comparisons agree within tolerances
      1  something differs
      2  invalid usage, or with --shadow no legacy package
      3  nothing was compared

    \b
    Examples:
      tfmpe run fit.py --n-epochs 10
      tfmpe run --json seen.json -m my_project.fit
      tfmpe run --shadow --save-cases differing posterior.ipynb
    """  # noqa: D301 - click wants the backspace itself
    from rich.console import Console

    from tfmpe.migrate.records.files import as_json
    from tfmpe.migrate.run import show

    program = read_program(script, args, is_module)
    console = Console(stderr=True, highlight=False)
    if shadow:
        from tfmpe.migrate.run.shadow import run_in_shadow

        check_legacy(program, legacy)
        if save_cases is not None and save_cases.exists():
            why = f"{str(save_cases)!r} exists; pass a new folder"
            raise click.BadParameter(why, param_hint="--save-cases")
        found = run_in_shadow(
            program, legacy=legacy, save_cases=save_cases, training=training
        )
        if not quiet:
            show.print_shadow(found, console)
        tolerated = exit_zero and not found.script_exit_code
        code = ending(found.exit_code, tolerated)
    else:
        from tfmpe.migrate.run.count import run_on_bridge

        _check_options(exit_zero or save_cases or not training)
        found = run_on_bridge(program, legacy=legacy)
        if not quiet:
            show.print_run(found, console)
        code = found.exit_code
    write_file(json_file, as_json(found), "--json")
    context.exit(code)


def _check_options(of_shadow: object) -> None:
    """Refuse options without effect, and invalid environment variables."""
    from tfmpe.compat.fixes import read_fixes
    from tfmpe.compat.legacy_warnings import read_mode

    if of_shadow:
        names = "--no-training, --save-cases and --exit-zero"
        raise click.UsageError(f"{names} require --shadow")
    try:
        read_mode()
        read_fixes()
    except ValueError as error:
        raise click.UsageError(str(error)) from None
