"""Exact numbers of compilations and of network evaluations."""

from contextlib import contextmanager

import jax
import numpy as np
import pytest

pytest.importorskip("diffrax", reason="needs the extra flow")

from tfmpe import Tokens, concatenate_tokens
from tfmpe.estimators import ContinuousFlow
from tfmpe.migrate.bench.data import (
    RULES,
    THETA_KEYS,
    Y_KEYS,
    Size,
    as_tokens,
    seir,
)

SIZE = Size(4, 3)
COMPILING = "/jax/core/compile/backend_compile_duration"


@contextmanager
def compilations():
    """Count the programs that are compiled, or read from a cache on disk."""
    found = []

    def note(event, duration, **about):
        if event == COMPILING:
            found.append(about.get("fun_name", event))

    jax.monitoring.register_event_duration_secs_listener(note)
    try:
        yield found
    finally:
        jax.monitoring.unregister_event_duration_listener(note)


class Counted:
    """A field that counts its evaluations when they run, not when traced."""

    def __init__(self):
        self.n_encoded = self.n_evaluated = 0

    def encode(self, conditioning):
        jax.debug.callback(self._encoded)
        return conditioning.data.mean((-2, -1), keepdims=True)

    def velocity(self, target, conditioning, encoded, time):
        jax.debug.callback(self._evaluated)
        return encoded - target.data

    def __call__(self, target, conditioning, time):
        encoded = self.encode(conditioning)
        return self.velocity(target, conditioning, encoded, time)

    def _encoded(self):
        self.n_encoded += 1

    def _evaluated(self):
        self.n_evaluated += 1


def test_the_counter_sees_a_compilation():
    with compilations() as found:
        jax.jit(lambda x: x * 3.25 + 7)(np.ones(11, np.float32))
    assert found


def test_the_first_tokens_are_made_without_compiling():
    size = SIZE._replace(n_sites=7)
    model = seir(size)
    with compilations() as found:
        tokens = Tokens.from_pytree(model.both, RULES, model.inputs)
        jax.block_until_ready((tokens.data, tokens.functional_inputs))
        assert tokens.self_attention_mask.shape == (size.n_tokens,) * 2
    assert found == []


def _view(seed):
    view = as_tokens(SIZE, seed).select_tokens(THETA_KEYS)
    return view.data, view.labels, view.functional_inputs, view.decode()


def _join(seed):
    one = as_tokens(SIZE._replace(n_sites=1), seed)
    return concatenate_tokens(one, as_tokens(SIZE, seed + 1))


@pytest.mark.parametrize("use", [_view, _join])
def test_another_data_set_compiles_nothing(use):
    jax.block_until_ready(use(0))
    with compilations() as found:
        jax.block_until_ready(use(2))
    assert found == []


def _field(target, conditioning, time):
    return conditioning.data.mean() - target.data * time[..., None, None]


@pytest.mark.parametrize("method", ["sample", "log_prob"])
def test_three_more_calls_compile_nothing(method):
    flow = ContinuousFlow(_field)

    def call(seed):
        tokens = as_tokens(SIZE, seed)
        key = jax.random.key(seed)
        extra = {"n_samples": 5} if method == "sample" else {}
        return getattr(flow, method)(
            tokens, THETA_KEYS, Y_KEYS, key=key, **extra
        )

    first = jax.block_until_ready(call(0))
    with compilations() as found:
        others = [jax.block_until_ready(call(seed)) for seed in (1, 2, 3)]
    assert found == []
    assert not np.array_equal(first, others[0])


@pytest.mark.parametrize("n_samples", [1, 100])
def test_draws_cost_eight_evaluations_together(n_samples):
    field = Counted()
    draws = ContinuousFlow(field).sample(
        as_tokens(SIZE, 0),
        THETA_KEYS,
        Y_KEYS,
        key=jax.random.key(0),
        n_samples=n_samples,
    )
    jax.block_until_ready(draws)
    jax.effects_barrier()
    assert field.n_evaluated == 8, "4 steps of 2 evaluations"
    assert field.n_encoded == 1, "what is given is read once"
