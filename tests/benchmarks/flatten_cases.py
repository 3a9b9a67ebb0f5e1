"""From arrays to tokens: ``flatten_structured`` and ``from_pytree``."""

import jax.numpy as jnp

import reference
from benchmarks.agreement import (
    assert_same_leaves,
    assert_tokens_say,
    declared_masks,
)
from benchmarks.cases import Call, case, jitted
from benchmarks.models import RULES, Size, seir
from tfmpe import Tokens
from tfmpe.compat import flatten_structured

SIZES = {
    "4 KB": Size(5, 24),
    "1.6 MB": Size(50, 1_000),
    "16 MB": Size(50, 10_000),
    "64 MB": Size(50, 40_000),
}
MIDDLE = Size(50, 1_000)


def _same_values(old, new):
    """Compare with Tokens, with a legacy dictionary, or not (a copy)."""
    if isinstance(new, tuple) and isinstance(new[0], Tokens):
        assert_tokens_say(old, new[0])
    elif isinstance(new, Tokens):
        assert_tokens_say(old, new)
    elif isinstance(new, dict):
        assert_same_leaves(old, new)


def _values_of(size):
    def prepare(side, small):
        model = seir(size.shrunk() if small else size)
        if side == "new":

            def new():
                tokens = Tokens.from_pytree(model.both, {})
                return tokens, tokens.labels

            return Call(new)
        if side == "floor":
            flat = Tokens.from_pytree(model.both, {}).data
            return Call(lambda: jnp.array(flat, copy=True))
        flatten = reference.flatten_structured
        if side == "bridge":
            flatten = flatten_structured
        return Call(lambda: flatten(model.sides)[0])

    return prepare


for _name, _size in SIZES.items():
    case(
        f"flatten {_name}",
        ("old", "new", "bridge", "floor"),
        _same_values,
        floor="a plain copy of the tokens",
        needs=16 * 4 * _size.n_tokens * _size.n_samples,
    )(_values_of(_size))


@case(
    "flatten 1.6 MB, rules, inputs",
    ("old", "new", "bridge"),
    _same_values,
)
def _with_everything(side, small):
    model = seir(MIDDLE.shrunk() if small else MIDDLE)
    if side == "new":

        def new():
            tokens = Tokens.from_pytree(model.both, RULES, model.inputs)
            return tokens, tokens.labels, declared_masks(tokens)

        return Call(new)
    flatten = reference.flatten_structured
    if side == "bridge":
        flatten = flatten_structured
    return Call(
        lambda: flatten(model.sides, index=model.inputs, independence=RULES)[0]
    )


@case(
    "flatten 1.6 MB, jitted",
    ("old", "new"),
    _same_values,
    mode="jitted",
)
def _compiled(side, small):
    model = seir(MIDDLE.shrunk() if small else MIDDLE)
    if side == "new":
        return jitted(_tokens_of, model)
    return jitted(_legacy_of, model)


def _tokens_of(model):
    return Tokens.from_pytree(model.in_order.both, RULES, model.inputs)


def _legacy_of(model):
    return reference.flatten_structured(
        model.in_order.sides, index=model.inputs, independence=RULES
    )[0]
