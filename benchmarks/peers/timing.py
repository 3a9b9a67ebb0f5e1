"""Times and memory of the parts of a job."""

import json
import resource
import sys
import time
from contextlib import contextmanager
from pathlib import Path

import numpy as np

FOLDER = Path(sys.argv[1])
N_EPOCHS, N_DRAWS = int(sys.argv[2]), int(sys.argv[3])
measured = {}


@contextmanager
def timed(what):
    """Measure a part of the job, in seconds."""
    wall, cpu = time.perf_counter(), time.process_time()
    yield
    measured[f"{what} wall"] = time.perf_counter() - wall
    measured[f"{what} CPU"] = time.process_time() - cpu


def load(name):
    """Return one of the arrays that all packages get."""
    return np.load(FOLDER / f"{name}.npy")


def save(package, version, draws):
    """Write draws ``(data sets, draws, 6)`` and what was measured so far."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    measured["peak MB"] = peak / (1e6 if sys.platform == "darwin" else 1e3)
    measured["version"] = version
    np.save(FOLDER / f"{package}.npy", draws)
    (FOLDER / f"{package}.json").write_text(json.dumps(measured))
