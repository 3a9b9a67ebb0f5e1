"""Command `tfmpe demo`: an example, trained and drawn."""

import click

from tfmpe.examples.scripts import SCRIPTS, run_example

from .common import require


@click.command(context_settings={"ignore_unknown_options": True})
@click.option(
    "--example",
    type=click.Choice(SCRIPTS),
    default=SCRIPTS[0],
    show_default=True,
    help="Which model.",
)
@click.option(
    "--legacy",
    is_flag=True,
    help="Run its version for the legacy package, through tfmpe.compat.",
)
@click.argument("options", nargs=-1, type=click.UNPROCESSED)
@click.pass_context
def demo(
    context: click.Context, example: str, legacy: bool, options: tuple[str, ...]
) -> None:
    """Simulate a model, train an estimator, and plot its posterior.

    OPTIONS are passed to the example's script, such as --seed 1,
    --n-epochs 10, or --out DIR for its pictures (default: demo-output). Needs
    the extras flow and plot.

    \b
    Examples:
      tfmpe demo --example eight_schools --seed 1
      tfmpe demo --example seir --legacy --quick
    """  # noqa: D301 - click wants the backspace itself
    require("flax", "optax", "diffrax", "matplotlib", extras="flow,plot")
    try:
        code = run_example(example, legacy=legacy, arguments=options)
    except FileNotFoundError as error:
        raise click.BadParameter(str(error), param_hint="--legacy") from None
    context.exit(code)
