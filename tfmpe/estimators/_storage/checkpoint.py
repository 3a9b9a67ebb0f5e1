"""Checkpoints of a training, on disk."""

import os
import tempfile
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

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
    """State of a training: everything that it needs to continue exactly.

    Attributes
    ----------
    state
        After the last finished epoch.
    best
        The parameters with the lowest validation loss so far.
    waited
        Epochs since the validation loss was lowest.
    others
        Arrays of the field besides parameters; training does not change them.
    """

    state: TrainingState
    best: Arrays
    history: TrainingHistory
    waited: int
    others: Arrays


def check_writable(folder: str | os.PathLike[str]) -> None:
    """Create the folder of a checkpoint, and write into it.

    It is better to fail here than after some epochs.
    """
    if not isinstance(folder, (str, os.PathLike)):
        raise TypeError(
            f"checkpoint is {folder!r}, expected the path of a folder."
        )
    if not os.fspath(folder):
        raise ValueError(
            f"checkpoint is {folder!r}, expected the path of a folder; '.' is "
            "the current folder."
        )
    file = Path(folder) / _FILE
    Path(folder).mkdir(parents=True, exist_ok=True)
    if file.is_dir():
        raise IsADirectoryError(
            f"{file} is a folder, but a checkpoint is a file of this name. "
            "Remove it, or use another folder."
        )
    with tempfile.TemporaryFile(dir=folder):
        pass


def save_checkpoint(
    folder: str | os.PathLike[str],
    progress: Progress,
    standardizer: Standardizer | None,
    settings: dict[str, Any],
) -> None:
    """Write a checkpoint, in place of the last one."""
    Path(folder).mkdir(parents=True, exist_ok=True)
    history = progress.history
    write_state(
        Path(folder) / _FILE,
        _KIND,
        _arrays(progress, standardizer),
        {
            "settings": settings,
            "waited": progress.waited,
            "training": history.training,
            "validation": history.validation,
            "best_epoch": history.best_epoch,
            "stopped_early": history.stopped_early,
        },
    )


def load_checkpoint(
    folder: str | os.PathLike[str],
    fresh: Progress,
    standardizer: Standardizer | None,
    settings: dict[str, Any],
) -> tuple[Progress, Standardizer | None] | None:
    """Return stored progress and standardizer, or None without a file.

    ``fresh`` is the progress of a training that begins: its structure and
    shapes are those of the stored one.
    """
    path = Path(folder) / _FILE
    if not path.exists():
        return None
    arrays, description = read_state(path, _KIND)
    found = description["settings"]
    differing = [
        f"{name} was {found.get(name)!r} and is {settings[name]!r}"
        for name in settings
        if name != "data" and found.get(name) != settings[name]
    ]
    differing += [
        f"it had other {what}"
        for what, ours in settings["data"].items()
        if not alike(found["data"].get(what, ours), ours)
    ]
    if differing:
        raise ValueError(
            f"{path} comes from another training: {'; '.join(differing)}. "
            "Continue with the same settings and data, or use an empty folder."
        )
    moments = refill(standardizer, "standardiser", arrays)
    history = TrainingHistory(
        description["training"],
        description["validation"],
        description["best_epoch"],
        description["stopped_early"],
    )
    state = TrainingState(
        refill(fresh.state.parameters, "parameters", arrays),
        refill(fresh.state.optimizer, "optimiser", arrays),
    )
    best = refill(fresh.best, "best", arrays)
    others = refill(fresh.others, "others", arrays)
    return Progress(
        state, best, history, description["waited"], others
    ), moments


def key_words(key: object) -> list[int]:
    """Return a PRNG key as numbers for JSON."""
    if not isinstance(key, (jax.Array, np.ndarray)):
        raise TypeError(
            f"key is {key!r}, expected a PRNG key: pass key=jax.random.key(0)."
        )
    if jnp.issubdtype(key.dtype, jax.dtypes.prng_key):
        key = jax.random.key_data(key)
    return [int(word) for word in key.reshape(-1)]


def _arrays(
    progress: Progress, standardizer: Standardizer | None
) -> dict[str, AnyArray]:
    return {
        **name_leaves(progress.state.parameters, "parameters"),
        **name_leaves(progress.state.optimizer, "optimiser"),
        **name_leaves(progress.best, "best"),
        **name_leaves(progress.others, "others"),
        **name_leaves(standardizer, "standardiser"),
    }
