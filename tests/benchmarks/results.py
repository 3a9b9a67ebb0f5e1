"""What was measured, as a table, as JSON and as a page.

``python tests/benchmarks/results.py FILE.json`` prints the page of a file.
"""

import json
import os
import platform
import statistics
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import jax
import numpy as np


class Result(NamedTuple):
    """One side of one case.

    Attributes
    ----------
    case, mode, side : str
        ``mode`` is ``eager``, ``jitted`` or ``first call``.
    times : tuple of float
        Seconds of a call, one for each round.
    n_bytes : int or None
        Of the result; of a first call, what resident memory grew by.
    floor : str
        What the ``floor`` side of this case does.
    """

    case: str
    mode: str
    side: str
    times: tuple[float, ...]
    n_bytes: int | None
    floor: str = ""

    @property
    def median(self) -> float:
        """Seconds."""
        return statistics.median(self.times)


HEADINGS = {
    "eager": "called eagerly, warm; bytes of the results",
    "jitted": "under jit, warm; bytes of results and temporaries (XLA)",
    "first call": "first call in a fresh process; growth of resident memory",
}


def _seconds(value: float | None) -> str:
    if value is None:
        return ""
    for unit, size in (("s ", 1.0), ("ms", 1e-3)):
        if value >= size:
            return f"{value / size:.3g} {unit}"
    return f"{value / 1e-6:.3g} us"


def _size(value: float | None) -> str:
    if value is None:
        return ""
    for unit, size in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if value >= size:
            return f"{value / size:.3g} {unit}"
    return f"{value:.0f} B "


def _ratio(old: float | None, new: float | None) -> str:
    if old is None or not new:
        return ""
    ratio = old / new
    return f"{ratio:,.0f}x" if ratio >= 100 else f"{ratio:.3g}x"


def by_case(results: Iterable[Result]) -> dict[tuple, dict[str, Result]]:
    """Group results by mode and case, in the order of measuring."""
    grouped: dict[tuple, dict[str, Result]] = {}
    for result in results:
        grouped.setdefault((result.mode, result.case), {})[result.side] = result
    return grouped


def _newest(sides: Mapping[str, Result]) -> Result | None:
    """Return the core's result; the bridge's where it alone has the call."""
    return sides.get("new") or sides.get("bridge")


def table(results: Sequence[Result]) -> list[str]:
    """Return the lines of the table of ratios, at most 100 columns wide.

    A ratio is old by new, or by the bridge where the core has no such call:
    above 1 the newer one is faster, or smaller.
    """
    row = "{:35}{:>9}{:>9}{:>8}{:>9}{:>10}{:>10}{:>8}"
    lines = [
        row.format(
            "case", "old", "new", "ratio", "bridge", "old", "new", "ratio"
        ),
        row.format("", "median", "median", "", "median", "bytes", "bytes", ""),
    ]
    grouped = by_case(results)
    for mode, heading in HEADINGS.items():
        rows = {name: s for (m, name), s in grouped.items() if m == mode}
        if rows:
            lines += ["", heading]
        for name, sides in rows.items():
            times = {side: sides[side].median for side in sides}
            sizes = {side: sides[side].n_bytes for side in sides}
            newest = _newest(sides)
            lines.append(
                row.format(
                    name,
                    _seconds(times.get("old")),
                    _seconds(times.get("new")),
                    _ratio(times.get("old"), newest and newest.median),
                    _seconds(times.get("bridge")),
                    _size(sizes.get("old")),
                    _size(sizes.get("new")),
                    _ratio(sizes.get("old"), newest and newest.n_bytes),
                )
            )
    return lines + _floors(grouped)


def _floors(grouped: dict[tuple, dict[str, Result]]) -> list[str]:
    rows = {
        name: sides
        for (_, name), sides in grouped.items()
        if "floor" in sides and _newest(sides)
    }
    if not rows:
        return []
    lines = ["", "against something that cannot be beaten by much"]
    for name, sides in rows.items():
        newest, floor = _newest(sides), sides["floor"].median
        assert newest is not None
        lines.append(
            f"{name:35}{_seconds(newest.median):>9} is "
            f"{newest.median / floor:.2g} times "
            f"{sides['floor'].floor} ({_seconds(floor).strip()})"
        )
    return lines


def machine() -> dict[str, Any]:
    """Describe the machine and versions without naming either."""
    return {
        "cores": os.cpu_count(),
        "architecture": platform.machine(),
        "system": platform.system(),
        "device": jax.local_devices()[0].platform,
        "python": platform.python_version(),
        "jax": jax.__version__,
        "numpy": np.__version__,
        "virtual": _is_virtual(),
    }


def _is_virtual() -> bool | None:
    if sys.platform != "linux":
        return None
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as file:
            return "hypervisor" in file.read()
    except OSError:
        return None


def as_json(results: Sequence[Result]) -> dict[str, Any]:
    """Return everything that was measured, with its ratios."""
    cases = []
    for (mode, name), sides in by_case(results).items():
        entry: dict[str, Any] = {"case": name, "mode": mode}
        for side, result in sides.items():
            entry[side] = {
                "median_s": result.median,
                "min_s": min(result.times),
                "max_s": max(result.times),
                "rounds": len(result.times),
                "bytes": result.n_bytes,
            }
            if result.floor and side == "floor":
                entry[side]["what"] = result.floor
        old, new = sides.get("old"), _newest(sides)
        if old and new:
            entry["time_ratio"] = old.median / new.median
            if old.n_bytes is not None and new.n_bytes:
                entry["bytes_ratio"] = old.n_bytes / new.n_bytes
        cases.append(entry)
    return {"format": 1, "machine": machine(), "cases": cases}


def from_json(written: Mapping[str, Any]) -> list[Result]:
    """Return results from their JSON form, with the medians as times."""
    return [
        Result(
            entry["case"],
            entry["mode"],
            side,
            (entry[side]["median_s"],),
            entry[side]["bytes"],
            entry[side].get("what", ""),
        )
        for entry in written["cases"]
        for side in ("old", "new", "bridge", "floor")
        if side in entry
    ]


def page(written: Mapping[str, Any]) -> str:
    """Return a Markdown page: the machine and the table."""
    about = written["machine"]
    kind = " virtual machine" if about["virtual"] else " machine"
    return "\n".join(
        [
            f"# Old against new: {about['device'].upper()}",
            "",
            f"Measured on a {about['cores']}-core {about['architecture']}"
            f"{kind}, {about['system']},",
            f"Python {about['python']}, jax {about['jax']}, "
            f"numpy {about['numpy']}.",
            "Medians; a ratio is old by new. What is measured: "
            "[README.md](README.md).",
            "",
            "```text",
            *(line.rstrip() for line in table(from_json(written))),
            "```",
            "",
        ]
    )


if __name__ == "__main__":
    print(page(json.loads(Path(sys.argv[1]).read_text())), end="")
