"""Measure one side's first call in this process, and print it as JSON.

Run as ``python first_call.py CASE SIDE full|small``. jax is imported, the
device is started and the inputs are there before the clock starts; nothing of
the case has been called or compiled.
"""

import json
import sys
import time

import jax

from benchmarks.counting import resident_bytes
from benchmarks.register import CASES


def first_call(name: str, side: str, small: bool) -> dict[str, float | None]:
    """Return the seconds of the first call and what memory grew by.

    Parameters
    ----------
    name, side : str
        The case, and who does it.
    small : bool
        Whether to take little data.

    Returns
    -------
    dict
        ``seconds``, and ``peak_bytes``: the highest resident memory less that
        before the call, None where the system does not tell.
    """
    prepared = CASES[name](small).sides[side]()
    before = resident_bytes("VmRSS")
    start = time.perf_counter()
    jax.block_until_ready(prepared.call())
    seconds = time.perf_counter() - start
    highest = resident_bytes("VmHWM")
    grown = None
    if before is not None and highest is not None:
        grown = max(0, highest - before)
    return {"seconds": seconds, "peak_bytes": grown}


if __name__ == "__main__":
    _, case_name, side_name, amount = sys.argv
    print(json.dumps(first_call(case_name, side_name, amount == "small")))
