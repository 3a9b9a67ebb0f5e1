"""Hypothesis strategies that the tests share, and their numbers of cases.

``HYPOTHESIS_PROFILE=nightly`` draws many more cases; ``fuzz`` draws
``FUZZ_EXAMPLES`` (10,000) in each test, as ``make fuzz`` does. With ``CI`` set
to anything, the same cases are drawn in every run.
"""

import math
import os
from typing import Any, NamedTuple

import numpy as np
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

PROFILE = os.environ.get("HYPOTHESIS_PROFILE") or "test"
_SHARED = settings(
    deadline=None,
    print_blob=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
_N_FUZZ = int(os.environ.get("FUZZ_EXAMPLES") or 10_000)
_SAME = {"derandomize": True, "database": None} if os.environ.get("CI") else {}
settings.register_profile("test", _SHARED, **_SAME)
settings.register_profile("nightly", _SHARED)
settings.register_profile("fuzz", _SHARED, max_examples=_N_FUZZ)
settings.load_profile(PROFILE)


def cases(
    nightly: int, test: int | None = None, *, costly: bool = False
) -> settings:
    """Return settings with a number of cases, larger at night than otherwise.

    The profile of ``make fuzz`` has its own number, or a tenth of it for costly
    cases.
    """
    if PROFILE == "fuzz":
        few = settings.default.max_examples // 10
        return settings(max_examples=few) if costly else settings()
    if PROFILE == "nightly":
        return settings(max_examples=nightly)
    return settings(max_examples=test or max(10, nightly // 8))


# Names that do not sort as a person would sort them: uppercase before
# lowercase, digits, an underscore, beyond ASCII and beyond 16 bits.
NAMES = [
    "mu",
    "theta",
    "obs",
    "A",
    "Z",
    "_x",
    "beta_10",
    "beta_9",
    "é",
    "\U0001d4b3",
    "",
]

DTYPES = [
    "float32",
    "float64",
    "float16",
    "int32",
    "int64",
    "int8",
    "uint8",
    "bool",
]

_SPECIAL = (np.nan, np.inf, -np.inf, -0.0)


def array_of(
    shape: tuple[int, ...], dtype: str = "float32", seed: int = 0
) -> np.ndarray:
    """Return an array whose values depend only on a seed."""
    rng = np.random.default_rng(seed)
    if np.dtype(dtype).kind == "f":
        values = rng.integers(-900, 900, shape) / 8
        odd = rng.random(shape) < 0.1
        special = rng.choice(_SPECIAL, shape)
        return np.where(odd, special, values).astype(dtype)
    if dtype == "bool":
        return np.asarray(rng.random(shape) < 0.5)
    info = np.iinfo(dtype)
    low, high = max(info.min, -900), min(info.max, 900)
    return np.asarray(rng.integers(low, high, shape, endpoint=True), dtype)


SEEDS = st.integers(0, 2**16)
SIZES = st.sampled_from([1, 2, 3, 2, 1, 0])
LAYOUTS = st.lists(SIZES, max_size=3).map(tuple)


def maybe(strategy: st.SearchStrategy, one_in: int) -> st.SearchStrategy:
    """Draw from a strategy once in so many times, and otherwise None."""
    return st.integers(1, one_in).flatmap(
        lambda i: strategy if i == one_in else st.none()
    )


def chance(one_in: int) -> st.SearchStrategy[bool]:
    """Draw True once in so many times."""
    return st.integers(1, one_in).map(lambda i: i == one_in)


@st.composite
def rules(
    draw: Any,
    shapes: dict[str, tuple[int, ...]],
    unknown: tuple[str, ...] = (),
    fitting: bool = True,
    max_rules: int = 3,
) -> dict:
    """Draw independence rules between keys of known event shapes.

    With ``fitting`` every cross_local rule fits the shapes of its keys;
    otherwise some do not.
    """
    names = [*shapes, *unknown]
    key = st.sampled_from(names)
    pair = st.tuples(key, key)
    drawn = {
        "local": draw(st.lists(key, max_size=max_rules)),
        "cross": draw(st.lists(pair, max_size=max_rules)),
        "cross_local": [],
    }
    for a, b in draw(st.lists(pair, max_size=max_rules)):
        maps = _maps(shapes.get(a), shapes.get(b))
        if not fitting and draw(chance(8)):
            dim = st.integers(-3, 3)
            maps = [draw(st.one_of(st.none(), st.tuples(dim, dim)))]
        if maps:
            rule = (a, b, draw(st.sampled_from(maps)))
            drawn["cross_local"].append(rule)
    kinds = draw(st.lists(st.sampled_from(list(drawn)), unique=True))
    return {kind: drawn[kind] for kind in kinds}


def _maps(a: tuple | None, b: tuple | None) -> list:
    """List the possible third parts of a rule between two shapes."""
    if a is None or b is None:
        return [None, (0, 0)]
    fitting: list = [
        (i - down_a * len(a), j - down_b * len(b))
        for i, m in enumerate(a)
        for j, n in enumerate(b)
        for down_a in (0, 1)
        for down_b in (0, 1)
        if m == n
    ]
    if math.prod(a) == math.prod(b):
        fitting.append(None)
    return fitting


class Call(NamedTuple):
    """Arguments of the legacy ``flatten_structured``."""

    data: dict
    kwargs: dict


@st.composite
def legacy_calls(draw: Any, faults: bool = True) -> Call:
    """Draw a call of ``flatten_structured``, sometimes one that is refused."""
    sample_ndims = draw(st.integers(0, 3))
    sides = {
        side: draw(
            st.lists(
                st.sampled_from(NAMES), min_size=1, max_size=4, unique=True
            )
        )
        for side in ("theta", "y")
    }
    if not draw(chance(5)):
        sides["y"] = [n for n in sides["y"] if n not in sides["theta"]]
        sides["y"] = sides["y"] or ["only y"]
    samples = _samples(draw, sample_ndims, faults)
    ndims = draw(st.sampled_from([None, (1,), (1, 2), (1, 2, 0)]))
    data: dict = {}
    batch_ndims: dict = {}
    one_dtype = draw(maybe(st.sampled_from(DTYPES), 2))
    for side, names in sides.items():
        data[side], batch_ndims[side] = {}, {}
        for name in names:
            shape = (*samples[side], *draw(LAYOUTS))
            n = 1 if ndims is None else draw(st.sampled_from(ndims))
            if n:
                shape += tuple(draw(st.lists(SIZES, min_size=n, max_size=n)))
            if faults and draw(chance(60)):
                shape = shape[1:]
            dtype = one_dtype or draw(st.sampled_from(DTYPES))
            data[side][name] = array_of(shape, dtype, draw(SEEDS))
            batch_ndims[side][name] = n
    _add_extras(draw, data, batch_ndims, faults)
    shapes = {
        side: {
            name: leaf.shape[sample_ndims : -batch_ndims[side][name]]
            for name, leaf in data[side].items()
        }
        for side in sides
    }
    kwargs: dict = {"data_sample_ndims": sample_ndims}
    if ndims is not None:
        kwargs["data_batch_ndims"] = _reordered(draw, batch_ndims, faults)
    if draw(st.booleans()):
        drawn = rules(
            {**shapes["theta"], **shapes["y"]}, ("absent",), not faults
        )
        kwargs["independence"] = draw(drawn)
        if faults and draw(chance(10)):
            _spoil(draw, kwargs["independence"], [*shapes["y"], "absent"])
    if draw(chance(3)):
        kwargs["event_shapes"] = _event_shapes(draw, shapes, samples, faults)
    if draw(chance(3)):
        kwargs["index"] = _index(draw, shapes, samples, faults)
    if draw(chance(3)):
        kwargs["pad_value"] = draw(PAD_VALUES)
    return Call(dict(draw(st.permutations(list(data.items())))), kwargs)


PAD_VALUES = st.sampled_from(
    [-7.5, 0.0, -0.0, 1e30, np.nan, -np.inf, 3, -999_999_999, np.float32(0.1)]
)


def _samples(draw: Any, sample_ndims: int, faults: bool) -> dict:
    """Draw the sample shapes of both sides; they may differ."""
    axes = st.lists(
        st.sampled_from([2, 1, 3, 0] if faults else [2, 1, 3]),
        min_size=sample_ndims,
        max_size=sample_ndims,
    ).map(tuple)
    theta = draw(axes)
    return {"theta": theta, "y": draw(axes) if draw(chance(4)) else theta}


def _add_extras(draw: Any, data: dict, batch_ndims: dict, faults: bool) -> None:
    """Add entries beside theta and y."""
    for name in ("theta_index", "y_index", "weights"):
        if not draw(chance(8)):
            continue
        width = draw(st.integers(1, 6))
        leaf = array_of((2, width))
        data[name] = {"k": leaf} if draw(st.booleans()) else leaf
        if name == "weights" and not (faults and draw(chance(4))):
            batch_ndims[name] = {"k": 1} if isinstance(data[name], dict) else 1


def _reordered(draw: Any, batch_ndims: dict, faults: bool) -> dict:
    """Shuffle the numbers of axes, and sometimes omit one."""
    shuffled = {
        side: dict(draw(st.permutations(list(entry.items()))))
        if isinstance(entry, dict)
        else entry
        for side, entry in batch_ndims.items()
    }
    if faults and draw(chance(30)):
        shuffled["y"].popitem()
    if faults and draw(chance(30)):
        shuffled["theta"]["absent"] = 1
    return shuffled


def _spoil(draw: Any, independence: dict, names: list[str]) -> None:
    """Insert a malformed rule at the first place of its kind."""
    a, b = draw(st.tuples(*[st.sampled_from(names)] * 2))
    kind, rule = draw(
        st.sampled_from(
            [
                ("cross", (a, b, None)),
                ("cross", (a,)),
                ("cross", 3),
                ("cross_local", (a, b)),
                ("cross_local", (a, b, 0)),
                ("cross_local", (a, b, (0,))),
                ("cross_local", (a, b, (0, 0, 0))),
                ("cross_local", (a, b, (0, "0"))),
                ("local", [a]),
                ("inward", (a, b)),
            ]
        )
    )
    independence[kind] = [rule, *independence.get(kind, [])]


def _event_shapes(draw: Any, shapes: dict, samples: dict, faults: bool) -> dict:
    """Draw true event shapes: integers or not, shared or per sample."""
    dtype = draw(st.sampled_from(["int64", "int32", "float64", "float32"]))
    sizes: dict = {}
    for side, entry in shapes.items():
        lead = draw(st.sampled_from(["full", "once", "none"]))
        sizes[side] = {}
        for name, shape in entry.items():
            if lead == "full":
                shown = samples[side]
            else:
                shown = (1,) * len(samples[side]) if lead == "once" else ()
            n = len(shape)
            if faults and draw(chance(20)):
                n = draw(st.integers(0, 3))
            halves = array_of((*shown, n), "int32", draw(SEEDS)) % 9 - 1
            sizes[side][name] = (halves / 2).astype(dtype)
        if faults and draw(chance(20)):
            sizes[side].popitem()
    if faults and draw(chance(30)):
        del sizes["y"]
    return sizes


def _index(draw: Any, shapes: dict, samples: dict, faults: bool) -> dict:
    """Draw an index for all keys, for some, or for unknown keys."""
    width = draw(st.integers(0, 3))
    dtype = draw(st.sampled_from(["float32", "float64", "int32"]))
    once = draw(chance(4))
    index = {}
    for side, entry in shapes.items():
        for name, shape in entry.items():
            if faults and draw(chance(6)):
                continue
            lead = samples[side]
            if once:
                lead = (1,) * len(lead)
            if faults and draw(chance(40)):
                lead = lead[1:]
            columns = draw(st.integers(1, 2)) if draw(chance(40)) else width
            given = "float16" if draw(chance(20)) else dtype
            index[name] = array_of((*lead, *shape, columns), given, draw(SEEDS))
    if draw(chance(4)):
        index["absent"] = array_of((5, 1))
    return dict(draw(st.permutations(list(index.items()))))


@st.composite
def flat_dicts(draw: Any) -> tuple[dict, dict]:
    """Draw two operands of the legacy ``combine_data``."""
    width = draw(st.integers(0, 3))
    parts = draw(
        st.fixed_dictionaries(
            {
                "labels": st.sampled_from(["both", "both", "one"]),
                "padding": st.sampled_from(["both", "none", "one"]),
                "attention": st.sampled_from(["both", "none", "one"]),
                "index": st.sampled_from(["both", "none", "one"]),
            }
        )
    )
    operands = [_operand(draw, parts, width, number) for number in (0, 1)]
    if draw(st.booleans()):
        operands.reverse()
    return operands[0], operands[1]


def _operand(draw: Any, parts: dict, width: int, number: int) -> dict:
    n = draw(st.integers(0, 3))
    sizes = {"theta": draw(st.integers(0, 4)), "y": draw(st.integers(0, 4))}
    dtype = draw(st.sampled_from(DTYPES))

    def rows() -> int:
        return draw(st.sampled_from([1, n, n, n, 3 if draw(chance(9)) else 1]))

    def has(part: str) -> bool:
        return parts[part] == "both" or (parts[part] == "one" and number == 0)

    def make(shape: tuple, kind: str) -> np.ndarray:
        return array_of(shape, kind, draw(SEEDS))

    data = {}
    for side, size in sizes.items():
        columns = draw(st.integers(1, 3)) if draw(chance(30)) else width
        count = draw(st.integers(0, 3)) if draw(chance(15)) else n
        extra = (draw(st.integers(0, 2)),) if draw(chance(20)) else ()
        data[side] = make((count, *extra, size, columns), dtype)
    flat: dict = {"data": data}
    if draw(chance(30)):
        del data[draw(st.sampled_from(["theta", "y"]))]
    if has("labels"):
        flat["labels"] = {
            side: make((rows(), size), "int8") for side, size in sizes.items()
        }
    masks = {}
    if has("attention"):
        t, y = sizes["theta"], sizes["y"]
        masks["attention"] = {
            name: make((rows(), *shape), "bool").astype("float32")
            for name, shape in {
                "y": (y, y),
                "theta": (t, t),
                "cross": (t, y),
            }.items()
        }
    if has("padding"):
        masks["padding"] = {
            side: make((rows(), size), "bool").astype("float32")
            for side, size in sizes.items()
        }
    if masks or draw(chance(4)):
        flat["masks"] = masks
    if has("index"):
        inputs = 2 if draw(chance(20)) else 1
        kind = draw(st.sampled_from(["float32", "float64", "int32"]))
        flat["index"] = {
            side: make((rows(), size, inputs), kind)
            for side, size in sizes.items()
        }
    return dict(draw(st.permutations(list(flat.items()))))


class Tree(NamedTuple):
    """Arguments of ``Tokens.from_pytree``, and what is known about them."""

    data: dict
    kwargs: dict
    sample_shape: tuple[int, ...]
    shapes: dict[str, tuple[int, ...]]


@st.composite
def trees(
    draw: Any,
    max_keys: int = 4,
    nested: bool = True,
    min_sample_ndims: int = 0,
    padded: bool = True,
    named: bool = True,
) -> Tree:
    """Draw valid arguments of ``Tokens.from_pytree``."""
    sample = draw(
        st.lists(st.integers(1, 3), min_size=min_sample_ndims, max_size=2)
    )
    names = draw(
        st.lists(
            st.sampled_from([name for name in NAMES if name]),
            min_size=1,
            max_size=max_keys,
            unique=True,
        )
    )
    dtype = draw(st.sampled_from(["float32", "int32", "float16"]))
    data: dict = {}
    shapes, batch_ndims, inputs, sizes = {}, {}, {}, {}
    for name in names:
        path = ("site", name) if nested and draw(chance(3)) else (name,)
        full = "/".join(path)
        event, batch = draw(LAYOUTS), draw(st.lists(SIZES, max_size=2))
        node = data.setdefault("site", {}) if len(path) > 1 else data
        node[name] = array_of((*sample, *event, *batch), dtype, draw(SEEDS))
        shapes[full], batch_ndims[full] = event, len(batch)
        if draw(st.booleans()):
            lead = () if draw(chance(3)) else sample
            n_inputs = draw(st.integers(1, 2))
            inputs[full] = array_of(
                (*lead, *event, n_inputs), "float32", draw(SEEDS)
            )
        if padded and draw(chance(3)):
            true = array_of((*sample, len(event)), "int32", draw(SEEDS))
            sizes[full] = true % (np.array(event, "int32") + 1)
    independence = draw(rules(shapes))
    dims, groups = _names(draw, shapes) if named else ({}, {})
    independence |= draw(_rules_by_name(dims, groups, independence))
    return Tree(
        data,
        {
            "independence": independence,
            "functional_inputs": inputs or None,
            "sample_ndims": len(sample),
            "batch_ndims": batch_ndims,
            "event_shapes": sizes or None,
            "dims": dims or None,
            "groups": groups or None,
        },
        tuple(sample),
        shapes,
    )


def _names(draw: Any, shapes: dict) -> tuple[dict, dict]:
    """Draw names of axes, and groups; each name has one size."""
    dims: dict = {}
    groups: dict = {}
    for key, shape in shapes.items():
        axes = [f"of {size}" for size in shape]
        if axes and len(set(axes)) == len(axes) and draw(chance(2)):
            dims[key] = axes
        if len(shape) == 1 and draw(chance(2)):
            sizes = st.sampled_from([1, 2, 3])
            for size in draw(st.lists(sizes, max_size=2, unique=True)):
                if f"of {size}" not in axes:
                    ids = array_of(shape, "int32", draw(SEEDS)) % size
                    groups.setdefault(key, {})[f"of {size}"] = ids
    return dims, groups


@st.composite
def _rules_by_name(draw: Any, dims: dict, groups: dict, old: dict) -> dict:
    """Draw rules between keys that share a dimension; {} if none do."""
    names = {
        key: {*dims.get(key, ()), *groups.get(key, ())}
        for key in {**dims, **groups}
    }
    fitting = [
        (a, b, name)
        for a in names
        for b in names
        for name in sorted(names[a] & names[b])
    ]
    if not fitting:
        return {}
    drawn = draw(st.lists(st.sampled_from(fitting), max_size=2))
    return {"cross_local": [*old.get("cross_local", []), *drawn]}
