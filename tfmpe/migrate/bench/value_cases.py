"""Changing the values of a key, and decoding: a training loop does it often.

A legacy script changes values by calling ``flatten_structured`` once more.
"""

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from tfmpe import compat

from .agreement import (
    check_same_leaves,
    check_same_tree,
    check_tokens_say,
)
from .cases import Call, case, jitted
from .flatten_cases import MANY_SITES, SITES, mask_bytes, value_bytes
from .join_cases import as_tokens, legacy_flat
from .legacy import Legacy
from .models import RULES, Model, Size, seir


def _needs(size: Size) -> int:
    return 32 * value_bytes(size) + 4 * mask_bytes(size)


def _check_changed(side: str, result: Any, old: Any, size: Size) -> None:
    if old is None:
        expected = {**seir(size).both, "obs": seir(size, 1).y["obs"]}
        check_same_tree(expected, result.decode())
    elif side == "new":
        check_tokens_say(old, result)
    else:
        check_same_leaves(old, result)


def _with_obs(model: Model, obs: Any) -> dict[str, Any]:
    return {"theta": model.theta, "y": {**model.y, "obs": obs}}


@case(
    "change",
    "the values of one key",
    sides=("old", "new", "bridge"),
    check=_check_changed,
    first_calls=True,
    n_samples=1_000,
    sites=SITES,
    further_sites=MANY_SITES,
    recorded=("flatten_structured",),
    old_needs=_needs,
    new_needs=lambda size: 8 * value_bytes(size),
)
def _override(side: str, size: Size, legacy: Legacy) -> Call:
    model, obs = seir(size), seir(size, 1).y["obs"]
    if side == "new":
        tokens = as_tokens(size, 0)
        return Call(lambda: tokens.with_values(obs=obs))
    flatten = legacy.flatten_structured
    if side == "bridge":
        flatten = compat.flatten_structured
    return Call(
        lambda: flatten(
            _with_obs(model, obs), index=model.inputs, independence=RULES
        )[0]
    )


@case(
    "change-jit",
    "the same, compiled as a whole",
    sides=("old", "new"),
    check=_check_changed,
    n_samples=1_000,
    sites=SITES,
    recorded=("flatten_structured",),
    mode="jitted",
    old_needs=_needs,
)
def _override_compiled(side: str, size: Size, legacy: Legacy) -> Call:
    obs = seir(size, 1).y["obs"]
    if side == "new":
        return jitted(
            lambda tokens, value: tokens.with_values(obs=value),
            as_tokens(size, 0),
            obs,
        )
    return jitted(
        lambda model, value: legacy.flatten_structured(
            _with_obs(model.in_order, value),
            index=model.inputs,
            independence=RULES,
        )[0],
        seir(size),
        obs,
    )


def _check_decoded(side: str, result: Any, old: Any, size: Size) -> None:
    check_same_tree(seir(size).both if old is None else old, result)


def _check_leaves(side: str, result: Any, old: Any, size: Size) -> None:
    check_same_leaves(old, result)


def _both_sides(
    decode: Any, theta: Any, y: Any, slices: Any, n_samples: int
) -> dict[str, Any]:
    return {
        **decode(theta, slices["theta"], (n_samples,)),
        **decode(y, slices["y"], (n_samples,)),
    }


def _decoding(
    convert: Callable[[Any], Any], side: str, size: Size, legacy: Legacy
) -> Call:
    if side == "new":
        tokens = as_tokens(size, 0)
        flat = convert(tokens.data)
        return Call(lambda: tokens.decode(flat))
    data = legacy_flat(legacy.flatten_structured, size, 0)["data"]
    theta, y = convert(data["theta"]), convert(data["y"])
    slices = legacy.flatten_structured(seir(size).sides)[1]
    decode = legacy.decode_theta
    if side == "bridge":
        decode = compat.decode_theta
    return Call(lambda: _both_sides(decode, theta, y, slices, size.n_samples))


for _name, _about, _convert in (
    ("decode", "arrays of jax", lambda x: x),
    ("decode-host", "arrays of NumPy", np.asarray),
):
    case(
        _name,
        _about,
        sides=("old", "new", "bridge"),
        check=_check_decoded,
        first_calls=_convert is not np.asarray,
        n_samples=1_000,
        sites=SITES,
        further_sites=MANY_SITES,
        recorded=("flatten_structured", "decode_theta"),
        old_needs=_needs,
        new_needs=lambda size: 8 * value_bytes(size),
    )(partial(_decoding, _convert))


@case(
    "decode-jit",
    "the same, compiled as a whole",
    sides=("old", "new"),
    check=_check_leaves,
    n_samples=1_000,
    sites=SITES,
    recorded=("flatten_structured", "decode_theta"),
    mode="jitted",
    old_needs=_needs,
)
def _decode_compiled(side: str, size: Size, legacy: Legacy) -> Call:
    if side == "new":
        tokens = as_tokens(size, 0)
        return jitted(tokens.decode, tokens.data)
    slices = legacy.flatten_structured(seir(size).sides)[1]
    data = legacy_flat(legacy.flatten_structured, size, 0)["data"]
    return jitted(
        lambda theta, y: _both_sides(
            legacy.decode_theta, theta, y, slices, size.n_samples
        ),
        data["theta"],
        data["y"],
    )
