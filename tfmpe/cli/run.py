"""Command `tfmpe run`: a legacy script or notebook, run unchanged."""

from pathlib import Path

import click

from .common import ending, write_file
from .program import SETTINGS, check_legacy, program_arguments, read_program


@click.command(context_settings=SETTINGS)
@click.option(
    "--shadow",
    is_flag=True,
    help="Run on the legacy package, and make every call on the bridge too.",
)
@click.option(
    "--legacy",
    metavar="MODULE",
    default="sfmpe",
    show_default=True,
    help="What the script calls the legacy package.",
)
@click.option(
    "--training/--no-training",
    default=True,
    show_default=True,
    help="With --shadow: whether the bridge trains where the script trains.",
)
@click.option(
    "--save-cases",
    metavar="FOLDER",
    type=click.Path(path_type=Path),
    help="With --shadow: save calls that differ, for tfmpe verify.",
)
@click.option(
    "--exit-zero",
    is_flag=True,
    help="With --shadow: end in 0 where something differs.",
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
    """Run a legacy script or notebook as it is, on the bridge.

    SCRIPT is a Python file or a notebook: its code cells are run in order,
    without the lines that are for IPython only, which are listed at the end.

    Wherever SCRIPT imports the legacy package it gets tfmpe.compat, in this
    process only, even where the legacy package is installed. At the end, a
    summary on stderr: what was called from which line, what it becomes on
    Tokens, and the warnings. Under jit a call counts once for every trace.
    TFMPE_COMPAT=error makes an error of each warning, and
    TFMPE_COMPAT_FIX=L18,L19 turns defects off.

    With --shadow the script runs on the installed legacy package and gets its
    results. Every outermost call is made on the bridge as well, on a copy of
    the inputs, and everything is compared, also what objects hold afterwards.
    Random numbers of the script are never drawn from. Functions of the
    script, such as a simulator, are called once more. Calls under jit, vmap,
    grad or scan are compared after the run, by the values that went through
    the compiled program. Where a network differs, its first layer that does
    is named. What cannot be compared is listed, and why.

    \b
    Exit code:
      as the script's own, and with --shadow, where that is 0:
      0  every comparison was equal or within tolerance
      1  something differs
      2  wrong usage, or with --shadow no legacy package
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
            why = f"{str(save_cases)!r} exists; name a new folder"
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
    """Refuse what does nothing, and what the bridge would refuse later."""
    from tfmpe.compat.fixes import read_fixes
    from tfmpe.compat.legacy_warnings import read_mode

    if of_shadow:
        names = "--no-training, --save-cases and --exit-zero"
        raise click.UsageError(f"{names} work with --shadow only")
    try:
        read_mode()
        read_fixes()
    except ValueError as error:
        raise click.UsageError(str(error)) from None
