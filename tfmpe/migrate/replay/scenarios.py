"""Replaying a scenario of format 2, and saying what was different.

Needs the extra `flow`.
"""

import contextlib
import io
import os
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import jax

from tfmpe.migrate.errors import one_line
from tfmpe.migrate.recordings.nodes import Abstract, Made, Reference
from tfmpe.migrate.recordings.scenarios import Scenario, Step

from .calls import Found, call
from .compare import compare
from .comparison import Comparison, Difference, Kind, Tolerance
from .names import AbsentError
from .objects import Objects
from .replay import compare_exceptions
from .silence import replaying
from .views import plain, seen
from .weights import held_by

__all__ = ["MissingPackageError", "replay_scenario"]

BRIDGE = "tfmpe.compat"


class MissingPackageError(ImportError):
    """A scenario needs a package that is not installed, or not usable."""


def replay_scenario(scenario: Scenario, prefix: str = BRIDGE) -> Comparison:
    """Make the objects of a scenario and take its steps, comparing each.

    Returns
    -------
    Comparison
        Of the weights that networks begin with, and of all steps up to the
        first that differs.

    Raises
    ------
    MissingPackageError
        If a package is not installed, or does not import here.

    Notes
    -----
    The process must have the recorded flags. Its working directory is
    another one during each step.
    """
    objects = Objects(prefix)
    found = Comparison()
    with replaying():
        try:
            for name, node in scenario.setup:
                objects.by_name[name] = objects.made(node)
            for number, step in enumerate(scenario.steps):
                place = f"then[{number - 1}]." if number else ""
                found += _take(step, objects, place)
                if not (found.identical or found.within_tolerance):
                    break
        except AbsentError as error:
            found += _one("absent", "output", "in the package", str(error))
        except ImportError as error:
            found += _missing(error, prefix)
        # Any exception is what making the objects came to.
        except Exception as error:
            found += _one("exception", "setup", "returned", _raised(error))
    return objects.first_weights + found


def _take(step: Step, objects: Objects, place: str) -> Comparison:
    """Take a step and compare all that came of it."""
    args, kwargs = objects.made(step.args), objects.made(step.kwargs)
    view_arg = objects.made(step.view_arg)

    def look(*args: Any, **kwargs: Any) -> Any:
        found = objects.target(step.target)
        if step.target[0] in "fo":
            found = found(*args, **kwargs)
        if step.keep is not None:
            objects.by_name[step.keep] = found
        return seen(step.view, found, view_arg, objects.by_name)

    with _apart() as files:
        found = call(look, args, kwargs)
    if isinstance(found.error, AbsentError | ImportError):
        raise found.error
    if found.error is not None or step.raises is not None:
        return _of_errors(step, found, place)
    compared = step.compared
    tolerance = None
    if compared.mode == "close":
        tolerance = Tolerance(compared.atol, compared.rtol, "as recorded")
    result = Comparison()
    for name, stored, now in (
        ("output", step.output, found.output),
        ("args_after", _after(step.args, step.args_after, objects), found.args),
        (
            "kwargs_after",
            _after(step.kwargs, step.kwargs_after, objects),
            found.kwargs,
        ),
        *(
            (f"after {name}", held, held_by(objects.by_name[name]))
            for name, held in step.after.items()
        ),
        ("files", list(step.files), files),
    ):
        if stored is _UNKNOWN:
            continue
        if compared.mode == "shape":
            stored = _shapes(stored)
        result += compare(stored, plain(now), place + name, tolerance)
    return result


def _of_errors(step: Step, found: Found, place: str) -> Comparison:
    names = {kind.__name__ for kind in type(found.error).__mro__}
    if step.raises is not None and step.raises.type in names:
        return Comparison()
    compared = compare_exceptions(step.raises, found.error)
    return replace(
        compared,
        differences=tuple(
            replace(each, path=f"{place}output")
            for each in compared.differences
        ),
    )


_UNKNOWN = object()


def _after(before: Any, recorded: Any, objects: Objects) -> Any:
    """Return what arguments must be after a call, as far as that is known."""
    if recorded is not None:
        return objects.made(recorded)
    made = any(
        isinstance(leaf, Made | Reference) for leaf in jax.tree.leaves(before)
    )
    return _UNKNOWN if made else objects.made(before)


def _shapes(tree: Any) -> Any:
    """Return a tree with only shape and data type of its JAX arrays."""
    if isinstance(tree, dict):
        return {key: _shapes(value) for key, value in tree.items()}
    if isinstance(tree, tuple | list):
        return type(tree)(_shapes(value) for value in tree)
    if isinstance(tree, jax.Array):
        return Abstract(tree.shape, tree.dtype.name)
    return tree


@contextlib.contextmanager
def _apart() -> Iterator[list[str]]:
    """Run in an empty folder and print nothing; give what was written."""
    files: list[str] = []
    here = Path.cwd()
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        try:
            with (
                contextlib.redirect_stdout(io.StringIO()),
                contextlib.redirect_stderr(io.StringIO()),
            ):
                yield files
        finally:
            files += sorted(os.listdir(folder))
            os.chdir(here)


def _missing(error: ImportError, prefix: str) -> Comparison:
    """Tell what is not installed from what the package does not have."""
    name = (error.name or "").partition(".")[0]
    if name == prefix.partition(".")[0]:
        return _one("absent", "output", "in the package", str(error))
    text = str(error)
    if isinstance(error, ModuleNotFoundError) and name:
        text = f"{name} is not installed"
    elif " needs " in text:
        # Whatever needs it, the reason is one.
        text = f"needs {text.partition(' needs ')[2]}"
    raise MissingPackageError(one_line(text, 200)) from error


def _one(kind: Kind, path: str, stored: str, found: str) -> Comparison:
    return Comparison((Difference(kind, path, stored, one_line(found, 200)),))


def _raised(error: Exception) -> str:
    return f"raised {type(error).__name__} ({error})"
