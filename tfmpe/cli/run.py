"""`tfmpe run`: a legacy script or notebook as it is."""

from pathlib import Path
from typing import Any

import click

from .common import check_folder, write_file
from .program import SETTINGS, check_legacy, program_arguments, read_program

__all__ = ["run"]

_SHADOW_ONLY = ("training", "save_cases")


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
    "--warnings",
    "mode",
    type=click.Choice(["ignore", "warn", "error"]),
    help="What becomes of warnings about legacy defects; without it what "
    "TFMPE_COMPAT says. Not with --shadow, which counts them.",
)
@click.option(
    "--fix",
    "fix",
    metavar="CODE",
    multiple=True,
    help="Turn a defect off, such as L19; may be given again. Not with "
    "--shadow.",
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
    json_file: Path | None,
    quiet: bool,
    exit_zero: bool,
    is_module: bool,
    script: str,
    args: tuple[str, ...],
    **options: Any,
) -> None:
    """Run a legacy script or notebook as it is, on the bridge.

    SCRIPT is a Python file or a notebook: its code cells are run in order,
    without the lines that are for IPython only, such as %matplotlib and !ls,
    which are listed at the end.

    Wherever SCRIPT imports the legacy package it gets tfmpe.compat, in this
    process only, even where the legacy package is installed. At the end, a
    summary on stderr: what was called from which line, what it becomes on
    Tokens, and the warnings. Under jit a call counts once for every trace.

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
      tfmpe run --warnings error -m my_project.fit
      tfmpe run --fix L19 --json seen.json posterior.ipynb
      tfmpe run --shadow --save-cases differing fit.py
    """  # noqa: D301 - click wants the backspace itself
    from rich.console import Console

    from tfmpe.migrate.records.files import as_json
    from tfmpe.migrate.run import show

    check_folder(json_file, "--json")
    program = read_program(script, args, is_module)
    _check_options(context, shadow)
    console = Console(stderr=True, highlight=False)
    if shadow:
        from tfmpe.migrate.run.shadow import run_in_shadow

        check_legacy(program, legacy)
        folder = options["save_cases"]
        if folder is not None and folder.exists():
            raise click.BadParameter(
                f"{str(folder)!r} exists; name a new folder",
                param_hint="--save-cases",
            )
        own = {name: options[name] for name in _SHADOW_ONLY}
        found = run_in_shadow(program, legacy=legacy, **own)
        if not quiet:
            show.print_shadow(found, console)
        code = found.exit_code
        if exit_zero and not found.script_exit_code and code == 1:
            code = 0
    else:
        from tfmpe.migrate.run.count import run_on_bridge

        _check_environment(options["mode"])
        own = {"mode": options["mode"], "fix": options["fix"]}
        try:
            found = run_on_bridge(program, legacy=legacy, **own)
        except ValueError as error:
            raise click.BadParameter(str(error), param_hint="--fix") from None
        if not quiet:
            show.print_run(found, console)
        code = found.exit_code
    if json_file is not None:
        write_file(json_file, as_json(found), "--json")
    context.exit(code)


def _check_options(context: click.Context, shadow: bool) -> None:
    """Refuse options that would do nothing."""
    from click.core import ParameterSource

    wrong = ("mode", "fix") if shadow else (*_SHADOW_ONLY, "exit_zero")
    for parameter in context.command.params:
        source = context.get_parameter_source(str(parameter.name))
        if source is ParameterSource.COMMANDLINE and parameter.name in wrong:
            only = "without" if shadow else "with"
            option = parameter.opts[0]
            raise click.UsageError(f"{option} works {only} --shadow only")


def _check_environment(mode: str | None) -> None:
    """Refuse at once what the bridge would refuse in the midst of a run."""
    from tfmpe.compat.fixes import read_fixes
    from tfmpe.compat.legacy_warnings import read_mode

    try:
        if mode is None:
            read_mode()
        read_fixes()
    except ValueError as error:
        raise click.UsageError(str(error)) from None
