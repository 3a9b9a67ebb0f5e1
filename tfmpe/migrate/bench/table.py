"""Old against new for people: as lines of text, and as a page of Markdown."""

from collections.abc import Iterator, Mapping
from typing import Any

from .report import CaseReport, Measured, Report, Row

__all__ = ["as_lines", "as_markdown"]

_ROW = "{:>7}{:>9}{:>6}{:>9}{:>6}{:>8}{:>9}{:>9}{:>9}{:>8}{:>9}{:>9}"
_SUMMARY = "{:18}{:>7}{:>7}{:>8}{:>9}{:>8}{:>8}{:>8}  {}"


def as_lines(report: Report) -> list[str]:
    """Return the table and its summary, at most 100 columns wide.

    Parameters
    ----------
    report : Report

    Returns
    -------
    list of str
        Without colours; lines do not end in spaces.
    """
    lines = [
        *_ABOUT,
        "",
        _ROW.format(
            *("sites", "old", "+-", "new", "+-", "ratio", "bridge"),
            *("old", "new", "ratio", "old", "new"),
        ),
        _ROW.format(
            *("", "", "", "", "", "", ""),
            *("bytes", "bytes", "", "compile", "compile"),
        ),
    ]
    for case in report.cases:
        lines += ["", f"{case.name}: {case.about}; samples: {case.n_samples:,}"]
        lines += [line for row in case.rows for line in _row(row)]
    lines += _first_calls(report)
    lines += _summary(report)
    lines += _limits(report)
    lines += _checks(report)
    return [line.rstrip()[:100] for line in lines]


_ABOUT = (
    "Medians of one call, and half the distance of the quartiles in per cent;",
    "ratio: old by new, or by the bridge where the core has no such call.",
    "Bytes: of the result; under jit of results and temporaries (XLA).",
    "Compile: by how much the first call is longer; under jit, of compiling.",
)


def _row(row: Row) -> Iterator[str]:
    sides = row.sides
    old, new, bridge = (sides.get(s) for s in ("old", "new", "bridge"))
    newest = row.newest
    if sides:
        yield _ROW.format(
            f"{row.sites:,}",
            *_time(old),
            *_time(new),
            _ratio(row.ratio("seconds")),
            _time(bridge)[0],
            _size(old and old.n_bytes),
            _size(newest and newest.n_bytes),
            _ratio(row.ratio("bytes")),
            _seconds(old and old.compile_s),
            _seconds(newest and newest.compile_s),
        )
    for side, reason in row.left_out.items():
        text = f"{row.sites:>7,}  {side}: {reason}"
        yield text if len(text) <= 100 else f"{text[:97]}..."


def _time(measured: Measured | None) -> tuple[str, str]:
    if measured is None:
        return "", ""
    times = measured.times
    spread = (times.q3 - times.q1) / 2 / times.median
    return _seconds(times.median), f"{spread:.0%}"


def _first_calls(report: Report) -> list[str]:
    pairs: dict[str, dict[str, Any]] = {}
    for each in report.first_calls:
        pairs.setdefault(f"{each.case}, {each.sites} sites", {})[
            "old" if each.side == "old" else "new"
        ] = each
    row = "{:34}{:>9}{:>9}{:>8}{:>10}{:>10}"
    lines = []
    for name, pair in pairs.items():
        if set(pair) == {"old", "new"}:
            old, new = pair["old"], pair["new"]
            lines.append(
                row.format(
                    name,
                    _seconds(old.seconds),
                    _seconds(new.seconds),
                    _ratio(old.seconds / new.seconds),
                    _size(old.peak_bytes),
                    _size(new.peak_bytes),
                )
            )
    if not lines:
        return []
    heading = row.format("", "old", "new", "ratio", "old peak", "new peak")
    return [
        "",
        "First call in a fresh process; growth of resident memory",
        heading,
        *lines,
    ]


