"""SARIF 2.1.0 and GitHub annotations of a scan."""

import json
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import quote

from tfmpe.migrate.catalogue import CATALOGUE
from tfmpe.migrate.catalogue.render import as_markdown
from tfmpe.migrate.exit_codes import INCOMPLETE
from tfmpe.migrate.records.code import Mention, Scan, Use

from .listing import found_in, message

_SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"


def as_sarif(scan: Scan, exit_code: int) -> str:
    """Return a scan as one SARIF run, with the command's exit code."""
    found = found_in(scan)
    codes = sorted({each.code for each in found})
    ended = {
        "executionSuccessful": scan.exit_code != INCOMPLETE,
        "exitCode": exit_code,
        "toolExecutionNotifications": [
            {"level": "error", "message": {"text": f"not read: {each.why}"}}
            | {"locations": [_file(each.file)]}
            for each in scan.unread
        ],
    }
    results = [
        {
            "ruleId": each.code,
            "level": _level(each),
            "message": {"text": _message(each)},
            "locations": [_location(each)],
        }
        for each in found
    ]
    driver = {"name": "tfmpe scan", "rules": [_rule(code) for code in codes]}
    run = {
        "tool": {"driver": driver},
        "columnKind": "unicodeCodePoints",
        "invocations": [ended],
        "results": results,
    }
    log = {"$schema": _SCHEMA, "version": "2.1.0", "runs": [run]}
    return json.dumps(log, indent=1) + "\n"


def _rule(code: str) -> dict[str, Any]:
    entry = CATALOGUE[code]
    page = as_markdown(entry)
    return {
        "id": code,
        "name": entry.name,
        "shortDescription": {"text": entry.summary},
        # Not a link, which would have to be absolute.
        "help": {"text": page.removeprefix("# "), "markdown": page},
    }


def as_github(scan: Scan) -> str:
    """Return a scan as annotations for a GitHub workflow."""
    lines = []
    for each in found_in(scan):
        at: dict[str, object] = {"file": each.place.file}
        if each.place.cell is None:
            at |= {"line": each.place.line, "col": each.place.column}
        if isinstance(each, Use) and each.place.cell is None:
            at["endLine"] = each.end_line
            if each.end_line == each.place.line:
                at["endColumn"] = each.end_column
        at["title"] = f"{each.code} {CATALOGUE[each.code].name}"
        level = _level(each).replace("note", "notice")
        lines.append(_command(level, at, _message(each)))
    for each in scan.unread:
        at = {"file": each.file, "title": "not read"}
        lines.append(_command("error", at, each.why))
    return "".join(lines)


def _level(found: Use | Mention) -> str:
    # `tfmpe fix` rewrites imports.
    return "note" if found.code == "T001" else "warning"


def _message(found: Use | Mention) -> str:
    place, text = found.place, message(found)
    # Line numbers of a cell differ from those of the file.
    cell = f"cell {place.cell}, line {place.line}: "
    return text if place.cell is None else cell + text


def _location(found: Use | Mention) -> dict[str, Any]:
    place = found.place
    location = _file(place.file)
    if place.cell is not None:
        # A region would refer to the JSON text.
        cell = {"name": f"cell {place.cell}", "kind": "module"}
        return location | {"logicalLocations": [cell]}
    region = {"startLine": place.line, "startColumn": place.column}
    if isinstance(found, Use):
        region |= {"endLine": found.end_line, "endColumn": found.end_column}
    location["physicalLocation"]["region"] = region
    return location


def _file(name: str) -> dict[str, Any]:
    path = PurePosixPath(name)
    here = PurePosixPath(Path.cwd().as_posix())
    if path.is_relative_to(here):
        path = path.relative_to(here)
    uri = ("file://" if path.is_absolute() else "") + quote(path.as_posix())
    return {"physicalLocation": {"artifactLocation": {"uri": uri}}}


def _command(level: str, properties: dict[str, object], text: str) -> str:
    marks = str.maketrans({":": "%3A", ",": "%2C", "%": "%25"})
    listed = (f"{k}={str(v).translate(marks)}" for k, v in properties.items())
    return f"::{level} {','.join(listed)}::{text.replace('%', '%25')}\n"
