"""Modules, names, signatures and defaults of the legacy package."""

import importlib
import inspect
import os
import subprocess
import sys

import numpy as np
import pytest

from tfmpe import compat

# Names that are also in the package itself, by the module that defines them.
NAMES = {
    "util.dataloader": (
        "PAD_VALUE",
        "_flatten_index",
        "as_batch_iterator",
        "as_batch_iterators",
        "build_cross_attention_mask",
        "build_padding_mask",
        "build_self_attention_mask",
        "combine_data",
        "decode_theta",
        "encode_unknown_theta",
        "event_indices",
        "flatten_blocks",
        "flatten_index_tuple",
        "flatten_structured",
        "pad_1d",
        "pad_2d",
        "pad_2d_cross",
        "pad_multidim_event",
    ),
    "utils": ("split_data",),
    "sfmpe": ("SFMPE", "_make_attention_masks"),
    "fmpe": ("theta_t_linear", "ut_linear"),
    "structured_cnf": ("StructuredCNF",),
    "bottom_up": ("train_bottom_up",),
}


@pytest.mark.parametrize(
    ("module", "name"), [(m, n) for m, names in NAMES.items() for n in names]
)
def test_names_are_where_they_were_and_in_compat(module, name):
    defined = importlib.import_module(f"tfmpe.compat.{module}")
    assert getattr(defined, name) is getattr(compat, name)


def test_submodules_are_imported_when_they_are_asked_for(tmp_path):
    done = _run(
        """
import sys
import tfmpe.compat as sfmpe

assert "tfmpe.compat.infinite" not in sys.modules
assert "infinite" in dir(sfmpe) and "_lazy" in dir(sfmpe)
assert sfmpe.infinite.index_theta.__module__ == "tfmpe.compat.infinite"
assert sfmpe.util.dataloader.prod((2, 3)) == 6
assert sfmpe.plot.plot.plot_trace
assert "flax" not in sys.modules and "arviz" not in sys.modules
for name in ("no_such_module", "__wrapped__", "_private"):
    assert not hasattr(sfmpe, name) and not hasattr(sfmpe.util, name)
""",
        tmp_path,
    )
    assert done.returncode == 0, done.stderr


def test_the_default_rules_are_never_changed():
    """One dictionary is the default of all calls."""
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
    """A textual replacement of the package name is sufficient."""
    swapped = SCRIPT
    for word in ("from", "import"):
        swapped = swapped.replace(f"{word} sfmpe", f"{word} tfmpe.compat")
    # The module with the same name as the package keeps its name.
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
    """The test also proves that the check can fail."""
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
