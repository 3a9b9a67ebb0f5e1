"""Dependencies that ``import tfmpe`` loads: jax, numpy and jaxtyping only."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

CORE = "import jax, jax.numpy, numpy, jaxtyping"

# Listed by name, because a dependency of jax may load one of them some day; it
# would then be in the allowed set, but this test should still notice it.
HEAVY = [
    "beartype",
    "click",
    "diffrax",
    "flax",
    "grain",
    "matplotlib",
    "optax",
    "pandas",
    "rich",
    "safetensors",
    "tensorflow",
    "tqdm",
    "xarray",
]
LAZY = ["tfmpe.cli", "tfmpe.compat", "tfmpe.migrate"]

# A module without a spec was not imported; compiled extensions have some.
REPORT = """
import json, sys
print(json.dumps([
    name for name, module in sys.modules.items()
    if getattr(module, "__spec__", None) is not None
]))
"""


def modules_after(code: str, folder: Path) -> set[str]:
    """Return what a fresh interpreter has imported after running ``code``.

    Parameters
    ----------
    code : str
        Python statements.
    folder : Path
        The working folder, from which imports are possible, too.

    Returns
    -------
    set of str
        Full module names.
    """
    # Settings of pytest, its plugins or coverage must not reach the child.
    kept = {"HOME", "LD_LIBRARY_PATH", "PATH", "PYTHONPATH"}
    environment = {k: v for k, v in os.environ.items() if k in kept}
    done = subprocess.run(
        [sys.executable, "-c", code + REPORT],
        capture_output=True,
        check=False,
        cwd=folder,
        env=environment | {"JAX_PLATFORMS": "cpu"},
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    return set(json.loads(done.stdout.splitlines()[-1]))


def too_heavy(code: str, allowed: set[str], folder: Path) -> set[str]:
    """Return what ``code`` imports, but a light package should not import.

    Parameters
    ----------
    code : str
        Python statements.
    allowed : set of str
        Top-level names that may be imported, besides the standard library.
    folder : Path
        The working folder.

    Returns
    -------
    set of str
        Top-level names, and the parts of tfmpe that are not the core's.
    """
    modules = modules_after(code, folder)
    tops = {name.partition(".")[0] for name in modules}
    # The build settings of Python have the platform in their name.
    standard = {
        name
        for name in tops
        if name in sys.stdlib_module_names or name.startswith("_sysconfigdata_")
    }
    extra = tops - standard - allowed - {"tfmpe"}
    return extra | (tops & set(HEAVY)) | (modules & set(LAZY))


@pytest.fixture(scope="module")
def allowed(tmp_path_factory) -> set[str]:
    """Return the top-level names that the three dependencies import."""
    modules = modules_after(CORE, tmp_path_factory.mktemp("empty"))
    return {name.partition(".")[0] for name in modules}


def test_import_is_light(allowed, tmp_path):
    assert too_heavy("import tfmpe", allowed, tmp_path) == set()


def test_dependencies_are_light(allowed):
    assert allowed.isdisjoint(HEAVY)


def test_check_can_fail(allowed, tmp_path):
    (tmp_path / "stranger.py").touch()
    found = {"stranger", "beartype", "tfmpe.compat"}
    code = f"import tfmpe, {', '.join(found)}"
    assert too_heavy(code, allowed, tmp_path) >= found


def test_check_sees_errors(tmp_path):
    with pytest.raises(AssertionError, match="ModuleNotFoundError"):
        modules_after("import no_such_module", tmp_path)


def test_the_bridge_is_light_until_a_flow_is_asked_for(allowed, tmp_path):
    code = "import tfmpe.compat as c; c.nine_arguments, c.infinite.index_theta"
    assert too_heavy(code, allowed, tmp_path) == {"tfmpe.compat"}
    asked = "from tfmpe.compat import SFMPE"
    assert "flax" in too_heavy(asked, allowed, tmp_path)


def test_a_missing_package_is_named(tmp_path):
    # One interpreter, because most of its time passes before user code.
    code = """
import itertools, sys
packages = "flax", "optax", "diffrax"
statements = (
    "from tfmpe.compat import StructuredCNF",
    "from tfmpe.compat.sfmpe import SFMPE",
    "from tfmpe.compat.structured_cnf import StructuredCNF",
    "from tfmpe.compat.bottom_up import train_bottom_up",
    "from tfmpe.compat.fmpe import theta_t_linear",
    "from tfmpe.compat.cnf import CNF",
    "from tfmpe.compat.train_rounds import train_fmpe_rounds",
    "from tfmpe.compat.metrics.lc2st import evaluate_lc2st",
    "from tfmpe.compat.metrics.mmd import mmd_test",
    "from tfmpe.compat.nn.mlp import MLP",
    "from tfmpe.compat.svf import StructuredVectorFieldModel",
)
for missing, statement in itertools.product(packages, statements):
    sys.modules[missing] = None
    for name in [name for name in sys.modules if name.startswith("tfmpe")]:
        del sys.modules[name]
    try:
        exec(statement)
    except ImportError as error:
        assert str(error) == (
            f"tfmpe.compat needs {missing} for networks, sampling and "
            "training. Install it with pip install 'tfmpe[flow]'."
        ), (statement, error)
    else:
        raise AssertionError(statement)
    from tfmpe.compat import _make_attention_masks
    del sys.modules[missing]
"""
    modules_after(code, tmp_path)


def test_a_name_that_is_not_there_is_an_attribute_error():
    from tfmpe import compat
    from tfmpe.compat import sfmpe

    for module in (compat, sfmpe):
        with pytest.raises(AttributeError, match="no attribute 'SFMPF'"):
            module.SFMPF  # noqa: B018
