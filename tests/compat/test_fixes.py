"""Defects turned off by code, and the resulting differences."""

import re
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from flax import nnx

from refusals import refused
from tfmpe.compat import PAD_VALUE
from tfmpe.compat._bottom_up.rounds import Simulations
from tfmpe.compat._flow.loss import legacy_loss
from tfmpe.compat.defects.l21_padded_values import data_without_padding
from tfmpe.compat.defects.l26_rounds import epoch_loss, one_unit
from tfmpe.compat.fixes import FIXABLE, VARIABLE, read_fixes
from tfmpe.compat.sfmpe import SFMPE
from tfmpe.compat.structured_cnf import StructuredCNF


@pytest.fixture(autouse=True)
def _quiet(monkeypatch):
    monkeypatch.setenv("TFMPE_COMPAT", "ignore")
    monkeypatch.delenv(VARIABLE, raising=False)


def test_none_by_default():
    assert read_fixes() == frozenset()
    assert read_fixes([]) == frozenset()


def test_codes_come_from_the_call_and_from_the_environment(monkeypatch):
    monkeypatch.setenv(VARIABLE, "L18, L19,")
    assert read_fixes() == {"L18", "L19"}
    assert read_fixes({"L21"}) == {"L18", "L19", "L21"}
    assert SFMPE(_flow(), nnx.Rngs(0), fix=["L26"]).fix == {
        "L18",
        "L19",
        "L26",
    }


def test_unknown_codes_are_errors(monkeypatch):
    message = (
        "fix names the defect 'L019', which cannot be turned off; expected "
        f"one of {list(FIXABLE)}. Did you mean 'L19'?"
    )
    with refused(ValueError, message):
        read_fixes(["L18", "L019"])
    monkeypatch.setenv(VARIABLE, "l18")
    with pytest.raises(ValueError, match="TFMPE_COMPAT_FIX names the defect"):
        StructuredCNF(_field, nnx.Rngs(0))


def test_a_bare_string_is_an_error():
    with pytest.raises(TypeError, match=r"pass a list of codes, fix=\['L18'\]"):
        read_fixes("L18")


def test_every_code_is_tested():
    """The test has its name, or is in test_structured_cnf (L18, L23)."""
    texts = [p.read_text() for p in Path(__file__).parent.rglob("test_*.py")]
    tests = re.findall(r"def test_(l\d+)_", "".join(texts))
    assert {code.upper() for code in tests} | {"L18", "L23"} >= set(FIXABLE)


def _field(*, theta, **_):
    return jnp.zeros_like(theta)


def _flow(field=_field, seed=0, **options):
    return StructuredCNF(field, nnx.Rngs(seed), **options)


LABELS = {
    "theta": jnp.zeros((1, 1), jnp.int8),
    "y": jnp.zeros((1, 2), jnp.int8),
}
SLICES = {"a": {"offset": 0, "event_shape": (1,), "batch_shape": (1,)}}


def _draw(estimator, context, n_samples=3):
    return estimator.sample_posterior_encoded(
        context, LABELS, SLICES, n_samples=n_samples
    )


@pytest.mark.parametrize("fix", [(), ("L19",)])
def test_l19_noise(fix):
    """If the velocity is 0, the draws are the noise."""
    estimator = SFMPE(_flow(), nnx.Rngs(1), fix=fix)
    context = jnp.ones((1, 2, 1))
    first, second = (_draw(estimator, context) for _ in range(2))
    rows = jax.vmap(lambda c: _draw(estimator, c))(
        jnp.arange(4.0).reshape((2, 1, 2, 1))
    )
    for one, other in ((first, second), (rows[0], rows[1])):
        assert np.array_equal(one, other) is not bool(fix)


def test_l19_probes():
    """Estimates of the divergence of this field depend on the probes."""
    flow = _flow(lambda *, theta, **_: jnp.roll(theta, 1, 1) + theta)
    labels = {"theta": jnp.zeros((1, 3), jnp.int8), "y": LABELS["y"]}
    given = jnp.ones((1, 3, 1)), jnp.ones((1, 2, 1)), labels

    def twice(fix):
        estimator = SFMPE(flow, nnx.Rngs(1), fix=fix)
        return [
            float(estimator.log_prob_posterior_samples(*given)[0])
            for _ in range(2)
        ]

    same = twice([])
    assert same[0] == same[1]
    fresh = twice(["L19"])
    assert fresh[0] != fresh[1]


@pytest.mark.parametrize("cls", [StructuredCNF, SFMPE])
def test_l20_random_numbers(cls):
    shared = [cls(_flow()) for _ in range(2)]
    assert shared[0].rngs is shared[1].rngs
    own = [cls(_flow(), fix=["L20"]) for _ in range(2)]
    keys = [jax.random.key_data(one.rngs.base_dist()) for one in own]
    assert not np.array_equal(*keys)


