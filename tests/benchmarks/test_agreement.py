"""Checks that precede every timing, and proof that they can fail."""

from dataclasses import replace

import pytest

from tfmpe import Tokens, concatenate_tokens
from tfmpe.migrate.bench.agreement import NotEqualError, same_tokens
from tfmpe.migrate.bench.data import RULES, Size, as_tokens, seir
from tfmpe.migrate.bench.old_side import old_side
from tfmpe.migrate.bench.token_tasks import flatten

OLD = old_side("oracle")
SIZE = Size(3, 4)


def _wrong_value(tokens):
    return replace(tokens, data=tokens.data.at[-1, -1, 0].add(1.0))


def _wrong_inputs(tokens):
    inputs = tokens.functional_inputs
    return replace(tokens, functional_inputs=inputs.at[-1, -1, 0].add(1.0))


def _wrong_rules(tokens):
    rules = {**RULES, "local": ["obs"]}
    other = Tokens.from_pytree(tokens.decode(), rules).layout
    keys = zip(other.keys, tokens.layout.keys, strict=True)
    keys = tuple(a._replace(n_inputs=b.n_inputs) for a, b in keys)
    return replace(tokens, layout=type(other)(keys, other.independence))


@pytest.mark.parametrize("wrong", [_wrong_value, _wrong_inputs, _wrong_rules])
@pytest.mark.parametrize("first", [SIZE, Size(1, 4)], ids=["equal", "ragged"])
def test_a_difference_is_found(first, wrong):
    sizes = [(first, 0), (SIZE, 1)]
    old = OLD.combine_data(*(flatten(OLD, seir(*one)) for one in sizes))
    new = concatenate_tokens(*(as_tokens(*one) for one in sizes))
    same_tokens(new, old)

    with pytest.raises(NotEqualError):
        same_tokens(wrong(new), old)


def test_equal_arguments_give_equal_data():
    first = seir(SIZE, 1)
    seir.cache_clear()
    again = seir(SIZE, 1)

    for key, array in first.both.items():
        assert (array == again.both[key]).all()
