"""Modules, names, signatures and defaults are those of the legacy package."""

import importlib
import inspect
import os
import subprocess
import sys

import numpy as np
import pytest

from tfmpe import compat

# Parameters without their kinds; `...` stands for no default.
SIGNATURES = {
    "util.dataloader": {
        "flatten_structured": {
            "data": ...,
            "data_sample_ndims": 1,
            "data_batch_ndims": None,
            "index": None,
            "pad_value": -1e8,
            "event_shapes": None,
            "independence": {},
        },
        "decode_theta": {
            "theta": ...,
            "theta_slices": ...,
            "sample_shape": ...,
        },
        "combine_data": {"x": ..., "y": ..., "pad_value": -1e8},
        "pad_multidim_event": {
            "arr": ...,
            "event_start": ...,
            "max_shape": ...,
            "pad_value": -1e8,
        },
        "build_padding_mask": {"block_slices": ..., "event_shapes": ...},
    },
    "utils": {
        "split_data": {
            "data": ...,
            "size": ...,
            "split": 0.8,
            "shuffle_rng": None,
        },
    },
}

# Names whose legacy signature is not written down, and how they are called.
CALLS = {
    "util.dataloader": {
        "build_self_attention_mask": ("slices", "independence"),
        "build_cross_attention_mask": ("query", "key", "independence"),
        "flatten_blocks": ("blocks", 1, None, -1e8, 1),
        "_flatten_index": ("index", -1e8, 1),
        "event_indices": ((2, 2),),
        "flatten_index_tuple": ((0, 0), (2, 2)),
        "pad_1d": ("array", 3, 0.0),
        "pad_2d": ("array", 3, 0.0),
        "pad_2d_cross": ("array", 3, 4, 0.0),
        "encode_unknown_theta": ("slices",),
        "as_batch_iterator": ("key", "data", 10, True),
        "as_batch_iterators": ("key", "data", 10, 0.9, True),
    },
    "sfmpe": {"_make_attention_masks": (None,)},
    "fmpe": {
        "theta_t_linear": ("key", "times", "theta", 0.001),
        "ut_linear": ("theta_t", "theta", "times", 0.001),
    },
}
NAMES = [
    (module, name)
    for table in (SIGNATURES, CALLS)
    for module, names in table.items()
    for name in names
] + [
    ("util.dataloader", "PAD_VALUE"),
    ("structured_cnf", "StructuredCNF"),
    ("sfmpe", "SFMPE"),
    ("bottom_up", "train_bottom_up"),
    ("svf", "StructuredVectorField"),
]

DATA = {
    "context": ...,
    "labels": ...,
    "theta_slices": ...,
    "masks": None,
    "index": None,
}
DRAWS = {**DATA, "n_samples": 1000, "theta_0": None, "direction": "forward"}
SIDE = ("label", "index", "mask")
CONTEXT = ["context", *(f"context_{name}" for name in SIDE)]
THETA = [f"theta_{name}" for name in SIDE]
NINE = [*CONTEXT, "theta_shape", *THETA, "cross_mask"]
TEN = ["theta", *THETA, "time", *CONTEXT, "cross_mask"]

METHODS = {
    ("structured_cnf", "StructuredCNF"): {
        "sample": {
            **dict.fromkeys(NINE, ...),
            "sample_size": 1,
            "theta_0": None,
            "direction": "forward",
        },
        "vector_field": dict.fromkeys(TEN, ...),
        "log_prob": {
            **dict.fromkeys([n for n in TEN if n != "time"], ...),
            "n_epsilon": 10,
        },
    },
    ("sfmpe", "SFMPE"): {
        "sample_posterior": DRAWS,
        "sample_posterior_encoded": DRAWS,
        "sample_base_dist": {"theta": ..., **DATA},
        "log_prob_posterior_samples": {
            "posterior_samples_encoded": ...,
            "context": ...,
            "labels": ...,
            "masks": None,
            "index": None,
        },
    },
}


def _get(module, name):
    return getattr(importlib.import_module(f"tfmpe.compat.{module}"), name)


@pytest.mark.parametrize(("module", "name"), NAMES)
def test_names_are_where_they_were_and_in_compat(module, name):
    assert _get(module, name) is getattr(compat, name)


@pytest.mark.parametrize(
    ("module", "name", "expected"),
    [
        (m, n, sig)
        for m, names in SIGNATURES.items()
        for n, sig in names.items()
    ],
)
def test_signatures(module, name, expected):
    """Names, order, defaults; all by position or by name."""
    parameters = inspect.signature(_get(module, name)).parameters
    given = {
        p.name: ... if p.default is p.empty else p.default
        for p in parameters.values()
    }
    assert list(given.items()) == list(expected.items())
    kinds = {p.kind for p in parameters.values()}
    assert kinds == {inspect.Parameter.POSITIONAL_OR_KEYWORD}


