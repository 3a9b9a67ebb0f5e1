"""Finished stages of a bottom-up training run on disk."""

import hashlib
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from tfmpe._base.atomic import write_atomically
from tfmpe._base.sealed_json import naming, seal, unseal
from tfmpe._base.trees import flatten_tree
from tfmpe.estimators._bottom_up.truncation import Box
from tfmpe.estimators._network_estimator import NetworkEstimator
from tfmpe.estimators._storage.checkpoint import check_same, check_writable
from tfmpe.estimators._storage.estimator_file import load_estimator
from tfmpe.estimators._types import ArrayTree
from tfmpe.preprocessing import Tokens

_RUN = "tfmpe.bottom_up"
_VERSION = 1

Drawn = tuple[Tokens, float]
"""Tokens, and the fraction of prior draws that were kept for them."""


class Folder:
    """Storage of stages; without a path, every stage is computed.

    Every file is written completely or not at all, and a stage counts as
    finished when its last file exists.
    """

    def __init__(self, path: str | os.PathLike[str] | None) -> None:
        if path is not None:
            check_writable(path)
        self._path = None if path is None else Path(path)

    def begin(self, settings: dict[str, Any]) -> None:
        """Write settings, or compare them with the stored ones."""
        if self._path is not None:
            settings = json.loads(json.dumps(settings))
            path = self._path / "settings.json"
            found = _record(path, _RUN, lambda: settings)
            check_same(self._path, found, settings)

    def pin(self, name: str, estimator: NetworkEstimator) -> None:
        """Store an untrained estimator, or restore the stored one.

        A resumed run then starts from the same parameters.
        """
        if self._path is None:
            return
        path = self._path / f"{name}.safetensors"
        if not path.exists():
            estimator.save(path)
            return
        field, standardizer, *_ = load_estimator(
            path,
            estimator.vector_field,
            estimator._bijectors,
            kind=estimator._kind,
        )
        estimator.vector_field, estimator.standardizer = field, standardizer

    def checkpoint(self, number: int, name: str) -> Path | None:
        """Return the folder for checkpoints of a fit."""
        return None if self._path is None else self._round(number) / name

    def holds_simulations(self) -> bool:
        """Return whether the simulations of the first round are stored."""
        path = "round-1/simulations.safetensors"
        return self._path is not None and (self._path / path).exists()

    def tokens(
        self, number: int, name: str, compute: Callable[[], Drawn]
    ) -> Drawn:
        """Return stored Tokens, or compute and store them."""
        if self._path is None:
            return compute()
        path = self._round(number) / f"{name}.safetensors"
        stored = path.exists()
        tokens, acceptance = (Tokens.load(path), None) if stored else compute()
        record = _record(
            path.with_suffix(".json"),
            f"{_RUN}.draws",
            lambda: {"acceptance": acceptance},
        )
        if not stored:
            tokens.save(path)
        return tokens, record["acceptance"]

    def box(self, number: int, compute: Callable[[], Box]) -> Box:
        """Return a stored box, or compute and store it."""
        if self._path is None:
            return compute()
        path = self._round(number) / "box.json"
        record = _record(
            path,
            f"{_RUN}.box",
            lambda: {
                side: [[name, ends.tolist()] for name, ends in bounds.items()]
                for side, bounds in vars(compute()).items()
            },
        )
        return Box(
            **{
                side: {name: np.asarray(ends) for name, ends in bounds}
                for side, bounds in record.items()
            }
        )

    def _round(self, number: int) -> Path:
        assert self._path is not None
        path = self._path / f"round-{number + 1}"
        path.mkdir(exist_ok=True)
        return path


def fingerprint(tree: ArrayTree | None) -> str | None:
    """Return a checksum of the names, shapes and values of a tree."""
    if tree is None:
        return None
    digest = hashlib.sha256()
    for leaf in flatten_tree(tree, "tree"):
        array = np.ascontiguousarray(np.asarray(leaf.value, float))
        digest.update(f"{leaf.name} {np.shape(leaf.value)} ".encode())
        digest.update(array.tobytes())
    return digest.hexdigest()


def _record(
    path: Path, kind: str, compute: Callable[[], dict[str, Any]]
) -> dict[str, Any]:
    """Return a stored record, or compute and store it."""
    if path.exists():
        with naming(path):
            return unseal(path.read_text("ascii"), kind, _VERSION)
    content = compute()
    write_atomically(path, seal(kind, _VERSION, content).encode("ascii"))
    return content
