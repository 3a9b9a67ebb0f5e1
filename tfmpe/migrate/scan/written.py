"""A scan as text for other tools."""

import json
from collections.abc import Callable

from tfmpe.migrate.catalogue import CATALOGUE
from tfmpe.migrate.sources import Place

from .results import Report
from .sarif import sarif

__all__ = ["WRITERS", "as_github", "as_json", "as_sarif"]


def as_json(report: Report, exit_code: int) -> str:
    """Return format 1 of the scan.

    Parameters
    ----------
    report
        What was found.
    exit_code
        That of the command.

    Returns
    -------
    str
    """
    return json.dumps(report.to_json(exit_code), indent=1) + "\n"


def as_sarif(report: Report, exit_code: int) -> str:
    """Return SARIF 2.1.0, as code hosts and editors read it.

    Parameters
    ----------
    report
        What was found.
    exit_code
        That of the command.

    Returns
    -------
    str
    """
    return json.dumps(sarif(report, exit_code), indent=1) + "\n"


def as_github(report: Report, exit_code: int) -> str:
    """Return annotations, as a workflow of GitHub prints them.

    Parameters
    ----------
    report
        What was found.
    exit_code
        Not used.

    Returns
    -------
    str
    """
    lines = [
        *(
            _command(
                "notice" if site.safety == "safe" else "warning",
                site.place,
                site.code,
                f"{site.text} -> {site.becomes} [{site.safety}]",
            )
            for site in report.sites
        ),
        *(
            _command(
                "warning",
                item.place,
                item.code,
                f"{item.text}: undecided, {item.why}",
            )
            for item in report.undecided
        ),
        *(
            f"::error file={_property(error.file)},title=not read::"
            f"{_data(error.why)}"
            for error in report.not_read
        ),
    ]
    return "".join(f"{line}\n" for line in lines)


def _command(level: str, place: Place, code: str, text: str) -> str:
    properties = {"file": place.file}
    if place.cell:
        # Lines of a cell are not those of the file.
        text = f"cell {place.cell}, line {place.line}: {text}"
    else:
        properties |= {
            "line": str(place.line),
            "endLine": str(place.end_line),
        }
        if place.line == place.end_line:
            properties |= {
                "col": str(place.column),
                "endColumn": str(place.end_column),
            }
    properties["title"] = f"{code} {CATALOGUE[code].name}"
    listed = ",".join(
        f"{key}={_property(value)}" for key, value in properties.items()
    )
    return f"::{level} {listed}::{_data(text)}"


def _data(text: str) -> str:
    escaped = text.replace("%", "%25")
    return escaped.replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")


WRITERS: dict[str, Callable[[Report, int], str]] = {
    "json": as_json,
    "github": as_github,
    "sarif": as_sarif,
}
"""By the name of the format."""
