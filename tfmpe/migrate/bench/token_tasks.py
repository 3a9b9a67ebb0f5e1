"""The tasks on data: laying out, joining, viewing, changing, decoding.

The old side and the bridge do a task by the legacy names (``side``), the core
by Tokens (``side`` is None). A legacy script looks at the same tokens in
another way, or changes values, by calling ``flatten_structured`` once more.
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
from .agreement import read_masks, read_view
from .data import RULES, Model, Size, as_tokens, lay_out, seir, slices
from .data import THETA_KEYS as THETA
from .data import Y_KEYS as Y
from .old_side import Legacy
from .task import Case, prepared
from .work import Work

__all__ = ["TASKS", "flat_call", "flatten"]

Side = Legacy | None
Inputs = tuple[Any, ...]

CHOSEN = ("A", "phi")
SHARE = 0.8


def flat_call(side: Legacy, data: Any, inputs: Any) -> Any:
    """Lay out in the legacy way: ``(flat, slices)``."""
    return side.flatten_structured(data, index=inputs, independence=RULES)


def flatten(side: Legacy, model: Model) -> dict[str, Any]:
    """Return a data set in the legacy form."""
    return flat_call(side, model.sides, model.inputs)[0]


def _known(side: Side, size: Size) -> Inputs:
    # A legacy script starts from the arrays.
    return (as_tokens(size),) if side is None else (seir(size),)


def _plain(model: Model) -> Any:
    tokens = Tokens.from_pytree(model.both, {})
    return tokens, tokens.labels


def _with_masks(tokens: Tokens) -> Any:
    return tokens, tokens.labels, read_masks(tokens)


def _two(side: Side, size: Size, ragged: bool = False) -> Inputs:
    sizes = (size.one_site if ragged else size, size)
    make = as_tokens if side is None else partial(_flat, side)
    return tuple(make(each, seed) for seed, each in enumerate(sizes))


def _flat(side: Legacy, size: Size, seed: int) -> dict[str, Any]:
    return flatten(side, seir(size, seed))


def _join(side: Legacy, *flats: Any) -> Any:
    return side.combine_data(*flats)


def _join_tokens(*both: Tokens) -> Any:
    return _with_masks(concatenate_tokens(*both))


def _epoch(side: Side, size: Size) -> Inputs:
    """Return what training holds, and the order of one epoch."""
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


# A bottom-up round: simulations with one site are laid out with the sides
# exchanged, and split for the first training; simulations with all sites are
# laid out, joined to those, and split and shuffled for the second.


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
    return made, _read_exchanged(joined[0])[2], read_masks(joined[1])


def _same_round(result: Any, old: Any, size: Size) -> None:
    (first, second), *_ = result
    for flat, part in zip(old[0], first, strict=True):
        _same_exchange(_read_exchanged(part), (flat, None), size.one_site)
    for flat, part in zip(old[1], second, strict=True):
        agreement.same_tokens(part, flat, size)


def _exchange(side: Legacy, model: Model) -> Any:
    sides = model.sides
    swapped = {"theta": sides["y"], "y": sides["theta"]}
    return flat_call(side, swapped, model.inputs)


def _read_exchanged(tokens: Tokens) -> Any:
    """Read the observations as targets and the parameters as conditions."""
    targets, conditions = (read_view(tokens, k) for k in (Y, THETA))
    cross = tokens.cross_attention_mask(Y, THETA)
    return targets, conditions, cross


def _same_exchange(result: Any, old: Any, size: Size) -> None:
    flat, described = old
    targets, conditions, cross = result
    views = {"theta": (Y, targets), "y": (THETA, conditions)}
    agreement.compare_views(flat, views, size, cross, described)


def _choose(side: Legacy, model: Model) -> Any:
    # A legacy call has two sides.
    theta, y = model.sides.values()
    chosen = {key: theta[key] for key in CHOSEN}
    return flat_call(side, {"theta": chosen, "y": y}, model.inputs)


def _same_chosen(result: Any, old: Any, size: Size) -> None:
    flat, described = old
    # Not the labels: they are ranks among the keys that are there.
    flat = {key: flat[key] for key in flat if key != "labels"}
    views = {"theta": (CHOSEN, result)}
    agreement.compare_views(flat, views, size, described=described)


def _other_obs(side: Side, size: Size) -> Inputs:
    return *_known(side, size), seir(size, 1).values[-1]


def _is_changed(result: Any, size: Size) -> None:
    _holds(result, seir(size).with_obs(seir(size, 1).values[-1]), size)


def _holds(tokens: Tokens, model: Model, size: Size) -> None:
    both = list(tokens.decode().items()), list(model.both.items())
    agreement.same_leaves(*both, size)


def _decode(convert: Callable[[Any], Any], side: Side, size: Size) -> Work:
    """Decode all tokens; as pairs, since a tree would sort the keys."""
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


def _is_decoded(result: Any, size: Size) -> None:
    agreement.same_leaves(result, list(seir(size).both.items()), size)


_decoding = partial(Case, law=_is_decoded, same=agreement.same_leaves)

TASKS = {
    "flatten": Case(
        "values and labels",
        prepared(
            lambda side, size: (seir(size),),
            lambda side, model: side.flatten_structured(model.sides)[0],
            _plain,
        ),
        lambda result, size: _holds(result[0], seir(size), size),
    ),
    "flatten-all": Case(
        "with masks and functional inputs",
        prepared(
            lambda side, size: (seir(size),),
            flatten,
            lambda model: _with_masks(lay_out(model)),
        ),
    ),
    "masks": Case(
        "the mask among all tokens from the rules",
        prepared(
            lambda side, size: (slices(size), RULES),
            lambda side, *given: side.build_self_attention_mask(*given),
            build_self_attention_mask,
        ),
        same=agreement.same_leaves,
    ),
    "join": Case(
        "two data sets, with masks and functional inputs",
        prepared(_two, _join, _join_tokens),
    ),
    "join-ragged": Case(
        "one data set with one site, one with all",
        prepared(partial(_two, ragged=True), _join, _join_tokens),
    ),
    "shuffle": Case(
        "an epoch of two joined data sets",
        prepared(_epoch, lambda side, *given: _take(*given), _take),
        _is_shuffled,
        bridge=None,
    ),
    "round": Case(
        "the data of a bottom-up round: with one site, with all",
        prepared(
            lambda side, size: (seir(size.one_site, 1), seir(size)),
            _round,
            _round_tokens,
        ),
        same=_same_round,
    ),
    "view": Case(
        "a view of two keys",
        prepared(_known, _choose, lambda tokens: read_view(tokens, CHOSEN)),
        same=_same_chosen,
    ),
    "exchange": Case(
        "views with the sides exchanged",
        prepared(_known, _exchange, _read_exchanged),
        same=_same_exchange,
    ),
    "change": Case(
        "the values of one key",
        prepared(
            _other_obs,
            lambda side, model, obs: flatten(side, model.with_obs(obs)),
            lambda tokens, obs: tokens.with_values(obs=obs),
        ),
        _is_changed,
    ),
    "decode": _decoding("arrays of jax", partial(_decode, jnp.asarray)),
    "decode-host": _decoding("arrays of NumPy", partial(_decode, np.asarray)),
}
"""By name; for how much data is said in `cases`."""
