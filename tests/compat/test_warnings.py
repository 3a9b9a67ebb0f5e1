"""Warnings of reproduced defects: present where harmful, else absent."""

import warnings

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from flax import nnx

from refusals import refused
from tfmpe import compat
from tfmpe.compat import LegacyWarning, defects, legacy_warnings
from tfmpe.compat.cnf import CNF
from tfmpe.compat.defects import l36_repeated_rounds
from tfmpe.compat.defects.l19_repeated_noise import estimator_key
from tfmpe.compat.defects.l22_masks_without_effect import ignore_masks
from tfmpe.compat.defects.l26_rounds import check_rounds
from tfmpe.compat.defects.l37_first_leaf_only import leaf_event_ndims
from tfmpe.compat.defects.l38_constant_counted_once import count_elements
from tfmpe.compat.defects.l40_scaled_by_itself import (
    check_moments,
    moment_axes,
)
from tfmpe.compat.defects.l41_specs_by_last_key import specs_by_path
from tfmpe.compat.defects.l42_p_value import p_value
from tfmpe.compat.defects.l45_unused_samples import warn_of_samples
from tfmpe.compat.defects.l54_unequal_points import base_draws
from tfmpe.compat.fmpe import FMPE
from tfmpe.compat.infinite import index_theta
from tfmpe.compat.util.data import stack_data


def _leaf(*shape, dtype=np.float32):
    return np.ones(shape, dtype)


def _ones(*shape):
    return jnp.ones(shape)


def _flatten(theta, y, **kwargs):
    """Call flatten_structured on keys of given shapes, three samples each."""
    data = {
        side: {name: _leaf(3, *shape) for name, shape in shapes.items()}
        for side, shapes in (("theta", theta), ("y", y))
    }
    return compat.flatten_structured(data, **kwargs)


def _index(*names):
    return {name: _leaf(3, 1, 1) for name in names}


def _l1(names):
    index = _index(*names, "obs")
    _flatten(dict.fromkeys(names, (1, 1)), {"obs": (1, 1)}, index=index)


def _l2(*indexed):
    theta = {"a": (1, 1), "b": (1, 1)}
    _flatten(theta, {"obs": (1, 1)}, index=_index(*indexed, "obs"))


def _l3(name):
    _flatten({"a": (1, 1)}, {name: (1, 1)})


def _l8(**rules):
    _flatten({"mu": (1, 1)}, {"obs": (2, 1)}, independence=rules)


def _l9(unit, dims=(0, 0)):
    rules = {"cross_local": [("unit", "obs", dims)]}
    _flatten({"unit": (*unit, 1)}, {"obs": (2, 2, 1)}, independence=rules)


def _l11(width):
    data = {
        "theta": {"a": _leaf(3, 1, 1)},
        "y": {"b": _leaf(3, 1, 2)},
        "weights": _leaf(3, width),
    }
    compat.flatten_structured(data)


def _l12(name):
    data = {
        "theta": {"a": _leaf(3, 1, 1)},
        "y": {"b": _leaf(3, 1, 1)},
        name: {"a": _leaf(3, 1, 1)},
    }
    ndims = {"theta": {"a": 1}, "y": {"b": 1}, name: {"a": 1}}
    compat.flatten_structured(data, data_batch_ndims=ndims)


def _l14(dtype, width=1, **kwargs):
    data = {
        "theta": {"a": _leaf(3, 1, width, dtype=dtype)},
        "y": {"b": _leaf(3, 1, 2)},
    }
    compat.flatten_structured(data, **kwargs)


def _flat(n_theta=3, n_y=3, index=True, **more):
    flat = {
        "data": {"theta": _leaf(n_theta, 2, 1), "y": _leaf(n_y, 2, 1)},
        "labels": {"theta": _leaf(1, 2), "y": _leaf(1, 2)},
        **more,
    }
    if index:
        flat["index"] = {"theta": _leaf(1, 2, 1), "y": _leaf(1, 2, 1)}
    return flat


_ATTENTION = {
    "attention": dict.fromkeys(("y", "theta", "cross"), _leaf(1, 2, 2))
}


def _without_labels():
    return {name: part for name, part in _flat().items() if name != "labels"}


def _two_sample_axes():
    data = {"theta": _leaf(3, 2, 2, 1), "y": _leaf(3, 2, 2, 1)}
    compat.combine_data({"data": data}, {"data": data})


