"""Command `tfmpe draw`: attention masks of the examples."""

from pathlib import Path

import click

from .common import require, writing

EXAMPLES = ("hierarchical_gaussian", "hierarchical_brownian", "seir")


@click.command()
@click.option(
    "--example", type=click.Choice(EXAMPLES), help="Draw this example only."
)
@click.option(
    "--out",
    metavar="DIR",
    type=click.Path(file_okay=False, path_type=Path),
    help="Also draw PNG files into this folder (needs matplotlib).",
)
def draw(example: str | None, out: Path | None) -> None:
    """Draw the attention masks of the three examples as text.

    The token of a row may attend to the columns marked `#`. With --out the
    masks are also drawn as PNG files (needs matplotlib).

    \b
    Examples:
      tfmpe draw --example seir --out masks
    """  # noqa: D301 - click wants the backspace itself
    from tfmpe.examples.models import EXAMPLES as MODELS
    from tfmpe.preprocessing import draw_mask, plot_mask

    if out is not None:
        require("matplotlib", extras="plot")
    names = EXAMPLES if example is None else (example,)
    for name in names:
        click.echo(f"{name}: self-attention\n")
        click.echo(draw_mask(MODELS[name]()))
        click.echo()
    if out is None:
        return
    from matplotlib.figure import Figure

    with writing(out, "--out"):
        out.mkdir(parents=True, exist_ok=True)
        for name in names:
            # Not pyplot, which may open a window.
            figure = Figure(figsize=(7, 5), layout="constrained")
            axes = figure.add_subplot()
            plot_mask(MODELS[name](), ax=axes)
            axes.set_title(f"{name}: self-attention")
            figure.savefig(out / f"{name}.png", dpi=150)
            click.echo(out / f"{name}.png")
