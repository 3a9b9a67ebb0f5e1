"""Benchmark tasks on data: flattening, joining, viewing, and decoding.

The old side and the bridge call the legacy functions of ``side``; the core uses
Tokens, and its ``side`` is None. To select or replace values, a legacy script
has to call ``flatten_structured`` again.
"""

from collections.abc import Callable
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from tfmpe.preprocessing import (
    Tokens,
    build_self_attention_mask,
    concatenate_tokens,
)

from . import agreement
from .agreement import read_masks, read_view, same_leaves, same_tokens
from .data import RULES, Model, Size, as_tokens, lay_out, seir
from .data import THETA_KEYS as THETA
from .data import Y_KEYS as Y
from .old_side import Legacy
from .task import Case, Check, Law, Work

Side = Legacy | None

CHOSEN = ("A", "phi")
SHARE = 0.8


def flat_call(side: Legacy, data: Any, inputs: Any) -> Any:
    """Flatten data in the legacy way: ``(flat, slices)``."""
    return side.flatten_structured(data, index=inputs, independence=RULES)


def flatten(side: Legacy, model: Model) -> dict[str, Any]:
    """Return a data set in the legacy form."""
    return flat_call(side, model.sides, model.inputs)[0]


def _known(side: Side, size: Size) -> tuple[Any, ...]:
    # A legacy script starts from the arrays.
    return (as_tokens(size),) if side is None else (seir(size),)


def _plain(model: Model) -> Any:
    tokens = Tokens.from_pytree(model.both, {})
    return tokens, tokens.labels


def _with_masks(tokens: Tokens) -> Any:
    return tokens, tokens.labels, read_masks(tokens)


def _two(side: Side, size: Size, ragged: bool = False) -> tuple[Any, ...]:
    first = size._replace(n_sites=1) if ragged else size
    make = lay_out if side is None else partial(flatten, side)
    return make(seir(first)), make(seir(size, 1))


def _join(side: Legacy, *flats: Any) -> Any:
    return side.combine_data(*flats)


def _join_tokens(*both: Tokens) -> Any:
    return _with_masks(concatenate_tokens(*both))


def _epoch(side: Side, size: Size) -> tuple[Any, ...]:
    """Return the training data, and the row order of one epoch."""
    both = _two(side, size)
    joined = concatenate_tokens(*both) if side is None else _join(side, *both)
    return joined, jnp.asarray(_order(size))


def _order(size: Size) -> Any:
    return np.random.default_rng(0).permutation(2 * size.n_samples)


def _take(data: Any, rows: Any) -> Any:
    return jax.tree.map(lambda leaf: leaf[rows], data)


def _is_shuffled(result: Any, size: Size) -> None:
    halves = [np.asarray(tokens.data) for tokens in _two(None, size)]
    agreement.check_equal(
        np.concatenate(halves)[_order(size)], result.data, "data"
    )


# A bottom-up round. First training: simulations with one site, with the sides
# exchanged. Second training: simulations with one site and with all sites, with
# the sides in their usual order. Each data set is joined, shuffled and split.


def _round(side: Legacy, one: Model, full: Model) -> Any:
    key, n = jax.random.key(0), 2 * len(one.values[0])
    swapped = _exchange(side, one)[0]
    first = side.combine_data(swapped, swapped)
    second = side.combine_data(flatten(side, one), flatten(side, full))
    return tuple(side.split_data(d, n, SHARE, key) for d in (first, second))


def _round_tokens(one: Model, full: Model) -> Any:
    inside, whole = lay_out(one), lay_out(full)
    joined = [concatenate_tokens(inside, each) for each in (inside, whole)]
    rows = jax.random.permutation(jax.random.key(0), joined[0].sample_shape[0])
    cut = int(len(rows) * SHARE)
    parts = rows[:cut], rows[cut:]
    made = [[_take(each, part) for part in parts] for each in joined]
    return made, _read_exchanged(joined[0])[1], read_masks(joined[1])


def _same_round(result: Any, old: Any) -> None:
    (first, second), *_ = result
    for flat, part in zip(old[0], first, strict=True):
        _same_exchange(_read_exchanged(part), (flat, None))
    for flat, part in zip(old[1], second, strict=True):
        same_tokens(part, flat)


def _exchange(side: Legacy, model: Model) -> Any:
    sides = model.sides
    swapped = {"theta": sides["y"], "y": sides["theta"]}
    return flat_call(side, swapped, model.inputs)


def _read_exchanged(tokens: Tokens) -> Any:
    """Read the observations as targets and the parameters as conditioning."""
    views = {"theta": read_view(tokens, Y), "y": read_view(tokens, THETA)}
    return views, tokens.cross_attention_mask(Y, THETA)


