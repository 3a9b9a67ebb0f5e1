"""A scan as SARIF 2.1.0 and as annotations of GitHub."""

import importlib.metadata
import json
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import quote

from tfmpe.migrate.catalogue import CATALOGUE
from tfmpe.migrate.catalogue.render import as_markdown
from tfmpe.migrate.exit_codes import INCOMPLETE
from tfmpe.migrate.records.code import Mention, Scan, Use

from .listing import found_in, message

__all__ = ["as_github", "as_sarif"]

_SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"


def as_sarif(scan: Scan, exit_code: int) -> str:
    """Return a scan as one run of SARIF, with the command's exit code."""
    found = found_in(scan)
    codes = sorted({each.code for each in found})
    driver: dict[str, Any] = {"name": "tfmpe scan"}
    try:
        driver["version"] = importlib.metadata.version("tfmpe")
    except importlib.metadata.PackageNotFoundError:
        pass
    driver["rules"] = [_rule(code) for code in codes]
    unread = [
        {
            "level": "error",
            "message": {"text": f"not read: {each.why}"},
            "locations": [_file(each.file)],
        }
        for each in scan.unread
    ]
    run = {
        "tool": {"driver": driver},
        "columnKind": "unicodeCodePoints",
        "invocations": [
            {
                "executionSuccessful": scan.exit_code != INCOMPLETE,
                "exitCode": exit_code,
                "toolExecutionNotifications": unread,
            }
        ],
        "results": [
            {
                "ruleId": each.code,
                "ruleIndex": codes.index(each.code),
                "level": _level(each),
                "message": {"text": _message(each)},
                "locations": [_location(each)],
            }
            for each in found
        ],
    }
    log = {"$schema": _SCHEMA, "version": "2.1.0", "runs": [run]}
    return json.dumps(log, indent=1) + "\n"


def as_github(scan: Scan) -> str:
    """Return annotations, as a workflow of GitHub prints them."""
    lines = []
    for each in found_in(scan):
        properties: dict[str, object] = {"file": each.place.file}
        if each.place.cell is None:
            properties["line"] = each.place.line
            if isinstance(each, Use):
                properties["endLine"] = each.end_line
            if isinstance(each, Use) and each.place.line == each.end_line:
                properties["col"] = each.place.column
                properties["endColumn"] = each.end_column
        properties["title"] = f"{each.code} {CATALOGUE[each.code].name}"
        level = _level(each).replace("note", "notice")
        lines.append(_command(level, properties, _message(each)))
    for each in scan.unread:
        properties = {"file": each.file, "title": "not read"}
        lines.append(_command("error", properties, each.why))
    return "".join(f"{line}\n" for line in lines)


def _level(found: Use | Mention) -> str:
    """Return how much a person has to do: fix rewrites imports."""
    return "note" if found.code in ("T001", "T002") else "warning"


def _message(found: Use | Mention) -> str:
    place, text = found.place, message(found)
    if place.cell is None:
        return text
    # Lines of a cell are not those of the file.
    return f"cell {place.cell}, line {place.line}: {text}"


def _rule(code: str) -> dict[str, Any]:
    entry = CATALOGUE[code]
    page = as_markdown(entry)
    return {
        "id": code,
        "name": entry.name,
        "shortDescription": {"text": entry.summary},
        # Not as a link, which would have to be absolute.
        "help": {"text": page.removeprefix("# "), "markdown": page},
    }


def _location(found: Use | Mention) -> dict[str, Any]:
    place = found.place
    location = _file(place.file)
    if place.cell is not None:
        # A region would be one of the JSON.
        location["logicalLocations"] = [
            {"name": f"cell {place.cell}", "kind": "module"}
        ]
        return location
    region = {"startLine": place.line, "startColumn": place.column}
    if isinstance(found, Use):
        region |= {"endLine": found.end_line, "endColumn": found.end_column}
    location["physicalLocation"]["region"] = region
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


def _command(level: str, properties: dict[str, object], text: str) -> str:
    listed = ",".join(
        f"{key}={_escaped(str(value)).replace(':', '%3A').replace(',', '%2C')}"
        for key, value in properties.items()
    )
    return f"::{level} {listed}::{_escaped(text)}"


def _escaped(text: str) -> str:
    escaped = text.replace("%", "%25")
    return escaped.replace("\r", "%0D").replace("\n", "%0A")
