"""Builders of short records and of a report on them."""
# ruff: noqa: D103

import json
from datetime import UTC, datetime
from pathlib import Path

from tfmpe.migrate.records import checks, code, runs
from tfmpe.migrate.records.files import from_json
from tfmpe.migrate.records.parity import Difference, Tally
from tfmpe.migrate.records.places import Place
from tfmpe.migrate.report.build import build
from tfmpe.migrate.report.gather import Source

FLATTEN = "sfmpe.util.dataloader.flatten_structured"
EQUAL, DIFFERENT = Tally(identical=2), Tally(identical=1, different=1)


def at(line, file="src/fit.py", cell=None, column=1):
    return Place(file, line, column, cell)


def use(line, name=FLATTEN, rule="T101", *where, end=None, **places):
    text, becomes = f"{name.split('.')[-1]}(tree)", "on Tokens"
    place = at(line, *where, **places)
    return code.Use(place, end or line, 20, rule, name, text, becomes)


def imported(line, *where):
    return use(line, "sfmpe.utils", "T001", *where)


def scan(*uses, mentions=(), unread=()):
    return code.Scan(1, 1, uses, mentions, unread)


def call(line, name=FLATTEN, tally=EQUAL, mode="eager", where=(), **more):
    return runs.ComparedCalls(name, at(line, *where), mode, 2, tally, **more)


def differing(line, **more):
    found = Difference("values", "output", "0", "1")
    return runs.FoundDifference(FLATTEN, at(line), 1, found, **more)


def shadow(*calls, exit_code=0, script="src/fit.py", **more):
    return runs.Shadow(exit_code, script, calls=calls, **more)


def replayed(name="flatten_structured", tally=EQUAL, **more):
    return checks.Replayed("seir", name, tally, **more)


def verify(*rows, exit_code=0, **more):
    return checks.Verify(exit_code, "rec", "checked", rows, **more)


def bench(**rows):
    # By side: sites; seconds and bytes per call, old and new.
    found = []
    for side, (sites, old, new) in rows.items():
        sides = {"old": checks.Side(*old), side: checks.Side(*new)}
        found.append(checks.BenchRow(sites, sides))
    case = checks.BenchCase("flatten", "values", "jitted", tuple(found))
    return checks.Bench(0, "oracle", {}, (case,))


def report(*records):
    sources = [Source(f"{n}.json", each) for n, each in enumerate(records)]
    return build(sources, Path("/home/ada"), datetime(2026, 11, 24, tzinfo=UTC))


_FILE = Path(__file__).with_name("example.json")
EXAMPLE = {
    each["tool"]: from_json(json.dumps(each).encode(), str(_FILE))
    for each in json.loads(_FILE.read_text())
}
"""What all commands write of one small project."""
