"""First calls, each in a process of its own.

``python -m tfmpe.migrate.bench.first_calls CASE SIDE SITES SAMPLES OLD``
prints one as json: jax is imported, the device is started and the inputs are
there before the clock starts; nothing of the case was called or compiled.
"""

import json
import os
import statistics
import subprocess
import sys
import time
from typing import Any

from .report import FirstCall

__all__ = ["measure_first_call"]

_OWN_NAME = "tfmpe.migrate.bench.first_calls"


def measure_first_call(
    case: str, side: str, sites: int, n_samples: int, old: str, rounds: int
) -> FirstCall | None:
    """Measure one side's first call in fresh processes.

    Parameters
    ----------
    case, side : str
    sites, n_samples : int
    old : str
        The name of the old side.
    rounds : int
        Number of processes.

    Returns
    -------
    FirstCall or None
        None if a process failed, as where memory is short.
    """
    # A compilation that an earlier process stored is no first one.
    environment = {**os.environ, "JAX_ENABLE_COMPILATION_CACHE": "false"}
    environment["PYTHONPATH"] = os.pathsep.join(p for p in sys.path if p)
    command = [sys.executable, "-m", _OWN_NAME, case, side]
    command += [str(sites), str(n_samples), old]
    found: list[dict[str, Any]] = []
    for _ in range(rounds):
        done = subprocess.run(
            command,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            return None
        found.append(json.loads(done.stdout.splitlines()[-1]))
    peaks = [each["peak_bytes"] for each in found]
    return FirstCall(
        case,
        side,
        sites,
        statistics.median(each["seconds"] for each in found),
        None if None in peaks else int(statistics.median(peaks)),
    )


def _here(
    case: str, side: str, sites: str, n_samples: str, old: str
) -> dict[str, Any]:
    """Measure a first call in this process."""
    import jax

    from .counting import resident_bytes
    from .models import Size
    from .register import CASES
    from .run import legacy_side
    from .surroundings import quiet

    with quiet():
        call = CASES[case].prepare(
            side, Size(int(sites), int(n_samples)), legacy_side(old)
        )
        before = resident_bytes("VmRSS")
        start = time.perf_counter()
        jax.block_until_ready(call.call())
        seconds = time.perf_counter() - start
        highest = resident_bytes("VmHWM")
    grown = None
    if before is not None and highest is not None:
        grown = max(0, highest - before)
    return {"seconds": seconds, "peak_bytes": grown}


if __name__ == "__main__":
    print(json.dumps(_here(*sys.argv[1:])))