@pytest.mark.parametrize(
    ("owner", "method"),
    [
        (owner, method)
        for owner, methods in METHODS.items()
        for method in methods
    ],
)
def test_signatures_of_methods(owner, method):
    function = getattr(_get(*owner), method)
    _, *parameters = inspect.signature(function).parameters.values()
    given = {
        p.name: ... if p.default is p.empty else p.default for p in parameters
    }
    assert list(given.items()) == list(METHODS[owner][method].items())
    kinds = {p.kind for p in parameters}
    assert kinds == {inspect.Parameter.POSITIONAL_OR_KEYWORD}


def test_the_signature_of_fit():
    """Its optimiser is one object, whatever the instance."""
    parameters = inspect.signature(_get("sfmpe", "SFMPE").fit).parameters
    assert list(parameters) == [
        "self",
        "train",
        "val",
        "optimizer",
        "n_iter",
        "batch_size",
    ]
    assert parameters["n_iter"].default == 1000
    assert parameters["batch_size"].default == 100


@pytest.mark.parametrize(
    ("module", "name", "args"),
    [(m, n, args) for m, names in CALLS.items() for n, args in names.items()],
)
def test_calls_by_position(module, name, args):
    inspect.signature(_get(module, name)).bind(*args)


def test_the_pad_value():
    assert type(compat.PAD_VALUE) is float
    assert compat.PAD_VALUE == -1e8


def test_the_default_rules_are_never_changed():
    """A default that is one dictionary for all calls."""
    leaf = np.ones((2, 1, 1))
    data = {"theta": {"a": leaf}, "y": {"b": leaf}}
    flat, _ = compat.flatten_structured(data)
    assert "masks" not in flat
    function = inspect.signature(compat.flatten_structured)
    assert function.parameters["independence"].default == {}


SCRIPT = """
import numpy as np
from sfmpe.sfmpe import _make_attention_masks
from sfmpe.util.dataloader import PAD_VALUE, combine_data, decode_theta
from sfmpe.util.dataloader import flatten_structured
import sfmpe.util.dataloader as dataloader
from sfmpe.utils import split_data

data = {
    "theta": {"mu": np.zeros((4, 1, 1)), "theta": np.ones((4, 2, 1))},
    "y": {"obs": np.ones((4, 2, 3, 1))},
}
flat, slices = flatten_structured(data, independence={"local": ["obs"]})
both = combine_data(flat, flat)
train, val = split_data(both, 8)
theta = decode_theta(train["data"]["theta"], slices["theta"], (6,))
masks = _make_attention_masks(both["masks"])
assert dataloader.PAD_VALUE is PAD_VALUE
print(theta["theta"].shape, [mask.shape for mask in masks])
"""


def _run(code, folder):
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join(sys.path),
        "PYTHONWARNINGS": "error",
    }
    environment.pop("TFMPE_COMPAT", None)
    path = folder / "script.py"
    path.write_text(code)
    return subprocess.run(
        [sys.executable, str(path)],
        capture_output=True,
        text=True,
        check=False,
        env=environment,
    )


def test_a_script_with_its_imports_swapped_runs(tmp_path):
    """One textual replacement is all it takes."""
    swapped = SCRIPT
    for word in ("from", "import"):
        swapped = swapped.replace(f"{word} sfmpe", f"{word} tfmpe.compat")
    # The module that is named after the package keeps its name.
    assert "from tfmpe.compat.sfmpe import _make_attention_masks" in swapped
    done = _run(swapped, tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == (
        "(6, 2, 1) [(8, 1, 3, 3), (8, 1, 6, 6), (8, 1, 3, 6)]"
    )
    assert "No module named 'sfmpe'" in _run(SCRIPT, tmp_path).stderr


SIDE_EFFECTS = """
import os, sys, warnings
import jax, jax.numpy, numpy, jaxtyping

def state():
    return {
        "filters": list(warnings.filters),
        "environment": dict(os.environ),
        "jax": dict(jax.config.values),
        "numpy": (numpy.geterr(), numpy.get_printoptions()),
        "hook": (sys.excepthook, warnings.showwarning),
        "path": list(sys.path),
    }

for statement in (
    "import tfmpe.compat, tfmpe.compat.utils, tfmpe.compat.util.dataloader",
    "warnings.simplefilter('always')",
    "os.environ['TFMPE_COMPAT'] = 'warn'",
    "jax.config.update('jax_enable_x64', True)",
    "numpy.seterr(all='ignore')",
    "sys.excepthook = print",
    "sys.path.append('here')",
):
    before = state()
    exec(statement)
    after = state()
    print([name for name in before if before[name] != after[name]])
heavy = ("tensorflow", "flax", "optax", "diffrax", "matplotlib", "click")
print([name for name in heavy if name in sys.modules])
"""


def test_import_has_no_side_effects(tmp_path):
    """And the check sees those that there could be."""
    done = _run(SIDE_EFFECTS, tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == [
        "[]",
        "['filters']",
        "['environment']",
        "['jax']",
        "['numpy']",
        "['hook']",
        "['path']",
        "[]",
    ]
