"""Views of some keys, with all their properties read.

Where the core looks at the same tokens in another way, a legacy script calls
``flatten_structured`` once more, with the sides exchanged or fewer keys. That
call is the old side.
"""

import reference
from benchmarks.cases import Call, case, jitted
from benchmarks.join_cases import as_tokens
from benchmarks.models import RULES, THETA_KEYS, Y_KEYS, Size, seir
from benchmarks.view_agreement import (
    assert_arrays_same,
    assert_chosen_same,
    assert_exchanged_same,
)
from tfmpe import compat

SIZE = Size(50, 1_000)
CHOSEN = ["A", "phi"]
FLATTEN = {
    "old": reference.flatten_structured,
    "bridge": compat.flatten_structured,
}


def read_all(view):
    """Read every property of a view."""
    return {
        "data": view.data,
        "labels": view.labels,
        "self": view.self_attention_mask,
        "padding": view.padding_mask,
        "inputs": view.functional_inputs,
        "slices": view.slices,
    }


def exchange_sides(tokens):
    """Read the observations as targets and the parameters as conditions."""
    targets = read_all(tokens.select_tokens(Y_KEYS))
    conditions = read_all(tokens.select_tokens(THETA_KEYS))
    cross = tokens.cross_attention_mask(Y_KEYS, THETA_KEYS)
    return targets, conditions, cross


def _slices_of(tokens, number):
    n_taken = tokens.n_tokens // 2
    return Call(
        lambda: [tokens.data[:, i : n_taken + i] for i in range(number)]
    )


@case(
    "views with sides exchanged",
    ("old", "new", "bridge", "floor"),
    assert_exchanged_same,
    floor="twenty jnp slices",
)
def _exchanged(side, small):
    size = SIZE.shrunk() if small else SIZE
    model = seir(size)
    if side == "new":
        tokens = as_tokens(size, 0)
        return Call(lambda: exchange_sides(tokens))
    if side == "floor":
        return _slices_of(as_tokens(size, 0), 20)
    flatten = FLATTEN[side]
    return Call(
        lambda: flatten(model.swapped, index=model.inputs, independence=RULES)
    )


@case(
    "view of two keys",
    ("old", "new", "bridge", "floor"),
    assert_chosen_same,
    floor="ten jnp slices",
)
def _chosen(side, small):
    size = SIZE.shrunk() if small else SIZE
    model = seir(size)
    if side == "new":
        tokens = as_tokens(size, 0)
        return Call(lambda: read_all(tokens.select_tokens(CHOSEN)))
    if side == "floor":
        return _slices_of(as_tokens(size, 0), 10)
    flatten = FLATTEN[side]
    # A legacy call has two sides.
    data = {"theta": {key: model.theta[key] for key in CHOSEN}, "y": model.y}
    return Call(lambda: flatten(data, index=model.inputs, independence=RULES))


def _exchanged_arrays(tokens):
    """Leave out what a legacy result does not have: labels per sample."""
    targets, conditions, cross = exchange_sides(tokens)
    for view in (targets, conditions):
        del view["slices"], view["padding"]
        view["labels"] = view["labels"][:1]
    return targets, conditions, cross


@case(
    "views with sides exchanged, jitted",
    ("old", "new"),
    assert_arrays_same,
    mode="jitted",
)
def _exchanged_compiled(side, small):
    size = SIZE.shrunk() if small else SIZE
    if side == "new":
        return jitted(_exchanged_arrays, as_tokens(size, 0))
    return jitted(
        lambda model: reference.flatten_structured(
            model.in_order.swapped, index=model.inputs, independence=RULES
        )[0],
        seir(size),
    )
