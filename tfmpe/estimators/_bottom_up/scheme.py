"""Numbers and options of bottom-up training."""

import inspect
import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from tfmpe._base.errors import nearest, raise_faults
from tfmpe.estimators._arguments import positive_or_none
from tfmpe.estimators._british_names import american
from tfmpe.estimators._flow.ode import read_ode
from tfmpe.estimators._network_estimator import NetworkEstimator
from tfmpe.estimators._training.options import (
    FitOptions,
    check_for_tokens,
    read_options,
)
from tfmpe.estimators._types import ArrayTree

# Arguments of fit that train_bottom_up sets itself.
_OWN = (
    "self",
    "data",
    "target_keys",
    "conditioning_keys",
    "conditionals",
    "key",
    "progress",
    "checkpoint",
)
_SAMPLING = ("solver", "n_steps", "rtol", "atol", "max_steps", "batch_size")


class Scheme(NamedTuple):
    """Settings of bottom-up training; see :func:`train_bottom_up`."""

    n_rounds: int
    n_simulations: int
    n_synthetic: int
    n_draws: int
    margin: float
    min_acceptance: float
    truncate: tuple[str, ...] | None
    simulation_batch_size: int | None

    def check(self, observed: ArrayTree | None) -> None:
        """Check the settings; the error lists every fault."""
        faults = []
        if not 0 <= self.margin < math.inf:
            faults.append(f"margin is {self.margin}, expected 0 or more")
        if not 0 < self.min_acceptance <= 1:
            faults.append(
                f"min_acceptance is {self.min_acceptance}, expected above 0 "
                "and at most 1"
            )
        if self.n_rounds > 1 and observed is None:
            faults.append(
                f"n_rounds is {self.n_rounds}, but later rounds need an "
                "observation to focus on: pass it as observed"
            )
        raise_faults(ValueError, "Cannot train", faults)


class Options(NamedTuple):
    """Options of ``fit`` for both estimators, and of ``sample``."""

    likelihood: Mapping[str, Any]
    posterior: Mapping[str, Any]
    sample: Mapping[str, Any]


def read_fit(options: Mapping[str, Any]) -> dict[str, Any]:
    """Check options of fit before anything is simulated."""
    known = inspect.signature(NetworkEstimator.fit).parameters
    options = american(options, "train_bottom_up")
    given = _read(options, [name for name in known if name not in _OWN], "fit")
    defaults = {name: known[name].default for name in FitOptions._fields}
    check_for_tokens(read_options(**{**defaults, **given}))
    return given


def read_sample(options: Mapping[str, Any]) -> dict[str, Any]:
    """Check options of sample before anything is simulated."""
    given = _read(options, _SAMPLING, "sample")
    ode = {"max_steps": 1, **dict.fromkeys(_SAMPLING[:4]), **given}
    positive_or_none(ode.pop("batch_size", None), "batch_size")
    read_ode(**ode, default=("rk4", 1))
    return given


def _read(
    options: Mapping[str, Any], known: Sequence[str], what: str
) -> dict[str, Any]:
    raise_faults(
        TypeError,
        "Unknown arguments",
        [
            f"{name!r} is not an option of train_bottom_up or {what}. "
            f"{nearest(name, known)}".rstrip()
            for name in options
            if name not in known
        ],
    )
    return dict(options)
