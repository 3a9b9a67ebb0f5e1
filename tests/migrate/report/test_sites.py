"""Assignment of calls to places in the code, and their status."""
# ruff: noqa: F405

import pytest

from migrate.report.given import *  # noqa: F403
from tfmpe.migrate.records.code import Change, Changed, Fix
from tfmpe.migrate.records.parity import Tally
from tfmpe.migrate.records.runs import Left, Warned

DECODE = "sfmpe.util.dataloader.decode_theta"
PAD = "sfmpe.util.dataloader.PAD_VALUE"
MAKER, FIT = "sfmpe.sfmpe.SFMPE", "sfmpe.sfmpe.SFMPE.fit"
CELLS = ("a.ipynb", 1), ("a.ipynb", 2)
IN_CELLS = [use(3, DECODE, "", *cell) for cell in (*CELLS, *CELLS)]


@pytest.mark.parametrize(
    ("uses", "calls", "expected"),
    [
        # The status is the worst outcome.
        ([use(3), use(9)], [call(3, tally=Tally())], "seen 2, unseen 0"),
        ([use(3)], [call(3), call(3)], "identical 4"),
        ([use(3)], [call(3, tally=Tally(1, 1))], "within tolerance 2"),
        ([use(3)], [call(3, tally=DIFFERENT), call(3)], "different 4"),
        # A call lies within the lines of its use.
        ([use(3, end=6)], [call(2)], "identical 2 run, unseen 0"),
        ([use(3, end=6)], [call(6)], "identical 2"),
        ([use(3, end=6)], [call(7)], "unseen 0, identical 2 run"),
        # Nested calls are matched by name and size; others share their line.
        ([use(3, end=9), use(5, DECODE)], [call(5, DECODE)], "unse, ident"),
        ([use(3, end=9), use(6)], [call(6), call(3)], "ident, ident"),
        ([use(3), use(3, column=9)], [call(3)], "identical 2 shared, ident"),
        # Constructors and constants have no result.
        ([use(3, MAKER), use(3, FIT, column=9)], [], "no result 0, unseen 0"),
        ([use(3, MAKER)], [call(3, f"{MAKER}.__init__")], "no result 2"),
        ([use(3, PAD)], [], "no result 0"),
        # Cells are separate, and two scans of a place are one site.
        (IN_CELLS, [call(3, DECODE, where=CELLS[1])], "unseen 0, identical 2"),
    ],
)
def test_calls_are_of_the_place_that_made_them(uses, calls, expected):
    sites = report(scan(*uses), shadow(*calls)).sites
    for site, start in zip(sites, expected.split(", "), strict=True):
        found = f"{site.status} {site.calls}"
        found += " shared" * site.shared + " run" * site.by_run
        assert found.startswith(start)


@pytest.mark.parametrize(
    ("file", "known", "met"),
    [
        ("src/fit.py", ["src/fit.py"], "src/fit.py"),
        ("/home/ada/src/fit.py", ["src/fit.py", "fit.py"], "src/fit.py"),
        ("/home/ada/a/../src/fit.py", ["src/fit.py"], "src/fit.py"),
        ("/elsewhere/src/fit.py", ["src/fit.py", "fit.py"], "src/fit.py"),
        ("fit.py", ["src/fit.py"], "src/fit.py"),
        # A name that could be two files is neither.
        ("fit.py", ["src/fit.py", "lib/fit.py"], "fit.py"),
        ("a\0b.py", ["src/fit.py"], "a\0b.py"),
    ],
)
def test_a_file_is_found_by_path_or_by_its_longest_end(file, known, met):
    uses = [use(3, file=name) for name in known]
    sites = report(scan(*uses), shadow(call(3, where=(file,)))).sites
    assert [s.use.place.file for s in sites if s.calls] == [met]


def test_what_only_a_run_shows_gets_its_code_from_the_catalogue():
    known, own = report(shadow(call(3, FIT), call(4, "my_own"))).sites
    assert (known.function, known.use.code) == ("SFMPE.fit", "T204")
    assert known.use.becomes
    assert (own.function, own.use.code) == ("my_own", "")


def test_what_a_run_says_comes_to_its_place():
    here = at(3, "/home/ada/src/fit.py")
    left = Left("flatten_structured", here, "it draws")
    seen = shadow(not_compared=(left,), warnings=(Warned("L19", here),))
    (site,) = report(scan(use(3)), seen).sites
    assert site.status == "seen", "what was not compared did run"
    assert (site.not_compared, site.defects) == (["it draws"], ["L19"])
    (site,) = report(shadow(call(3), differences=(differing(3),))).sites
    assert site.status == "different", "whatever the numbers of the call"


@pytest.mark.parametrize("status", ["changed", "left"])
def test_an_import_is_changed_once_it_is_written(status):
    change = Change(at(1), "from sfmpe.utils import (\n  f,\n)", "new")
    fix = Fix(0, status == "changed", (Changed("src/fit.py", (change,)),))
    for records in ((fix,), (scan(imported(2)), fix)):
        assert [s.status for s in report(*records).sites] == [status]
