"""Python programs of tests, each in its own process."""

import os
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent


def run_python(code, *arguments, **environment):
    """Run a program that can import the modules of the tests."""
    code = f"import sys; sys.path[:0] = {[str(HERE)]}\n" + code
    return subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code, *map(str, arguments)],
        capture_output=True,
        check=False,
        env={**os.environ, "JAX_PLATFORMS": "cpu", **environment},
        text=True,
        timeout=120,
    )


def output_of(code, *arguments, **environment):
    """Return what a program prints, if it succeeds."""
    done = run_python(code, *arguments, **environment)
    assert done.returncode == 0, done.stderr
    return done.stdout
