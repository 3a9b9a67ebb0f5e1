"""Checkpoints of a training run on disk."""

import os
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple

from tfmpe.estimators._storage.state_file import (
    name_leaves,
    read_state,
    refill,
    write_state,
)
from tfmpe.estimators._storage.summary import alike
from tfmpe.estimators._training.history import TrainingHistory
from tfmpe.estimators._training.steps import TrainingState
from tfmpe.estimators._types import AnyArray, Arrays
from tfmpe.preprocessing import Standardizer

_KIND = "tfmpe.checkpoint"
_FILE = "checkpoint.safetensors"


class Progress(NamedTuple):
    """State of a training run: everything that it needs to continue exactly.

    ``best`` are the parameters with the lowest validation loss, ``waited``
    epochs ago. ``others`` are arrays of the field that are not trained.
    """

    state: TrainingState
    best: Arrays
    history: TrainingHistory
    waited: int
    others: Arrays


def check_writable(folder: str | os.PathLike[str]) -> None:
    """Create the folder of a checkpoint, and check that it is writable.

    Otherwise, training would fail only after some epochs.
    """
    if not os.fspath(folder):
        raise ValueError(
            f"checkpoint is {folder!r}, expected the path of a folder; '.' is "
            "the current one."
        )
    Path(folder).mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryFile(dir=folder):
        pass


def save_checkpoint(
    folder: str | os.PathLike[str],
    progress: Progress,
    standardizer: Standardizer | None,
    settings: dict[str, Any],
) -> None:
    """Write a checkpoint in place of the previous one."""
    Path(folder).mkdir(parents=True, exist_ok=True)
    arrays: dict[str, AnyArray] = {}
    for prefix, tree in _trees(progress, standardizer).items():
        arrays |= name_leaves(tree, prefix)
    description = {"settings": settings, "waited": progress.waited}
    description |= vars(progress.history)
    write_state(Path(folder) / _FILE, _KIND, arrays, description)


def load_checkpoint(
    folder: str | os.PathLike[str],
    fresh: Progress,
    standardizer: Standardizer | None,
    settings: dict[str, Any],
) -> tuple[Progress, Standardizer | None] | None:
    """Return the stored progress and standardizer; None if there is no file.

    ``fresh`` is the progress before the first epoch; the stored progress has
    the same structure and shapes.
    """
    path = Path(folder) / _FILE
    if not path.exists():
        return None
    arrays, description = read_state(path, _KIND)
    found = description.pop("settings")
    # Older checkpoints have no summaries, so data are not compared.
    before, data = found.pop("data", {}), settings["data"]
    others = [
        f"the {what} differ"
        for what, summary in data.items()
        if not alike(before.get(what, summary), summary)
    ]
    check_same(path, found, {**settings, "data": None}, others)
    parameters, optimizer, best, rest, moments = (
        refill(tree, prefix, arrays)
        for prefix, tree in _trees(fresh, standardizer).items()
    )
    state = TrainingState(parameters, optimizer)
    waited = description.pop("waited")
    history = TrainingHistory(**description)
    return Progress(state, best, history, waited, rest), moments


def check_same(
    path: Path,
    found: dict[str, Any],
    settings: dict[str, Any],
    others: Iterable[str] = (),
) -> None:
    """Check that stored settings equal those of this training run."""
    differing = [
        f"{name} was {found.get(name)!r} and is {value!r}"
        for name, value in settings.items()
        if found.get(name) != value
    ]
    differing += others
    if differing:
        raise ValueError(
            f"{path} comes from another training run: "
            f"{'; '.join(differing)}. "
            "Continue with the same settings and data, or use an empty folder."
        )


def _trees(
    progress: Progress, standardizer: Standardizer | None
) -> dict[str, Arrays]:
    """Return all arrays of a training run by the prefix of their names."""
    return {
        "parameters": progress.state.parameters,
        "optimiser": progress.state.optimizer,
        "best": progress.best,
        "others": progress.others,
        "standardiser": standardizer,
    }
