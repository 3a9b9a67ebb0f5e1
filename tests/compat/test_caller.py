"""Source lines of warnings: those of the user, for every kind of call."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tfmpe.compat.legacy_warnings import LegacyWarning

# Each line with a "# <-" must warn, and is executed once.
SCRIPT = """
import contextlib
import functools
import threading
from concurrent.futures import ThreadPoolExecutor

import jax
import numpy as np
from another_package import Launcher, fit_for_me, launched, repeated
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


@contextlib.contextmanager
def step():
    yield


@step()
def in_a_context(data):
    flatten_structured(data)  # <- context manager as a decorator


@contextlib.contextmanager
def flattening(data):
    flatten_structured(data)  # <- generator of a context manager
    yield


@functools.cache
def cached():
    flatten_structured(DATA)  # <- cached function


def logged(function):
    @functools.wraps(function)
    def wrapper(*args, **kwargs):
        return function(*args, **kwargs)

    return wrapper


@logged
@launched(version=1)
def main(data):
    flatten_structured(data)  # <- decorator of another package


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
in_a_context(DATA)
step()(flatten_structured)(DATA)  # <- context manager around the function
with flattening(DATA):
    pass
cached()
functools.cache(lambda: flatten_structured(DATA))()  # <- cached lambda
main(DATA)
repeated(flatten_structured)(DATA)  # <- decorated function of ours
Launcher(flatten_structured)(DATA)  # <- callable object of another package
fit_for_me(DATA)
np.vectorize(lambda n: len(flatten_structured(DATA)), [int])([1])  # <- numpy
with ThreadPoolExecutor(1) as pool:
    list(pool.map(flatten_structured, [DATA]))  # <- pool
    list(pool.map(lambda d: flatten_structured(d), [DATA]))  # <- pool, lambda
jax.jit(jax.vmap(repeated(lambda d: batched(d)[0]["data"])))(DATA)  # <- traced
"""

PACKAGE = """
import contextlib
import functools
from tfmpe.compat import flatten_structured


def launched(version):
    def decorator(function):
        @functools.wraps(function)
        def wrapper(*args, **kwargs):
            with contextlib.ExitStack():
                return _run(lambda: function(*args, **kwargs))

        return wrapper

    return decorator


def _run(function):
    return function()


def repeated(function):
    @functools.wraps(function)
    def wrapper(*args, **kwargs):
        return function(*args, **kwargs)

    return wrapper


class Launcher:
    def __init__(self, function):
        self.function = function

    def __call__(self, *args, **kwargs):
        return self.function(*args, **kwargs)


def fit_for_me(data):
    return flatten_structured(data)  # <- installed package of the user
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
    """Run a script in its own process; return (file, line) of each warning."""
    path = folder / "script.py"
    path.write_text(script)
    (folder / "helper.py").write_text(HELPER)
    site = folder / "site-packages"
    (site / "another_package").mkdir(parents=True, exist_ok=True)
    (site / "another_package" / "__init__.py").write_text(PACKAGE)
    done = subprocess.run(
        [sys.executable, *options, str(path)],
        capture_output=True,
        text=True,
        check=False,
        env={
            **{k: v for k, v in os.environ.items() if k != "TFMPE_COMPAT"},
            "PYTHONPATH": os.pathsep.join([str(site), *sys.path]),
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


def test_every_marked_line_warns_once_and_no_other(tmp_path):
    """No line of this package or of jax warns."""
    found, _ = _run(tmp_path, SCRIPT, "-W", "always")
    expected = [
        *_marked("script.py", SCRIPT),
        *_marked("helper.py", HELPER),
        *_marked("__init__.py", PACKAGE),
        # Code without a file.
        ("generated.py", 3),
        ("<string>", 1),
    ]
    assert sorted(found) == sorted(expected)


def test_each_line_warns_once_by_default(tmp_path):
    found, stderr = _run(tmp_path, ONCE)
    assert found == _marked("script.py", ONCE)
    # The user sees the text of the line.
    assert "flatten_structured(DATA)  # <- in a loop" in stderr


def test_the_environment_silences_a_script(tmp_path):
    assert _run(tmp_path, ONCE, TFMPE_COMPAT="ignore") == ([], "")


def test_the_environment_makes_errors_in_a_script(tmp_path):
    script = ONCE + "print('not reached')\n"
    with pytest.raises(AssertionError) as raised:
        _run(tmp_path, script, TFMPE_COMPAT="error")
    assert "SharedLabelsWarning: L3: " in str(raised.value)


def test_the_warning_is_at_the_line_of_a_command(tmp_path):
    code = ONCE.partition("for _")[0] + "flatten_structured(DATA)"
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    assert "<string>:8: SharedLabelsWarning: L3: " in done.stderr


NOTEBOOK = """
import sys
import numpy as np
from tfmpe.compat import flatten_structured
ONES = np.ones((2, 1, 1))
DATA = {"theta": {"a": ONES}, "y": {"a": ONES}}
"""


@pytest.mark.parametrize(
    "file", ["<ipython-input-3-0123456789ab>", "<doctest model.fit[0]>"]
)
def test_the_warning_is_at_the_line_of_a_cell(file, monkeypatch):
    monkeypatch.delenv("TFMPE_COMPAT", raising=False)
    names = {"__name__": "__main__"}
    exec(NOTEBOOK, names)
    with pytest.warns(LegacyWarning) as warned:
        exec(compile("\nflatten_structured(DATA)", file, "exec"), names)
    assert {(w.filename, w.lineno) for w in warned} == {(file, 2)}
