"""Command `tfmpe check`: the verdict on a stored estimator."""

import importlib
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any
from zipfile import BadZipFile

import click

from .common import file_option, json_option, require, write_file

if TYPE_CHECKING:
    from tfmpe import Model

_BESIDE = ("functional_inputs", "groups")


@click.command()
@click.argument("estimator", type=click.Path(exists=True, path_type=Path))
@click.argument(
    "observed", type=click.Path(exists=True, dir_okay=False, path_type=Path)
)
@click.option(
    "--model",
    "model_name",
    metavar="MODULE:NAME",
    required=True,
    help="The tfmpe.Model of the estimator: an importable module, also in the "
    "current folder, and its name there.",
)
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True)
@click.option(
    "--simulations",
    type=click.IntRange(1),
    default=200,
    show_default=True,
    help="Number of simulations to draw for.",
)
@json_option
@file_option("--plot", "plot_file", help="Also plot a page of pictures.")
@click.option("--progress", is_flag=True, help="Show progress bars.")
@click.pass_context
def check(
    context: click.Context,
    estimator: Path,
    observed: Path,
    model_name: str,
    seed: int,
    simulations: int,
    json_file: Path | None,
    plot_file: Path | None,
    progress: bool,
) -> None:
    """Check a stored estimator at an observation; print one verdict.

    ESTIMATOR is a file that FlowMatchingEstimator.save wrote, or the folder of
    a HierarchicalEstimator, with networks of tfmpe.nn. OBSERVED is an .npz file
    with one array for each observed key, as numpy.savez writes it. Arrays named
    functional_inputs/KEY and groups/KEY/GROUP are the inputs and groups of the
    observation. Needs the extras flow and data.

    \b
    Exit code:
      0  no check found a fault
      1  a check found a fault
      2  invalid usage
      3  a file is damaged, or does not fit the model

    \b
    Example:
      tfmpe check posterior.safetensors observed.npz --model delays:model
    """  # noqa: D301 - click wants the backspace itself
    require("flax", "optax", "diffrax", "safetensors", extras="flow,data")
    if plot_file is not None:
        require("matplotlib", extras="plot")
    import jax

    from tfmpe.estimators import FlowMatchingEstimator, HierarchicalEstimator

    kind = (
        HierarchicalEstimator if estimator.is_dir() else FlowMatchingEstimator
    )
    model = _model(model_name)
    try:
        values = _arrays(observed)
        beside = {name: values.pop(name, None) for name in _BESIDE}
        verdict = kind.load(estimator, model=model).check(
            values,
            key=jax.random.key(seed),
            n_simulations=simulations,
            progress=progress,
            **beside,
        )
    except (ValueError, KeyError, TypeError, OSError) as error:
        click.echo(f"Error: {error}", err=True)
        context.exit(3)
    click.echo(verdict.summary())
    facts = json.dumps(verdict.facts(), indent=1) + "\n"
    write_file(json_file, facts.encode(), "--json")
    if plot_file is not None:
        from io import BytesIO

        picture = BytesIO()
        ending = plot_file.suffix.removeprefix(".") or "png"
        verdict.plot()[0].figure.savefig(picture, format=ending)
        write_file(plot_file, picture.getvalue(), "--plot")
    context.exit(0 if verdict.ok else 1)


def _arrays(path: Path) -> dict[str, Any]:
    """Return the arrays of an .npz file, nested by parts of their names.

    Only names that begin with ``functional_inputs/`` or ``groups/`` are split.
    """
    import numpy as np

    with path.open("rb") as file:
        try:
            found = np.load(file)
        except (ValueError, EOFError, BadZipFile):
            found = None
        if not isinstance(found, np.lib.npyio.NpzFile):
            raise ValueError(
                f"{path} is not an .npz file. Write it with numpy.savez, with "
                "one array for each observed key."
            )
        tree: dict[str, Any] = {}
        for name, array in found.items():
            nested = name.startswith(tuple(f"{each}/" for each in _BESIDE))
            *parts, last = name.split("/") if nested else [name]
            inner = tree
            for part in parts:
                inner = inner.setdefault(part, {})
            inner[last] = array
        return tree


def _model(name: str) -> "Model":
    """Return the model that ``MODULE:NAME`` names."""
    from tfmpe import Model

    module, _, attribute = name.partition(":")
    if not (module and attribute):
        raise click.BadParameter(
            f"{name!r} is not MODULE:NAME, such as delays:model",
            param_hint="--model",
        )
    if module.endswith(".py"):
        raise click.BadParameter(
            f"write {module.removesuffix('.py')}:{attribute}, without .py",
            param_hint="--model",
        )
    sys.path.insert(0, str(Path.cwd()))
    try:
        found: Any = getattr(importlib.import_module(module), attribute)
    except Exception as error:
        why = f"importing {name} failed: {type(error).__name__}: {error}"
        raise click.BadParameter(why, param_hint="--model") from None
    finally:
        sys.path.pop(0)
    if not isinstance(found, Model):
        why = (
            f"{name} is a {type(found).__name__}, expected a tfmpe.Model such "
            "as from_numpyro returns"
        )
        raise click.BadParameter(why, param_hint="--model")
    return found
