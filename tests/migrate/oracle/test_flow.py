"""Oracle's network, samples and densities, compared with stored calls."""

from collections import Counter
from functools import partial

import jax
import numpy as np
import pytest
from jax.tree_util import Partial

from stored_calls import one_of_each, stored_cases
from tfmpe.migrate import oracle
from tfmpe.migrate.oracle import flow
from tfmpe.migrate.replay.calls import call, compare_call, traced_call
from tfmpe.migrate.replay.compare import Tolerance
from tfmpe.migrate.replay.trees import copied

# Stored calls: with values to compare, with a network, traced, refused.
KINDS = {"values": 128, "network": 36, "traced": 54, "raises": 10}
CASES = stored_cases(
    *("StructuredCNF_sample", "StructuredCNF_log_prob", "Transformer_call"),
    *("SFMPE_sample_posterior_encoded", "SFMPE_sample_posterior"),
    *("SFMPE_sample_base_dist", "SFMPE_log_prob_posterior_samples"),
)

# The same solver on the same field: only rounding differs. (Another solver
# with the same tolerances differs by 7e-5; the recordings allow 5e-4.)
SAMPLE = Tolerance(3e-5, 0.0, "")
LOG_PROB = Tolerance(1e-4, 0.0, "")
# From the exact integrals in the recordings, which allow this much.
SAMPLE_EXACT, LOG_PROB_EXACT = 5e-4, 2e-3
# For one call of the network in float32.
NETWORK_CALL = Tolerance(1e-5, 0.0, "")
# Solutions for the network are only repeatable within this. At kinks of relu,
# rounding decides which steps are taken; the stored samples themselves differ
# by up to 0.06 from a precise solution in float64. The recordings allow 2e-3.
NETWORK_SAMPLE = Tolerance(0.1, 0.0, "", median=2e-3)
# Relu makes the trace jump: the recordings allow about one percent. Densities
# near 1 have small logarithms, hence the absolute part.
NETWORK_LOG_PROB = Tolerance(0.05, 0.01, "")

# Stored numbers of draws are 1, 3 and 7, or 4 to 20 with a network. Calls
# that are filled up to this number share a compilation.
N_ROWS = 7


def _kind(case):
    if case.traced:
        return "traced"
    if case.raises is not None:
        return "raises"
    solves = case.function != "Transformer.__call__"
    return "network" if solves and "params" in case.extra else "values"


def _parameters(*kinds):
    cases = [case for case in CASES if _kind(case) in kinds]

    def kind(case):
        return case.function, case.raises

    return pytest.mark.parametrize("case", one_of_each(cases, kind))


@partial(jax.jit, static_argnums=(0, 1))
def _build_and_call(build, static, field, conditions, arrays):
    return build(field, *static, **conditions)(*arrays)


def _compiled_by_shape(build):
    """Replace a builder of compiled functions by one that compiles less."""

    def builder(field, *static, **conditions):
        def compiled(*arrays):
            n = len(arrays[0])
            rows = np.minimum(np.arange(max(N_ROWS, n)), n - 1)
            filled = [array[rows] for array in arrays]
            result = _build_and_call(build, static, field, conditions, filled)
            return result[:n]

        return compiled

    return builder


@pytest.fixture
def compile_by_shape(monkeypatch):
    """Let calls with equal shapes share a compilation, unlike legacy calls."""
    for name in ("sampler", "density"):
        builder = _compiled_by_shape(getattr(flow, name))
        monkeypatch.setattr(flow, name, builder)


@jax.jit
def _call_network(network, kwargs):
    return network(**kwargs)


def _again(case):
    """Repeat a call with its own field or weights, and its own noise."""
    extra = case.extra or {}

    def again(*args, **kwargs):
        if "params" in extra:
            field = Partial(oracle.transformer, extra["params"])
        else:
            field = Partial(oracle.FIELDS[extra.get("field", "closed_form_v1")])
        if case.function == "Transformer.__call__":
            return _call_network(field, kwargs)
        if "base_key_data" in extra:
            kwargs["key"] = jax.random.wrap_key_data(extra["base_key_data"])
        elif "base_dist" not in case.function:
            kwargs["key"] = jax.random.key(0)
        return getattr(oracle, case.function.split(".")[1])(
            field, *args, **kwargs
        )

    make = traced_call if case.traced else call
    return make(again, copied(case.args), copied(case.kwargs))


def _check(case):
    found = _again(case)
    density, network = "log_prob" in case.function, _kind(case) == "network"
    tolerance = LOG_PROB if density else SAMPLE
    if network:
        tolerance = NETWORK_LOG_PROB if density else NETWORK_SAMPLE
    elif case.function == "Transformer.__call__":
        tolerance = NETWORK_CALL
    result = compare_call(case, found, tolerance)
    assert result.agrees, "\n".join(map(str, result.differences))
    return found.output


@pytest.mark.usefixtures("compile_by_shape")
@_parameters("values")
def test_oracle_repeats_the_stored_call(case):
    value = _check(case)
    exact = {"reference_f64": SAMPLE_EXACT, "reference_legacy": LOG_PROB_EXACT}
    for name in exact.keys() & case.extra.keys():
        assert np.abs(value - case.extra[name]).max() < exact[name]


@pytest.mark.slow
@pytest.mark.usefixtures("compile_by_shape")
@_parameters("network")
def test_oracle_comes_near_to_the_stored_solve_of_the_network(case):
    _check(case)


@_parameters("traced", "raises")
def test_oracle_gives_the_stored_shapes_and_exceptions(case):
    _check(case)


def test_no_stored_call_is_left_out():
    assert Counter(map(_kind, CASES)) == KINDS


def test_a_field_is_traced_again_at_every_call():
    """Legacy scripts also wait for that."""
    traced, counts = [], []

    def field(*, theta, **_):
        traced.append(theta)
        return -theta

    labels = {"theta": np.zeros((1, 3)), "y": np.zeros((1, 2))}
    slices = {"a": {"offset": 0, "event_shape": (3,), "batch_shape": (1,)}}
    theta, y = np.ones((2, 3, 1), "float32"), np.zeros((1, 2, 1))
    given = field, y, labels, slices, None, None, 2, theta
    for _ in range(2):
        drawn = oracle.sample_posterior(*given)["a"]
        np.testing.assert_allclose(drawn, np.exp(-1) * theta, SAMPLE_EXACT)
        counts.append(len(traced))
    assert counts[1] == 2 * counts[0] > 0
