"""Changing the values of a key, and decoding: a training loop does it often.

A legacy script changes values by calling ``flatten_structured`` once more.
"""

import numpy as np

import reference
from benchmarks.agreement import (
    assert_same_leaves,
    assert_same_tree,
    assert_tokens_say,
)
from benchmarks.cases import Call, case, jitted
from benchmarks.join_cases import as_tokens, legacy_flat
from benchmarks.models import RULES, Size, seir
from tfmpe import compat

SIZE = Size(50, 1_000)
FLATTEN = {
    "old": reference.flatten_structured,
    "bridge": compat.flatten_structured,
}
DECODE = {"old": reference.decode_theta, "bridge": compat.decode_theta}


def _same_changed(old, new):
    if isinstance(new, dict):
        assert_same_leaves(old, new)
    else:
        assert_tokens_say(old, new)


def _with_obs(model, obs):
    return {"theta": model.theta, "y": {**model.y, "obs": obs}}


@case(
    "change the values of one key",
    ("old", "new", "bridge"),
    _same_changed,
)
def _override(side, small):
    size = SIZE.shrunk() if small else SIZE
    model, obs = seir(size), seir(size, 1).y["obs"]
    if side == "new":
        tokens = as_tokens(size, 0)
        return Call(lambda: tokens.with_values(obs=obs))
    flatten = FLATTEN[side]
    return Call(
        lambda: flatten(
            _with_obs(model, obs), index=model.inputs, independence=RULES
        )[0]
    )


@case(
    "change the values of one key, jit.",
    ("old", "new"),
    _same_changed,
    mode="jitted",
)
def _override_compiled(side, small):
    size = SIZE.shrunk() if small else SIZE
    obs = seir(size, 1).y["obs"]
    if side == "new":
        return jitted(
            lambda tokens, value: tokens.with_values(obs=value),
            as_tokens(size, 0),
            obs,
        )
    return jitted(
        lambda model, value: reference.flatten_structured(
            _with_obs(model.in_order, value),
            index=model.inputs,
            independence=RULES,
        )[0],
        seir(size),
        obs,
    )


def _both_sides(decode, theta, y, slices, n_samples):
    return {
        **decode(theta, slices["theta"], (n_samples,)),
        **decode(y, slices["y"], (n_samples,)),
    }


def _decoding(convert):
    def prepare(side, small):
        size = SIZE.shrunk() if small else SIZE
        if side == "new":
            tokens = as_tokens(size, 0)
            flat = convert(tokens.data)
            return Call(lambda: tokens.decode(flat))
        data = legacy_flat(FLATTEN["old"], size, 0)["data"]
        theta, y = convert(data["theta"]), convert(data["y"])
        slices = FLATTEN["old"](seir(size).sides)[1]
        return Call(
            lambda: _both_sides(DECODE[side], theta, y, slices, size.n_samples)
        )

    return prepare


case("decode", ("old", "new", "bridge"), assert_same_tree)(
    _decoding(lambda x: x)
)
case("decode, NumPy arrays", ("old", "new", "bridge"), assert_same_tree)(
    _decoding(np.asarray)
)


@case(
    "decode, jitted",
    ("old", "new"),
    assert_same_leaves,
    mode="jitted",
)
def _decode_compiled(side, small):
    size = SIZE.shrunk() if small else SIZE
    if side == "new":
        tokens = as_tokens(size, 0)
        return jitted(tokens.decode, tokens.data)
    slices = FLATTEN["old"](seir(size).sides)[1]
    data = legacy_flat(FLATTEN["old"], size, 0)["data"]
    return jitted(
        lambda theta, y: _both_sides(
            DECODE["old"], theta, y, slices, size.n_samples
        ),
        data["theta"],
        data["y"],
    )
