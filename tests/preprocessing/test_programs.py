"""Cached programs: their number, keys, and lifetime."""

import threading
import weakref

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from tfmpe._base.programs import _one_thread, compiled


class Factor:
    """A static value that is equal to nothing else."""

    def __init__(self, value):
        self.value = value


@pytest.fixture
def scale():
    """Return a function that keeps two programs, and counts traces."""

    @compiled(2)
    def scale(tree, *, by):
        scale.traces += 1
        return tree["x"] * by.value

    scale.traces = 0
    return scale


def n_live():
    return len(jax.local_devices()[0].client.live_executables())


def test_programs_are_freed_with_what_they_were_compiled_for(scale):
    x = {"x": jnp.arange(7.0)}
    live, factors = [], []
    for value in range(5):
        factor = Factor(value)
        np.testing.assert_array_equal(scale(x, by=factor), x["x"] * value)
        factors.append(weakref.ref(factor))
        del factor
        live.append(n_live())
    assert live[1] == live[2] == live[3] == live[4]
    assert [factor() is not None for factor in factors] == [False] * 3 + [
        True
    ] * 2


def test_alternating_compiles_nothing(scale):
    one, two = Factor(1), Factor(2)
    x = {"x": jnp.arange(3.0)}
    for factor in (one, two) * 4:
        scale(x, by=factor)
    assert scale.traces == 2
    assert scale.cache_info().misses == 2


def test_shapes_and_structures_count_as_well(scale):
    factor = Factor(2)
    for n in (1, 2, 3, 3):
        assert scale({"x": jnp.ones(n)}, by=factor).shape == (n,)
    scale({"x": jnp.ones(3), "y": None}, by=factor)
    assert scale.traces == 4
    assert scale.cache_info().currsize == 2


def test_transformations(scale):
    """Values may be unknown, but traced ones are not kept."""
    factor = Factor(3.0)

    def total(x):
        return scale({"x": x}, by=factor).sum()

    with jax.checking_leaks():
        np.testing.assert_array_equal(jax.grad(total)(jnp.ones(2)), [3, 3])
        rows = jnp.arange(6.0).reshape((3, 2))
        np.testing.assert_array_equal(
            jax.jit(jax.vmap(total))(rows), [3, 15, 27]
        )


@pytest.fixture
def not_stored():
    """Leave programs out of the compilation cache on disk.

    Without locks, jax may read a program that another thread is writing.
    """
    option = "jax_persistent_cache_min_compile_time_secs"
    before = getattr(jax.config, option)
    jax.config.update(option, 1e6)
    yield
    jax.config.update(option, before)


def test_threads(not_stored):
    @compiled(2)
    def add(x, *, value):
        return x + value

    wrong = []

    def use(number):
        for i in range(20):
            value = (number + i) % 3
            if add(np.float32(1), value=value) != 1 + value:
                wrong.append(value)

    threads = [threading.Thread(target=use, args=(i,)) for i in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []
    assert add.cache_info().currsize == 2


@pytest.fixture
def on_cores(monkeypatch):
    """Return a function that sets the number of cores."""

    def set_number(n):
        monkeypatch.setattr("os.cpu_count", lambda: n)
        _one_thread.cache_clear()

    before = jax.config.read("jax_disable_most_optimizations")
    jax.config.update("jax_disable_most_optimizations", False)
    yield set_number
    jax.config.update("jax_disable_most_optimizations", before)
    _one_thread.cache_clear()


def test_no_options_within_a_transformation(on_cores):
    on_cores(2)
    squared = compiled(quick=True)(lambda x: x * x)
    x = jnp.arange(3.0)
    for square in (squared, jax.jit(squared), jax.vmap(squared), squared):
        np.testing.assert_array_equal(square(x), [0, 1, 4])
    assert jax.grad(squared)(3.0) == 6


def test_products_in_one_thread_are_the_same(on_cores):
    on_cores(2)
    assert _one_thread()["xla_cpu_multi_thread_eigen"] is False
    x = np.random.default_rng(0).normal(size=(8, 16, 16)).astype(np.float32)
    found = compiled(quick=True)(lambda x: x @ x)(x)
    np.testing.assert_allclose(found, x @ x, atol=1e-5)
    on_cores(64)
    assert _one_thread() == {}
