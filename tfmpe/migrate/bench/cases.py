"""Table of all benchmark cases, in the order of measurement."""

from dataclasses import replace

from . import flow_tasks, token_tasks
from .task import Case

_ALL, _FEW = (1, 10, 50, 100, 200, 500), (1, 10, 20, 50, 100, 200)
_MASKS, _LOCAL, _MANY = (*_ALL, 1_250), (10, 50, 100), (1_000, 10_000)
_FLAT = ("flatten_structured",)
_INDEX = (*_FLAT, "_flatten_index")
_JOIN = (*_FLAT, "combine_data")
_SPLIT = (*_JOIN, "split_data")
_DECODE = (*_FLAT, "decode_theta")
_STEP = (*_FLAT, "_make_attention_masks")

_FIELDS = ("samples", "sites", "further", "recorded", "pair_bytes", "slow")
# Bytes per pair of tokens: float masks of each simulation if data are joined,
# scores of four heads in several layers for attention.
# fmt: off
_DATA = {
    "flatten":         (1_000, _ALL, _MANY, _FLAT, 40, False),
    "flatten-all":     (1_000, _ALL, (), _INDEX, 40, False),
    "flatten-jit":     (1_000, _ALL, (), _INDEX, 40, False),
    "masks":           (1, _MASKS, (), _FLAT, 20, False),
    "join":            (1_000, _FEW, (), _JOIN, 45_000, False),
    "join-jit":        (100, _FEW, (), _JOIN, 2_000, False),
    "join-ragged":     (200, _FEW, (), _JOIN, 9_000, False),
    "join-ragged-jit": (100, _FEW, (), _JOIN, 2_000, False),
    "shuffle":         (1_000, _FEW, (1_000,), _JOIN, 38_000, False),
    "shuffle-jit":     (100, _FEW, _MANY, _JOIN, 2_500, False),
    "round":           (1_000, _FEW[:-1], (), _SPLIT, 55_000, True),
    "view":            (1_000, _ALL, (), _FLAT, 40, False),
    "exchange":        (1_000, _ALL, (), _FLAT, 40, False),
    "exchange-jit":    (1_000, _ALL, (), _FLAT, 40, False),
    "change":          (1_000, _ALL, _MANY, _FLAT, 40, False),
    "change-jit":      (1_000, _ALL, (), _FLAT, 40, False),
    "decode":          (1_000, _ALL, _MANY, _DECODE, 40, False),
    "decode-host":     (1_000, _ALL, _MANY, _DECODE, 40, False),
    "decode-jit":      (1_000, _ALL, (), _DECODE, 40, False),
    "nine-arguments":  (100, _ALL[:-1], (), _FLAT, 40, True),
    "draws":           (100, _ALL[:3], (200,), _FLAT, 40, True),
    "training-step":   (16, _ALL[:4], (500,), _STEP, 600, True),
    "plan":            (1, _MASKS, (10_000,), _FLAT, 20, False),
    "attention":       (1, (*_ALL[:4], 500), _MANY, _FLAT, 100, False),
    "attention-grad":  (1, (*_ALL[:3], 125), _MANY, _FLAT, 100, False),
    "training-local":  (4, _LOCAL, (500, *_MANY), _FLAT, 400, True),
    "draws-local":     (4, _LOCAL, (500, *_MANY), _FLAT, 400, True),
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
