"""A training that was interrupted, on disk."""

import os
import tempfile
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from tfmpe.estimators._storage.state_file import (
    name_leaves,
    read_state,
    refill,
    write_state,
)
from tfmpe.estimators._storage.summary import alike
from tfmpe.estimators._training.history import TrainingHistory
from tfmpe.estimators._training.steps import TrainingState

_KIND = "tfmpe.checkpoint"
_FILE = "checkpoint.safetensors"


class Progress(NamedTuple):
    """Where a training is: all that it needs to go on exactly.

    Attributes
    ----------
    state : TrainingState
        After the last finished epoch.
    best : tree of arrays
        The parameters with the lowest validation loss so far.
    history : TrainingHistory
    waited : int
        Epochs since the validation loss was lowest.
    others : tree of arrays
        What the field holds besides parameters; training does not change it.
    """

    state: TrainingState
    best: Any
    history: TrainingHistory
    waited: int
    others: Any


def check_writable(folder: str | os.PathLike[str]) -> None:
    """Make the folder of a checkpoint, and write into it.

    Raises
    ------
    OSError
        If either cannot be done: better now than after some epochs.
    TypeError, ValueError
        If it is not a path, or an empty one.
    """
    if not isinstance(folder, (str, os.PathLike)):
        raise TypeError(
            f"checkpoint is {folder!r}, expected the path of a folder."
        )
    if not os.fspath(folder):
        raise ValueError(
            f"checkpoint is {folder!r}, expected the path of a folder; '.' is "
            "the current one."
        )
    Path(folder).mkdir(parents=True, exist_ok=True)
    if (Path(folder) / _FILE).is_dir():
        raise IsADirectoryError(
            f"{Path(folder) / _FILE} is a folder, but a checkpoint is a file "
            "of this name. Remove it, or use another folder."
        )
    with tempfile.TemporaryFile(dir=folder):
        pass


def save_checkpoint(
    folder: str | os.PathLike[str],
    progress: Progress,
    standardizer: Any,
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
    standardizer: Any,
    settings: dict[str, Any],
) -> tuple[Progress, Any] | None:
    """Read a checkpoint, or return None if there is none.

    Parameters
    ----------
    folder : path
    fresh : Progress
        Of a training that begins: its structure and shapes.
    standardizer : Standardizer or None
        Likewise.
    settings : dict
        Those of this training.

    Returns
    -------
    progress, standardizer

    Raises
    ------
    ValueError
        If the checkpoint comes from a training with other settings or data.
    StorageError
        If it is damaged or of another architecture.
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
    # Older checkpoints have no summaries, and are continued.
    summaries = found.get("data", {})
    differing += [
        f"it had other {what}"
        for what, ours in settings["data"].items()
        if not alike(summaries.get(what, ours), ours)
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
    parameters = refill(fresh.state.parameters, "parameters", arrays)
    return (
        Progress(
            TrainingState(
                parameters,
                refill(fresh.state.optimizer, "optimiser", arrays),
            ),
            refill(fresh.best, "best", arrays),
            history,
            description["waited"],
            refill(fresh.others, "others", arrays),
        ),
        moments,
    )


def key_words(key: Any) -> list[int]:
    """Return a PRNG key as numbers that JSON holds."""
    if not hasattr(key, "dtype"):
        raise TypeError(
            f"key is {key!r}, expected a PRNG key: pass key=jax.random.key(0)."
        )
    if jnp.issubdtype(key.dtype, jax.dtypes.prng_key):
        key = jax.random.key_data(key)
    return [int(word) for word in key.reshape(-1)]


def _arrays(progress: Progress, standardizer: Any) -> dict[str, Any]:
    return {
        **name_leaves(progress.state.parameters, "parameters"),
        **name_leaves(progress.state.optimizer, "optimiser"),
        **name_leaves(progress.best, "best"),
        **name_leaves(progress.others, "others"),
        **name_leaves(standardizer, "standardiser"),
    }
