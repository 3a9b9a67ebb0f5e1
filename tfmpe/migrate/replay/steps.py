"""Replay of format 2: objects are created, then steps run (extra `flow`)."""

import io
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any

import jax

from tfmpe.migrate.errors import one_line
from tfmpe.migrate.legacy_names import BRIDGE
from tfmpe.migrate.recordings.cases import Call, Case
from tfmpe.migrate.recordings.nodes import Abstract, Made

from .calls import absent, after_call, call, compare_exceptions, raised_text
from .compare import Comparison, Tolerance, compare, differing
from .names import AbsentError, MissingPackageError
from .objects import Objects
from .silence import replaying
from .trees import mapped
from .views import plain, seen
from .weights import held_by


def replay_steps(case: Case, prefix: str = BRIDGE) -> Comparison:
    """Create the objects of a case, run its steps, and compare each."""
    objects = Objects(prefix)
    found = Comparison()
    with replaying():
        try:
            for name, node in case.setup:
                objects.by_name[name] = objects.made(node)
            for number, step in enumerate((case, *case.then)):
                place = f"then[{number - 1}]." if number else ""
                found += _take(step, objects, place)
                if not found.agrees:
                    break
        except AbsentError as error:
            found += absent(str(error))
        except ImportError as error:
            found += _missing(error, prefix)
        # Any exception is a result of creating the objects.
        except Exception as error:
            text = raised_text(error)
            found += differing("exception", "setup", "returned", text)
    return objects.first_weights + found


def _take(step: Call, objects: Objects, place: str) -> Comparison:
    """Run a step and compare all its effects."""
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
        pair = step.raises, found.error
        return compare_exceptions(*pair, f"{place}output", of_subclass=True)
    compared, tolerance = step.compare, None
    if compared.mode == "close":
        tolerance = Tolerance(compared.atol, compared.rtol, "as recorded")
    pairs = [("output", step.output, found.output)]
    for name, expected, now in after_call(step, found):
        # The state of objects after a call is compared only if recorded.
        if not any(isinstance(x, Made) for x in jax.tree.leaves(expected)):
            pairs.append((name, objects.made(expected), now))
    for name, held in step.after.items():
        pairs.append((f"after {name}", held, held_by(objects.by_name[name])))
    pairs.append(("files", list(step.files), files))
    result = Comparison()
    for name, stored, now in pairs:
        if compared.mode == "shape":
            stored = mapped(_shape, stored)
        result += compare(stored, plain(now), place + name, tolerance)
    return result


def _shape(leaf: Any) -> Any:
    if isinstance(leaf, jax.Array):
        return Abstract(leaf.shape, leaf.dtype.name)
    return leaf


@contextmanager
def _apart() -> Iterator[list[str]]:
    """Run in an empty folder, print nothing, and list its files at the end."""
    files: list[str] = []
    here = Path.cwd()
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        try:
            nowhere = io.StringIO()
            with redirect_stdout(nowhere), redirect_stderr(nowhere):
                yield files
        finally:
            files += sorted(os.listdir(folder))
            os.chdir(here)


def _missing(error: ImportError, prefix: str) -> Comparison:
    """Distinguish missing packages from names missing from the package."""
    name = (error.name or "").partition(".")[0]
    if name == prefix.partition(".")[0]:
        return absent(str(error))
    text = str(error)
    if isinstance(error, ModuleNotFoundError) and name:
        text = f"{name} is not installed"
    elif " needs " in text:
        # The reason is the same, whichever function needs the package.
        text = f"needs {text.partition(' needs ')[2]}"
    raise MissingPackageError(one_line(text, 200)) from error
