"""Nothing is timed that was not checked, so the checks must be able to fail."""

from dataclasses import replace

import pytest

from tfmpe import Tokens, concatenate_tokens
from tfmpe.migrate import oracle
from tfmpe.migrate.bench.agreement import (
    NotEqualError,
    check_real_tokens_say,
    check_tokens_say,
)
from tfmpe.migrate.bench.join_cases import as_tokens, legacy_flat
from tfmpe.migrate.bench.models import RULES, Size, seir

SIZE = Size(3, 4)
ONE_SITE = Size(1, 4)


def _old(*sizes):
    return oracle.combine_data(
        *(
            legacy_flat(oracle.flatten_structured, size, seed)
            for seed, size in enumerate(sizes)
        )
    )


def _new(*sizes):
    return concatenate_tokens(
        *(as_tokens(size, seed) for seed, size in enumerate(sizes))
    )


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


WRONGS = [_wrong_value, _wrong_inputs, _wrong_rules]


@pytest.mark.parametrize("wrong", WRONGS)
def test_a_difference_between_equal_sizes_is_found(wrong):
    old, new = _old(SIZE, SIZE), _new(SIZE, SIZE)
    check_tokens_say(old, new)

    with pytest.raises(NotEqualError):
        check_tokens_say(old, wrong(new))


@pytest.mark.parametrize("wrong", WRONGS)
def test_a_difference_between_real_tokens_is_found(wrong):
    old, new = _old(ONE_SITE, SIZE), _new(ONE_SITE, SIZE)
    check_real_tokens_say(old, new)

    with pytest.raises(NotEqualError):
        check_real_tokens_say(old, wrong(new))


def test_equal_arguments_give_equal_data():
    first = seir(SIZE, 1)
    seir.cache_clear()
    again = seir(SIZE, 1)

    for key, array in first.both.items():
        assert (array == again.both[key]).all()