def _same_exchange(result: Any, old: Any) -> None:
    agreement.compare_views(*old, *result)


def _choose(side: Legacy, model: Model) -> Any:
    # A legacy call needs both sides.
    theta, y = model.sides.values()
    chosen = {key: theta[key] for key in CHOSEN}
    return flat_call(side, {"theta": chosen, "y": y}, model.inputs)


def _same_chosen(result: Any, old: Any) -> None:
    flat, described = old
    # Labels differ: they are ranks among the selected keys.
    flat = {key: flat[key] for key in flat if key != "labels"}
    agreement.compare_views(flat, described, {"theta": result})


def _other_obs(side: Side, size: Size) -> tuple[Any, ...]:
    return *_known(side, size), seir(size, 1).values[-1]


def _is_changed(result: Any, size: Size) -> None:
    _holds(result, seir(size).with_obs(seir(size, 1).values[-1]))


def _holds(tokens: Tokens, model: Model) -> None:
    same_leaves(list(tokens.decode().items()), list(model.both.items()))


def _is_decoded(result: Any, size: Size) -> None:
    same_leaves(result, list(seir(size).both.items()))


def _task(
    about: str,
    inputs: Callable[[Side, Size], tuple[Any, ...]],
    old: Callable[..., Any],
    new: Callable[..., Any],
    law: Law | None = None,
    same: Check = same_tokens,
    bridge: Check | None = same_leaves,
) -> Case:
    """Return a task that runs ``old(side, *inputs)`` or ``new(*inputs)``."""

    def prepare(side: Side, size: Size) -> Work:
        made = jax.block_until_ready(inputs(side, size))
        return Work(new if side is None else partial(old, side), made)

    return Case(about, prepare, law, same, bridge)


def _decoding(about: str, convert: Callable[[Any], Any]) -> Case:
    """Return a task that decodes to pairs, because JAX sorts keys of dicts."""

    def prepare(side: Side, size: Size) -> Work:
        if side is None:
            tokens = as_tokens(size)
            flat = convert(tokens.data)
            return Work(lambda flat: list(tokens.decode(flat).items()), (flat,))
        flat, described = side.flatten_structured(seir(size).sides)

        def both(*flats: Any) -> list[tuple[str, Any]]:
            decoded: dict[str, Any] = {}
            for each, one in zip(flats, described.values(), strict=True):
                decoded |= side.decode_theta(each, one, (size.n_samples,))
            return list(decoded.items())

        return Work(both, tuple(convert(flat["data"][s]) for s in described))

    return Case(about, prepare, _is_decoded, same_leaves)


TASKS = {
    "flatten": _task(
        "values and labels",
        lambda side, size: (seir(size),),
        lambda side, model: side.flatten_structured(model.sides)[0],
        _plain,
        lambda result, size: _holds(result[0], seir(size)),
    ),
    "flatten-all": _task(
        "with masks and functional inputs",
        lambda side, size: (seir(size),),
        flatten,
        lambda model: _with_masks(lay_out(model)),
    ),
    "masks": _task(
        "the mask among all tokens from the rules",
        lambda side, size: (as_tokens(size).slices, RULES),
        lambda side, *given: side.build_self_attention_mask(*given),
        build_self_attention_mask,
        same=same_leaves,
    ),
    "join": _task(
        "two data sets, with masks and functional inputs",
        *(_two, _join, _join_tokens),
    ),
    "join-ragged": _task(
        "one data set with one site, one with all",
        *(partial(_two, ragged=True), _join, _join_tokens),
    ),
    "shuffle": _task(
        "an epoch of two joined data sets",
        _epoch,
        lambda side, *given: _take(*given),
        _take,
        _is_shuffled,
        bridge=None,
    ),
    "round": _task(
        "the data of a bottom-up round: with one site, with all",
        lambda side, size: (seir(Size(1, size.n_samples), 1), seir(size)),
        _round,
        _round_tokens,
        same=_same_round,
    ),
    "view": _task(
        "a view of two keys",
        _known,
        _choose,
        lambda tokens: read_view(tokens, CHOSEN),
        same=_same_chosen,
    ),
    "exchange": _task(
        "views with the sides exchanged",
        *(_known, _exchange, _read_exchanged),
        same=_same_exchange,
    ),
    "change": _task(
        "the values of one key",
        _other_obs,
        lambda side, model, obs: flatten(side, model.with_obs(obs)),
        lambda tokens, obs: tokens.with_values(obs=obs),
        _is_changed,
    ),
    "decode": _decoding("arrays of jax", jnp.asarray),
    "decode-host": _decoding("arrays of NumPy", np.asarray),
}
