"""A warning points at the user's line, however the call came about."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

# Every line with a "# <-" is where a warning belongs; each is passed once.
SCRIPT = """
import functools
import threading

import jax
import numpy as np
from helper import call_for_me

from tfmpe.compat import flatten_structured, split_data
from tfmpe.compat.util import dataloader

ONES = np.ones((2, 1, 1))
DATA = {"theta": {"a": ONES}, "y": {"a": ONES}}
COLUMNS = jax.tree.map(lambda x: x[0], DATA)
batched = functools.partial(flatten_structured, data_sample_ndims=0)


def values(data, **kwargs):
    flat, _ = flatten_structured(data, **kwargs)  # <- nested
    return flat["data"]


def outer(data):
    return values(data)


def only_values(*args, **kwargs):
    return values_of(flatten_structured(*args, **kwargs))  # <- jit


def values_of(result):
    return result[0]["data"]


def only_columns(data):
    return values_of(batched(data))  # <- vmap


def body(carry, data):
    return carry, values_of(batched(data))  # <- scan


def loss(data):
    return values_of(flatten_structured(data))["theta"].sum()  # <- grad


class Model:
    def flatten(self, data):
        return flatten_structured(data)  # <- method


flatten_structured(DATA)  # <- direct
dataloader.flatten_structured(data=DATA)  # <- by module
outer(DATA)
(lambda data: flatten_structured(data))(DATA)  # <- lambda
[flatten_structured(d) for d in [DATA]]  # <- comprehension
list(map(flatten_structured, [DATA]))  # <- map
functools.partial(flatten_structured, DATA)()  # <- partial
Model().flatten(DATA)
jax.jit(only_values)(DATA)
jax.jit(lambda d: values_of(flatten_structured(d)))(DATA)  # <- jit of a lambda
jax.jit(flatten_structured)(DATA)  # <- jit of the function
jax.eval_shape(functools.partial(flatten_structured), DATA)  # <- eval_shape
jax.vmap(only_columns)(DATA)
jax.vmap(lambda d: batched(d)[0]["data"])(DATA)  # <- vmap of a lambda
jax.jit(jax.vmap(lambda d: batched(d)[0]["data"]))(DATA)  # <- jit of vmap
jax.lax.scan(body, 0.0, DATA)
jax.grad(loss)(DATA)
jax.checkpoint(lambda d: values_of(flatten_structured(d)))(DATA)  # <- remat
jax.tree.map(lambda n: flatten_structured(DATA), [1])  # <- tree.map
jax.tree.map(split_data, [ONES], [3])  # <- tree.map of the function
thread = threading.Thread(target=lambda: flatten_structured(DATA))  # <- thread
thread.start()
thread.join()
exec(compile("\\n\\nflatten_structured(DATA)", "generated.py", "exec"))
exec("flatten_structured(DATA)", {"flatten_structured": flatten_structured,
                                  "DATA": DATA})
call_for_me(flatten_structured, DATA)
"""

HELPER = """
def call_for_me(function, *args):
    return function(*args)  # <- helper
"""

ONCE = """
import numpy as np

from tfmpe.compat import flatten_structured

ONES = np.ones((2, 1, 1))
DATA = {"theta": {"a": ONES}, "y": {"a": ONES}}
for _ in range(3):
    flatten_structured(DATA)  # <- in a loop
    flatten_structured(DATA)  # <- in a loop again
    try:
        flatten_structured({"theta": DATA["theta"], "y": {}})
    except ValueError:
        pass
flatten_structured(DATA)  # <- after the loop
"""

WARNING = re.compile(r"^(.*?):(\d+): (\w+): L(\d+): ", re.MULTILINE)


def _run(folder, script, *options, **environment):
    """Run a script by itself; return where it warned, as (file, line)."""
    path = folder / "script.py"
    path.write_text(script)
    (folder / "helper.py").write_text(HELPER)
    done = subprocess.run(
        [sys.executable, *options, str(path)],
        capture_output=True,
        text=True,
        check=False,
        env={
            **{k: v for k, v in os.environ.items() if k != "TFMPE_COMPAT"},
            "PYTHONPATH": os.pathsep.join(sys.path),
            "PYTHONWARNINGS": "",
            **environment,
        },
    )
    assert done.returncode == 0, done.stderr
    found = [
        (Path(match[1]).name, int(match[2]))
        for match in WARNING.finditer(done.stderr)
    ]
    return found, done.stderr


def _marked(name, text):
    lines = text.splitlines()
    return [(name, i) for i, line in enumerate(lines, 1) if "# <-" in line]


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    folder = tmp_path_factory.mktemp("script")
    return _run(folder, SCRIPT, "-W", "always")[0]


@pytest.mark.parametrize(
    "place",
    [*_marked("script.py", SCRIPT), *_marked("helper.py", HELPER)],
    ids=[
        line.partition("# <- ")[2]
        for line in (SCRIPT + HELPER).splitlines()
        if "# <- " in line
    ],
)
def test_the_warning_is_at_the_line(found, place):
    assert place in found


def test_the_warning_is_in_code_without_a_file(found):
    assert found.count(("generated.py", 3)) == 1
    assert found.count(("<string>", 1)) == 1


def test_there_are_no_other_warnings(found):
    """Nowhere in this package or in jax, and none twice."""
    expected = [
        *_marked("script.py", SCRIPT),
        *_marked("helper.py", HELPER),
        ("generated.py", 3),
        ("<string>", 1),
    ]
    assert sorted(found) == sorted(expected)


def test_each_line_warns_once_by_default(tmp_path):
    found, stderr = _run(tmp_path, ONCE)
    assert found == _marked("script.py", ONCE)
    # The user sees the line itself.
    assert "flatten_structured(DATA)  # <- in a loop" in stderr


def test_the_environment_silences_a_script(tmp_path):
    assert _run(tmp_path, ONCE, TFMPE_COMPAT="ignore") == ([], "")


def test_the_environment_makes_errors_in_a_script(tmp_path):
    script = ONCE + "print('not reached')\n"
    with pytest.raises(AssertionError) as raised:
        _run(tmp_path, script, TFMPE_COMPAT="error")
    assert "SharedLabelsWarning: L3: " in str(raised.value)