def _l25(rows, size=4, **kwargs):
    compat.split_data({"a": _leaf(4, 1), "b": _leaf(rows, 1)}, size, **kwargs)


def _l39(order, **options):
    inputs = {"a": _leaf(3, 1), "b": _leaf(3, 1)}
    index_theta({"x": _leaf(3, 1)}, inputs, {"x": order}, **options)


def _l51(shuffle, **options):
    rows = {"data": {"y": _leaf(3, 1)}}
    compat.as_batch_iterator(jax.random.key(0), rows, 2, shuffle, **options)


def _field(*, theta, **_):
    return theta


def _flow(**options):
    return compat.StructuredCNF(_field, nnx.Rngs(0), **options)


def _plain_flow(**options):
    return CNF(_field, nnx.Rngs(0), **options)


def _l18(**options):
    label = jnp.zeros((1, 1), jnp.int8)
    _flow(**options).log_prob(
        *(_ones(1, 1, 1), label, None, None),
        *(_ones(1, 1, 1), label, None, None),
        cross_mask=None,
        n_epsilon=1,
    )


def _l28(**options):
    _plain_flow(**options).log_prob(_ones(2, 1), _ones(1, 1), n_epsilon=1)


def _l30(*shape, **options):
    estimator = FMPE(_plain_flow(), nnx.Rngs(0), **options)
    estimator.sample_base_dist(_ones(2, *shape), _ones(2, 1), shape)


def _l35(*times, direction="forward"):
    start = _ones(1, 1)
    _plain_flow().sample(
        *(_ones(1, 1), (1,), 1, start, direction),
        return_times=jnp.array(times),
    )


def _draw(width=1, theta_0=None, **options):
    estimator = compat.SFMPE(_flow(), nnx.Rngs(0), **options)
    label = jnp.zeros((1, 1), jnp.int8)
    estimator.sample_posterior(
        _ones(1, 1, width),
        {"theta": label, "y": label},
        {"a": {"offset": 0, "event_shape": (1,), "batch_shape": (1,)}},
        n_samples=1,
        theta_0=theta_0,
    )


