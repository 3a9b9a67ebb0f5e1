"""A scan in SARIF 2.1.0, the format that code hosts and editors read."""

import importlib.metadata
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import quote

from tfmpe.migrate.catalogue import CATALOGUE
from tfmpe.migrate.catalogue.render import as_markdown, as_plain
from tfmpe.migrate.exit_codes import INCOMPLETE
from tfmpe.migrate.sources import Place

from .results import Report, Site, Undecided

__all__ = ["sarif"]

_SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"
_LEVELS = {"safe": "note", "unsafe": "warning", "manual": "warning"}


def sarif(report: Report, exit_code: int) -> dict[str, Any]:
    """Return a scan as one run of SARIF.

    Parameters
    ----------
    report
        What was found.
    exit_code
        That of the command.

    Returns
    -------
    dict
    """
    found = sorted(
        [*report.sites, *report.undecided], key=lambda item: item.place
    )
    codes = sorted({item.code for item in found})
    return {
        "$schema": _SCHEMA,
        "version": "2.1.0",
        "runs": [
            {
                "tool": {
                    "driver": {
                        "name": "tfmpe scan",
                        **_version(),
                        "rules": [_rule(code) for code in codes],
                    }
                },
                "columnKind": "unicodeCodePoints",
                "invocations": [
                    {
                        "executionSuccessful": report.exit_code != INCOMPLETE,
                        "exitCode": exit_code,
                        "toolExecutionNotifications": [
                            {
                                "level": "error",
                                "message": {"text": f"not read: {error.why}"},
                                "locations": [_file(error.file)],
                            }
                            for error in report.not_read
                        ],
                    }
                ],
                "results": [_result(item, codes) for item in found],
            }
        ],
    }


def _version() -> dict[str, str]:
    try:
        return {"version": importlib.metadata.version("tfmpe")}
    except importlib.metadata.PackageNotFoundError:
        return {}


def _rule(code: str) -> dict[str, Any]:
    entry = CATALOGUE[code]
    page = as_markdown(entry)
    return {
        "id": code,
        "name": entry.name,
        "shortDescription": {"text": entry.summary},
        # Not as a link, which would have to be absolute.
        "help": {"text": as_plain(page), "markdown": page},
        "properties": {"safety": entry.safety},
    }


def _result(item: Site | Undecided, codes: list[str]) -> dict[str, Any]:
    if isinstance(item, Undecided):
        safety, text = "manual", f"{item.text}: undecided, {item.why}"
    else:
        safety, text = item.safety, f"{item.text} becomes {item.becomes}"
    place = item.place
    if place.cell:
        text = f"cell {place.cell}, line {place.line}: {text}"
    return {
        "ruleId": item.code,
        "ruleIndex": codes.index(item.code),
        "level": _LEVELS[safety],
        "message": {"text": text},
        "locations": [_location(place)],
    }


def _location(place: Place) -> dict[str, Any]:
    location = _file(place.file)
    if place.cell:
        # A region would be one of the json.
        location["logicalLocations"] = [
            {"name": f"cell {place.cell}", "kind": "module"}
        ]
    else:
        location["physicalLocation"]["region"] = {
            "startLine": place.line,
            "startColumn": place.column,
            "endLine": place.end_line,
            "endColumn": place.end_column,
        }
    return location


def _file(name: str) -> dict[str, Any]:
    path = PurePosixPath(name)
    here = PurePosixPath(Path.cwd().as_posix())
    if path.is_absolute() and path.is_relative_to(here):
        path = path.relative_to(here)
    uri = quote(path.as_posix())
    if path.is_absolute():
        uri = f"file://{uri}"
    return {"physicalLocation": {"artifactLocation": {"uri": uri}}}
