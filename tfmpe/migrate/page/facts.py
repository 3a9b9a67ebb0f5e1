"""What a file says of where and with what it was made."""

import json
from typing import Any

from tfmpe.migrate.show.words import counted

from .check_inputs import Bench, Verify
from .code_inputs import Fix, Scan
from .reading import Content
from .run_inputs import Run, Shadow

__all__ = ["about", "facts_of", "notes_of"]

_LONGEST = 200


def about(content: Content) -> str:
    """Return in a few words what a command has done."""
    if isinstance(content, Scan):
        return (
            f"{counted(content.files.read, 'file')} read, "
            f"{counted(len(content.sites), 'site')}, "
            f"{len(content.undecided)} undecided"
        )
    if isinstance(content, Fix):
        edits = sum(len(each.edits) for each in content.changed)
        done = "rewritten" if content.run is not None else "would be rewritten"
        files = counted(len(content.changed), "file")
        return f"{counted(edits, 'place')} in {files} {done}"
    if isinstance(content, Shadow | Run):
        calls = sum(call.calls for call in content.calls)
        side = "beside the legacy package, " * isinstance(content, Shadow)
        return f"{content.script}: {side}{counted(calls, 'call')}"
    if isinstance(content, Verify):
        cases = sum(row.cases for row in content.rows)
        return f"{content.folder}: {counted(cases, 'recorded call')}"
    benchmarks = counted(len(content.cases), "benchmark")
    return f"{benchmarks}, old side: {content.old}"


def facts_of(content: Content) -> dict[str, str]:
    """Return the fingerprint, the versions or the machine, as texts."""
    found: dict[str, Any] = {}
    if isinstance(content, Shadow | Run):
        found = content.fingerprint
    elif isinstance(content, Verify):
        found = dict(content.versions)
    elif isinstance(content, Bench):
        found = content.machine
    return {n: _text(v) for n, v in found.items() if v is not None}


def notes_of(content: Content) -> list[str]:
    """Return what a reader should know: what was left out, and notes."""
    if isinstance(content, Shadow | Run):
        return [
            f"cell {each.cell} not run: {each.text}" for each in content.not_run
        ]
    if not isinstance(content, Verify):
        return []
    return [
        *content.notes,
        *(
            f"{each.cases} of {each.function} not replayed: {each.reason}"
            for each in content.not_replayed
        ),
    ]


def _text(value: Any) -> str:
    if isinstance(value, float):
        value = f"{value:.6g}"
    if not isinstance(value, str):
        try:
            value = json.dumps(value)
        except RecursionError:
            value = "(nested too deeply)"
    return value if len(value) <= _LONGEST else f"{value[:_LONGEST]}..."