def test_l21_width():
    """Draws have the width of the observation, not that of theta."""
    context = jnp.ones((1, 2, 2))
    widths = [
        _draw(SFMPE(_flow(), nnx.Rngs(0), fix=fix), context).shape
        for fix in ([], ["L21"])
    ]
    assert widths == [(3, 1, 1), (3, 1, 2)]


def test_l21_padding_is_zero():
    """The field and the loss receive 0 in place of padding."""
    padded = jnp.array([[[1.0, PAD_VALUE]], [[2.0, 3.0]]])
    batch = {
        "data": {"theta": padded, "y": padded},
        "labels": {"theta": None, "y": None},
    }
    times, noise = jnp.zeros((2, 1, 1)), jnp.zeros((2, 1, 2))
    found = [data_without_padding(batch, fix) for fix in ((), ("L21",))]
    losses = [legacy_loss(_flow(), one, times, noise) for one in found]
    assert losses[0] > 1e15
    assert losses[1] == pytest.approx((1 + 0 + 4 + 9) / 4)
    assert found[0]["data"]["y"].min() == PAD_VALUE
    assert found[1]["data"]["y"].min() == 0


def _rows(n):
    theta = jnp.arange(float(n)).reshape((n, 1, 1))
    labels = jnp.zeros((n, 1), jnp.int8)
    return {
        "data": {"theta": theta, "y": theta},
        "labels": {"theta": labels, "y": labels},
    }


def test_l24_rows_left_over():
    """They are used in training; filler rows of their batch have no weight."""

    class Mean(nnx.Module):
        def __init__(self):
            self.mean = nnx.Param(jnp.zeros(()))

        def __call__(self, *, theta, **_):
            return self.mean * jnp.ones_like(theta)

    def fit(batch_size, fix):
        net = Mean()
        estimator = SFMPE(_flow(net), nnx.Rngs(0), fix=fix)
        estimator.fit(
            _rows(5), _rows(2), optax.sgd(0.1), n_iter=40, batch_size=batch_size
        )
        return float(net.mean[...])

    with pytest.raises(TypeError, match="Cannot reshape 5 training rows"):
        fit(2, [])
    # Velocities are values minus noise: 2 on average.
    assert fit(2, ["L24"]) == pytest.approx(2, abs=1)
    assert fit(100, ["L24"]) == pytest.approx(fit(5, []), abs=1e-5)


DRAWS = {
    "a": jnp.arange(40.0).reshape((8, 5, 1)),
    "b": 100 + jnp.arange(40.0).reshape((8, 5, 1)),
}


def _units(fixes):
    chosen = one_unit(jax.random.key(0), DRAWS, ["a", "b"], fixes)
    units = {}
    for name, leaf in chosen.items():
        assert leaf.shape == (8, 1, 1)
        units[name] = np.argmax(np.asarray(DRAWS[name] == leaf)[..., 0], 1)
    return units["a"], units["b"]


def test_l26_units():
    """By default all values have one unit; fixed, units vary together."""
    a, b = _units(())
    assert len(set(a)) == len(set(b)) == 1
    a, b = _units(["L26"])
    assert len(set(a)) > 1
    assert np.array_equal(a, b)


def test_l26_simulations():
    """Every stage has all of its simulations, with the sides in its order."""

    def flat(value, side="theta"):
        return jax.tree.map(lambda leaf: leaf * 0 + value, _rows(2))

    def values(data):
        return np.asarray(data["data"]["theta"])[:, 0, 0].astype(int).tolist()

    found = {}
    for fixes in ((), ("L26",)):
        simulations = Simulations(2, fixes)
        found[fixes] = [
            (
                values(simulations.first_stage(flat(10 * number))),
                values(
                    simulations.second_stage(
                        flat(10 * number + 1),
                        lambda number=number: (flat(10 * number + 2), {}),
                    )
                ),
            )
            for number in (1, 2)
        ]
    assert found[()] == [
        ([10, 10], [10, 10, 11, 11]),
        ([10, 10, 11, 11, 20, 20], [10, 10, 21, 21]),
    ]
    assert found["L26",] == [
        ([10, 10], [12, 12, 11, 11]),
        ([10, 10, 20, 20], [12, 12, 11, 11, 22, 22, 21, 21]),
    ]


def test_l26_loss():
    losses, n_rows = jnp.array([1.0, 4.0]), jnp.array([2, 1])
    assert epoch_loss(losses, n_rows, ()) == 5 + 2
    assert epoch_loss(losses, n_rows, ["L26"]) == 2
