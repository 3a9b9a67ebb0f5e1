"""The table of all cases, in the order in which they are measured."""

from collections.abc import Callable
from dataclasses import replace

from . import flow_tasks, token_tasks
from .data import Size
from .old_side import POSTERIOR, SAMPLE
from .task import Case

__all__ = ["CASES"]


def _joined(times: int) -> Callable[[Size], int]:
    # Masks of every sample, data, labels, padding and inputs, twice.
    return lambda size: (
        times * 2 * size.n_samples * (4 * size.n_pairs + 13 * size.n_tokens)
    )


def _pairs(times: int) -> Callable[[Size], int]:
    return lambda size: times * size.n_samples * size.n_tokens**2


def _laid(size: Size) -> int:
    return 32 * size.value_bytes + 48 * size.n_pairs


_ALL, _FEW = (1, 10, 50, 100, 200, 500), (1, 10, 20, 50, 100, 200)
_MASKS, _LOCAL, _MANY = (*_ALL, 1_250), (10, 50, 100), (1_000, 10_000)
_FLAT = ("flatten_structured",)
_INDEX = (*_FLAT, "_flatten_index")
_JOIN = (*_FLAT, "combine_data")
_SPLIT = (*_JOIN, "split_data")
_DECODE = (*_FLAT, "decode_theta")
_STEP = (*_FLAT, "_make_attention_masks")
# Scores of four heads in two layers, several times for the backward pass.
_SCORES = _pairs(36)
_DENSE = _pairs(24 * flow_tasks.HEADS)

_FIELDS = ("samples", "sites", "further", "recorded", "old_needs", "slow")
# fmt: off
_DATA = {
    "flatten":         (1_000, _ALL, _MANY, _FLAT, _laid, False),
    "flatten-all":     (1_000, _ALL, (), _INDEX, _laid, False),
    "flatten-jit":     (1_000, _ALL, (), _INDEX, _laid, False),
    "masks":           (1, _MASKS, (), _FLAT, _pairs(20), False),
    "join":            (1_000, _FEW, (), _JOIN, _joined(7), False),
    "join-jit":        (100, _FEW, (), _JOIN, _joined(3), False),
    "join-ragged":     (200, _FEW, (), _JOIN, _joined(7), False),
    "join-ragged-jit": (100, _FEW, (), _JOIN, _joined(3), False),
    "shuffle":         (1_000, _FEW, (1_000,), _JOIN, _joined(6), False),
    "shuffle-jit":     (100, _FEW, _MANY, _JOIN, _joined(4), False),
    "round":           (1_000, _FEW[:-1], (), _SPLIT, _joined(9), True),
    "view":            (1_000, _ALL, (), _FLAT, _laid, False),
    "exchange":        (1_000, _ALL, (), _FLAT, _laid, False),
    "exchange-jit":    (1_000, _ALL, (), _FLAT, _laid, False),
    "change":          (1_000, _ALL, _MANY, _FLAT, _laid, False),
    "change-jit":      (1_000, _ALL, (), _FLAT, _laid, False),
    "decode":          (1_000, _ALL, _MANY, _DECODE, _laid, False),
    "decode-host":     (1_000, _ALL, _MANY, _DECODE, _laid, False),
    "decode-jit":      (1_000, _ALL, (), _DECODE, _laid, False),
    "nine-arguments":  (100, _ALL[:-1], (), (SAMPLE,), _laid, True),
    "draws":           (100, _ALL[:3], (200,), (POSTERIOR,), _laid, True),
    "training-step":   (16, _ALL[:4], (500,), _STEP, _SCORES, True),
    "plan":            (1, _MASKS, (10_000,), _FLAT, _pairs(20), False),
    "attention":       (1, (*_ALL[:4], 500), _MANY, _FLAT, _DENSE, False),
    "attention-grad":  (1, (*_ALL[:3], 125), _MANY, _FLAT, _DENSE, False),
    "training-local":  (4, _LOCAL, (500, *_MANY), _FLAT, _DENSE, True),
    "draws-local":     (4, _LOCAL, (500, *_MANY), _FLAT, _DENSE, True),
}
# fmt: on


def _case(name: str) -> Case:
    tasks = {**token_tasks.TASKS, **flow_tasks.TASKS}
    tasks["flatten-jit"] = tasks["flatten-all"]
    task = tasks.get(name) or tasks[name.removesuffix("-jit")]
    if name.endswith("-jit"):
        about = f"{task.about}, compiled as a whole"
        task = replace(task, about=about, jitted=True, bridge=None)
    return replace(task, **dict(zip(_FIELDS, _DATA[name], strict=True)))


CASES = {name: _case(name) for name in _DATA}
"""All cases by name; with ``-jit``, both sides are compiled as a whole."""