def _l20(cls, rngs=None, **options):
    """Create two objects; only the second can share random numbers."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        cls(_flow())
    cls(_flow(), rngs, **options)


def _l21_training(padded, **options):
    flat = _flat(index=False)
    flat["data"]["theta"][:, padded] = compat.PAD_VALUE
    flat["masks"] = {
        "padding": {"theta": np.float32([[1, 0]] * 3), "y": _leaf(3, 2)}
    }
    labels = {name: np.zeros((3, 2), np.int8) for name in ("theta", "y")}
    estimator = compat.SFMPE(_flow(), nnx.Rngs(0), **options)
    flat["labels"] = labels
    estimator.fit(flat, flat, optax.sgd(0.0), n_iter=1, batch_size=3)


def _l42(statistic, fixes=()):
    p_value(jnp.float32(statistic), jnp.ones(3), fixes)


# Class, code, calls that warn once, and calls that do not warn.
DEFECTS = [
    (
        "IndexRowsSortedWarning",
        "L1",
        [lambda: _l1(["z", "a"]), lambda: _l1(["b", "c", "a"])],
        [
            lambda: _l1(["a", "z"]),
            lambda: _flatten({"z": (1, 1), "a": (1, 1)}, {"obs": (1, 1)}),
        ],
    ),
    (
        "IndexRowsMissingWarning",
        "L2",
        [lambda: _l2("a"), lambda: _l2("b", "unknown")],
        [lambda: _l2("a", "b"), lambda: _l2("a", "b", "unknown")],
    ),
    ("SharedLabelsWarning", "L3", [lambda: _l3("a")], [lambda: _l3("A")]),
    (
        "OneWayRuleWarning",
        "L8",
        [
            lambda: _l8(cross=[("obs", "mu")]),
            lambda: _l8(cross_local=[("obs", "mu", (0, 0))]),
        ],
        [
            lambda: _l8(cross=[("mu", "obs")]),
            lambda: _l8(cross=[("obs", "mu"), ("mu", "obs")]),
            lambda: _l8(local=["obs"]),
            lambda: _l8(cross=[("absent", "mu"), ("obs", "obs")]),
        ],
    ),
    (
        "ElementwisePairingWarning",
        "L9",
        [lambda: _l9((2, 2)), lambda: _l9((2, 2), (1, 0))],
        [lambda: _l9((2,)), lambda: _l9((2, 1)), lambda: _l9((4,), None)],
    ),
    (
        "WidthOfExtrasWarning",
        "L11",
        [lambda: _l11(3)],
        [lambda: _l11(2), lambda: _l11(1)],
    ),
    (
        "CallerChangedWarning",
        "L12",
        [lambda: _l12("theta_index"), lambda: _l12("y_index")],
        [lambda: _l12("weights"), lambda: _l11(1)],
    ),
    (
        "PadValueOverflowWarning",
        "L14",
        [
            lambda: _l14(np.int8),
            lambda: _l14(np.uint8),
            lambda: _l14(np.bool_),
            lambda: _l14(np.float16),
            lambda: _l14(np.int32, pad_value=np.nan),
        ],
        [
            lambda: _l14(np.int32),
            lambda: _l14(np.float64),
            lambda: _l14(np.int8, pad_value=-1.0),
            lambda: _l14(np.float16, pad_value=-0.1),
            lambda: _l14(np.float32, pad_value=np.nan),
            lambda: _l14(np.int8, width=2),
        ],
    ),
    (
        "PartsDroppedWarning",
        "L16",
        [
            lambda: compat.combine_data(_flat(), _flat(index=False)),
            lambda: compat.combine_data(_flat(index=False), _flat()),
            lambda: compat.combine_data(_flat(), _without_labels()),
            lambda: compat.combine_data(_flat(masks=_ATTENTION), _flat()),
        ],
        [
            lambda: compat.combine_data(_flat(), _flat()),
            lambda: compat.combine_data(_flat(index=False), _flat(index=False)),
            lambda: compat.combine_data(_without_labels(), _without_labels()),
            lambda: compat.combine_data(
                _flat(masks=_ATTENTION), _flat(masks=_ATTENTION)
            ),
        ],
    ),
    (
        "SamplesMixedUpWarning",
        "L17",
        [lambda: compat.combine_data(_flat(), _flat(n_theta=4))],
        [lambda: compat.combine_data(_flat(), _flat(n_theta=4, n_y=4))],
    ),
    (
        "NegativeTimeWarning",
        "L18",
        [_l18],
        [lambda: _l18(fix=["L18"])],
    ),
    (
        "RepeatedNoiseWarning",
        "L19",
        [_draw],
        [
            lambda: _draw(fix=["L19"]),
            lambda: _draw(theta_0=_ones(1, 1, 1)),
        ],
    ),
    (
        "SharedRngsWarning",
        "L20",
        [lambda: _l20(compat.StructuredCNF), lambda: _l20(compat.SFMPE)],
        [
            lambda: _l20(compat.StructuredCNF, nnx.Rngs(0)),
            lambda: _l20(compat.SFMPE, fix=["L20"]),
        ],
    ),
    (
        "PaddedValuesWarning",
        "L21",
        [
            lambda: _draw(width=2, theta_0=_ones(1, 1, 1)),
            lambda: _l21_training(padded=0),
        ],
        [
            lambda: _draw(width=2, theta_0=_ones(1, 1, 2), fix=["L21"]),
            lambda: _l21_training(padded=1),
            lambda: _l21_training(padded=0, fix=["L21"]),
        ],
    ),
    (
        "MasksWithoutEffectWarning",
        "L22",
        [
            lambda: ignore_masks(theta_mask=np.zeros((1, 1, 2, 2))),
            lambda: jax.jit(lambda m: ignore_masks(context_mask=m))(1.0),
        ],
        [lambda: ignore_masks(theta_mask=None, context_mask=np.ones(1))],
    ),
    (
        "ClampedSplitWarning",
        "L25",
        [
            lambda: _l25(1),
            lambda: _l25(4, size=5),
            lambda: _l25(5, shuffle_rng=jax.random.key(0)),
        ],
        [lambda: _l25(4), lambda: _l25(4, shuffle_rng=jax.random.key(0))],
    ),
    (
        "RoundsWarning",
        "L26",
        [lambda: check_rounds(2, ())],
        [lambda: check_rounds(1, ()), lambda: check_rounds(2, ["L26"])],
    ),
    (
        "PlainNegativeTimeWarning",
        "L28",
        [_l28],
        [lambda: _l28(fix=["L28"])],
    ),
    (
        "DroppedAxisWarning",
        "L30",
        [lambda: _l30(2, 1)],
        [lambda: _l30(2), lambda: _l30(2, 1, fix=["L30"])],
    ),
    (
        "ReturnTimesWarning",
        "L35",
        [
            lambda: _l35(0.5, 1.0),
            lambda: _l35(0.0, 0.5, direction="backward"),
        ],
        [
            lambda: _l35(0.0, 0.5),
            lambda: _l35(0.5, 1.0, direction="backward"),
        ],
    ),
    (
        "FirstLeafOnlyWarning",
        "L37",
        [lambda: leaf_event_ndims([1, 2], 0, ())],
        [
            lambda: leaf_event_ndims([1, 2], None, ()),
            lambda: leaf_event_ndims([1, 2], [0, 0], ()),
            lambda: leaf_event_ndims([1, 2], 0, ["L37"]),
        ],
    ),
    (
        "ConstantCountedOnceWarning",
        "L38",
        [lambda: count_elements((), np.ones(()), (3,), ())],
        [
            lambda: count_elements((), np.zeros(()), (3,), ()),
            lambda: count_elements((), np.ones(3), (3,), ()),
            lambda: count_elements((), np.ones(()), (3,), ["L38"]),
        ],
    ),
    (
        "ColumnsByPlaceWarning",
        "L39",
        [lambda: _l39(["b", "a"])],
        [lambda: _l39(["a", "b"]), lambda: _l39(["b", "a"], fix=["L39"])],
    ),
    (
        "ScaledByItselfWarning",
        "L40",
        [
            lambda: moment_axes((), _leaf(3), ()),
            lambda: check_moments((), [_leaf(3) * np.nan], ()),
        ],
        [
            lambda: moment_axes((), _leaf(3, 1), ()),
            lambda: moment_axes((), _leaf(3), ["L40"]),
            lambda: check_moments((), [_leaf(3)], ()),
        ],
    ),
    (
        "SpecsByLastKeyWarning",
        "L41",
        [lambda: specs_by_path([("a",)], {"b": 1}, ())],
        [
            lambda: specs_by_path([("a",)], {"a": 1}, ()),
            lambda: specs_by_path([("a",), ("b",)], {"a": 1}, ["L41"]),
        ],
    ),
    (
        "NamesNotComparedWarning",
        "L49",
        [lambda: stack_data({"a": _leaf(1, 1)}, {"b": _leaf(1, 1)})],
        [lambda: stack_data({"a": _leaf(1, 1)}, {"a": _leaf(1, 1)})],
    ),
    (
        "AlwaysShuffledWarning",
        "L51",
        [lambda: _l51(False), lambda: _l51(False, fix=["L19"])],
        [lambda: _l51(True), lambda: _l51(False, fix=["L51"])],
    ),
    (
        "RepeatedRoundsWarning",
        "L36",
        [lambda: l36_repeated_rounds.check_rounds(3, ())],
        [
            lambda: l36_repeated_rounds.check_rounds(2, ()),
            lambda: l36_repeated_rounds.check_rounds(3, ["L36"]),
        ],
    ),
    (
        "NanStatisticWarning",
        "L42",
        [lambda: _l42(np.nan)],
        [lambda: _l42(1.0), lambda: _l42(np.nan, ["L42"])],
    ),
    ("UnusedSamplesWarning", "L45", [warn_of_samples], []),
    (
        "UnequalPointsWarning",
        "L54",
        [lambda: base_draws(jax.random.key(0), 4, 2, 1, ())],
        [
            lambda: base_draws(jax.random.key(0), 4, 1, 1, ()),
            lambda: base_draws(jax.random.key(0), 4, 2, 1, ["L54"]),
        ],
    ),
]
WARNING = [
    pytest.param(name, code, call, id=f"{code}-{i}")
    for name, code, calls, _ in DEFECTS
    for i, call in enumerate(calls)
]
SILENT = [
    pytest.param(call, id=f"{code}-{i}")
    for _, code, _, calls in DEFECTS
    for i, call in enumerate(calls)
]


def _caught(call):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        call()
    return caught


@pytest.fixture(autouse=True)
def _default_mode(monkeypatch):
    monkeypatch.delenv(legacy_warnings.VARIABLE, raising=False)


@pytest.mark.parametrize(("name", "code", "call"), WARNING)
def test_a_defect_warns_once(name, code, call):
    (warning,) = _caught(call)
    cls = getattr(defects, name)
    assert warning.category is cls
    assert cls.code == code
    text = str(warning.message)
    assert text.startswith(f"{code}: ")
    assert text.endswith(f" See MIGRATION.md#{code.lower()}.")
    assert warning.filename == __file__


@pytest.mark.parametrize("call", SILENT)
def test_a_harmless_call_does_not_warn(call):
    assert not _caught(call)


def test_two_sample_axes_warn_for_each_array():
    """Both operands and both sides are padded on the wrong axis."""
    caught = _caught(_two_sample_axes)
    assert [w.category for w in caught] == [defects.SamplesMixedUpWarning] * 4


def test_every_defect_is_tested():
    """A new warning class needs an entry above."""
    classes = LegacyWarning.__subclasses__()
    classes += [below for cls in classes for below in cls.__subclasses__()]
    names = {cls.__name__ for cls in classes}
    assert names == {name for name, *_ in DEFECTS}
    assert names == {n for n in vars(defects) if n.endswith("Warning")}
    assert len({cls.code for cls in classes}) == len(classes)


def test_one_filter_names_all_of_them():
    """They share a base class, which is a subclass of UserWarning."""
    assert issubclass(LegacyWarning, UserWarning)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        warnings.simplefilter("ignore", LegacyWarning)
        _l3("a")
    assert not caught


def test_texts_name_keys_and_numbers():
    """They name what was affected and the remedy."""
    (warning,) = _caught(lambda: _l1(["z", "a"]))
    assert str(warning.message) == (
        "L1: the rows of index['theta'] are in the order of the sorted keys "
        "['a', 'z'], but the rows of data['theta'] are in the order "
        "['z', 'a'], so they do not match. Sort the keys, or use Tokens, whose "
        "functional inputs follow the data. See MIGRATION.md#l1."
    )
    (warning,) = _caught(lambda: _l9((2, 2)))
    assert "leaves 4 of 8 matching pairs of tokens closed" in str(
        warning.message
    )
    (warning,) = _caught(lambda: _l14(np.int8))
    assert "-100000000.0 becomes -128 in int8" in str(warning.message)


@pytest.mark.parametrize(("name", "code", "call"), WARNING)
def test_errors_on_request(name, code, call, monkeypatch):
    monkeypatch.setenv("TFMPE_COMPAT", "error")
    with pytest.raises(getattr(defects, name), match=f"^{code}: "):
        call()


@pytest.mark.parametrize(("name", "code", "call"), WARNING)
def test_silence_on_request(name, code, call, monkeypatch):
    monkeypatch.setenv("TFMPE_COMPAT", "ignore")
    assert not _caught(call)


@pytest.mark.parametrize("mode", ["warn", ""])
def test_warnings_are_the_default(mode, monkeypatch):
    monkeypatch.setenv("TFMPE_COMPAT", mode)
    assert len(_caught(lambda: _l3("a"))) == 1


def test_an_unknown_mode_is_refused(monkeypatch):
    monkeypatch.setenv("TFMPE_COMPAT", "nonsense")
    message = (
        "The environment variable TFMPE_COMPAT is 'nonsense'; expected one "
        "of ['warn', 'ignore', 'error']."
    )
    with refused(ValueError, message):
        _l3("a")


@pytest.mark.parametrize("mode", ["warn", "ignore"])
def test_results_do_not_depend_on_the_mode(mode, monkeypatch):
    """Labels do not change if warnings are silenced."""
    monkeypatch.setenv("TFMPE_COMPAT", mode)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        flat, _ = _flatten({"a": (1, 1)}, {"a": (1, 1), "b": (1, 1)})
    assert flat["labels"]["theta"].tolist() == [[1]]
    assert flat["labels"]["y"].tolist() == [[1, 2]]


def test_repeated_noise_is_that_of_any_estimator():
    with pytest.warns(
        defects.RepeatedNoiseWarning, match="^L19: the estimator draws"
    ):
        estimator_key(nnx.Rngs(0), jnp.zeros((1, 2)), ())