def _summary(report: Report) -> list[str]:
    """Return growth, and the ratios at the largest size of both."""
    lines = [
        "",
        "Growth: exponent of the number of sites, over the larger sizes",
        _SUMMARY.format(
            "", "old", "new", "old", "new", "sites", "ratio", "ratio", ""
        ),
        _SUMMARY.format(
            *("", "time", "time", "bytes", "bytes", "", "time", "bytes", ""),
        ),
    ]
    for case in report.cases:
        both = [row for row in case.rows if row.ratio("seconds")]
        if not both:
            continue
        last = both[-1]
        newest = "new" if "new" in last.sides else "bridge"
        fits = [
            _exponent(case, side, what)
            for what in ("seconds", "bytes")
            for side in ("old", newest)
        ]
        most = max(row.sites for row in case.rows if row.sides)
        further = f"new up to {most:,}" if most > last.sites else ""
        lines.append(
            _SUMMARY.format(
                case.name,
                *fits,
                f"{last.sites:,}",
                _ratio(last.ratio("seconds")),
                _ratio(last.ratio("bytes")),
                further,
            )
        )
    return lines


def _exponent(case: CaseReport, side: str, what: str) -> str:
    fitted = case.growth(side, what)
    return "" if fitted is None else f"{fitted[0]:.2f}"


def _limits(report: Report) -> list[str]:
    """Return what nothing can beat by much, and shares of the bandwidth."""
    lines = []
    bandwidth = report.machine["copy_bytes_per_s"]
    row_of = "{:30}{:>9}{:>11}  {}"
    for case in report.cases:
        for row in case.rows:
            newest, floor = row.newest, row.sides.get("floor")
            if newest is None or not (floor or row.moved_bytes):
                continue
            median = newest.times.median
            share, times = "", ""
            if row.moved_bytes:
                share = f"{row.moved_bytes / median / bandwidth:.2g}"
            if floor is not None:
                least = floor.times.median
                times = f"{median / least:.2g} times {case.floor} "
                times += f"({_seconds(least).strip()})"
            what = f"{case.name}, {row.sites:,} sites"
            lines.append(row_of.format(what, _seconds(median), share, times))
    if not lines:
        return []
    return [
        "",
        "Against limits; bandwidth of a copy, read and written: "
        f"{bandwidth / 1e9:.3g} GB/s",
        row_of.format("", "new", "bandwidth", ""),
        *lines,
    ]


def _checks(report: Report) -> list[str]:
    calls = sum(each.cases for each in report.recordings)
    lines = ["", f"The old side is {_old(report)}; {calls} recorded calls "]
    lines[-1] += "made again"
    for problem in report.problems:
        lines.append(f"bad file: {problem}")
    for difference in report.differences:
        lines.append(f"DIFFERENT {difference}")
    if report.exit_code == 3:
        lines.append("nothing was compared")
    return lines


def _old(report: Report) -> str:
    return "the oracle of the tests" if report.old == "oracle" else report.old


def as_markdown(report: Report, picture: str | None = None) -> str:
    """Return a page: the machine, the picture, the table.

    Parameters
    ----------
    report : Report
    picture : str, optional
        The picture's file, as the page is to link it.
    """
    about = report.machine
    lines = [
        f"# Old against new: {about['device'].upper()}",
        "",
        *_machine(about),
        "What is measured, and how: [README.md](README.md).",
        "",
    ]
    if picture is not None:
        lines += [f"![Time and memory of old and new]({picture})", ""]
    return "\n".join([*lines, "```text", *as_lines(report), "```", ""])


def _machine(about: Mapping[str, Any]) -> list[str]:
    kind = " virtual machine" if about["virtual"] else " machine"
    lines = [
        f"Measured on a {about['cores']}-core {about['architecture']}{kind}, "
        f"{about['system']},"
    ]
    if about["device"] != "cpu":
        memory = about["device_bytes"]
        size = f" with {memory / 1e9:.0f} GB" if memory else ""
        lines.append(f"{about['device_kind']}{size},")
    lines.append(
        f"Python {about['python']}, jax {about['jax']}, numpy {about['numpy']}."
    )
    return lines


def _seconds(value: float | None) -> str:
    if value is None:
        return ""
    for unit, size in (("s ", 1.0), ("ms", 1e-3)):
        if value >= 0.9995 * size:
            return f"{value / size:.3g} {unit}"
    return f"{value / 1e-6:.3g} us"


def _size(value: float | None) -> str:
    if value is None:
        return ""
    for unit, size in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if value >= 0.9995 * size:
            return f"{value / size:.3g} {unit}"
    return f"{value:.0f} B "


def _ratio(ratio: float | None) -> str:
    if ratio is None:
        return ""
    return f"{ratio:,.0f}x" if ratio >= 100 else f"{ratio:.3g}x"
