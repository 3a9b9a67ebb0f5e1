"""Report: verdict, exit code, steps and numbers."""
# ruff: noqa: F405

import json

import pytest
from msgspec.structs import replace as but

from migrate.report.given import *  # noqa: F403
from tfmpe.migrate.records.checks import Problem
from tfmpe.migrate.records.code import Fix, Unread
from tfmpe.migrate.records.files import as_json
from tfmpe.migrate.records.parity import ArrayParity, Largest, Tally
from tfmpe.migrate.records.runs import Calls, Run, Warned

EQUAL, DIFFERS = shadow(call(3)), shadow(call(3, tally=DIFFERENT), exit_code=1)
VERIFY, UNREAD = EXAMPLE["verify"], (Unread("old.py", "Python 2"),)
OTHERS = scan(mentions=EXAMPLE["scan"].mentions)
REPLAYED = verify(replayed(tally=DIFFERENT), exit_code=1)


def checks_of(found):
    (step,) = (step for step in found.steps if step.kind == "check")
    return step


@pytest.mark.parametrize(
    ("record", "code", "first", "said"),
    [
        (scan(), 0, "Move to Tokens by hand", "gave identical results."),
        (EXAMPLE["bench"], 0, "Scan the code", "gave identical results."),
        (scan(imported(8)), 1, "Change the imports", "1 import is left to"),
        (scan(use(8)), 1, "Compare the remaining", "1 of 2 call sites"),
        (OTHERS, 1, "Check the other mentions", "1 other line mentions the"),
        (DIFFERS, 1, "Look at the differences", "1 differs."),
        (REPLAYED, 1, "Look at the recordings", "identically; 1 differently."),
        (but(EXAMPLE["bench"], differences=("x",)), 1, "Look at the rec", ""),
        (scan(unread=UNREAD), 3, "Make these files", "Incomplete: 1 file not"),
        (Fix(3, True, unread=UNREAD), 3, "Make these files", "1 file not read"),
        (but(VERIFY, problems=(Problem("a", "bad"),)), 3, "", "why='bad'"),
        (but(EQUAL, exit_code=-9), 3, "", "ended with exit code -9"),
        (but(EQUAL, script_exit_code=2), 3, "", "ended with exit code"),
        (but(EXAMPLE["run"], exit_code=1), 3, "", "ended with exit code 1"),
        (but(EXAMPLE["bench"], exit_code=3), 3, "", "ended with exit code"),
    ],
)
def test_what_has_to_be_done(record, code, first, said):
    found = report(record, EQUAL)
    assert found.exit_code == code
    assert found.steps[0].title.startswith(first)
    assert found.steps[0].commands
    assert said in found.verdict + str(found.missing)
    assert code != 0 or {step.kind for step in found.steps} == {"optional"}
    assert ("Incomplete: " in found.verdict) == (code == 3)


@pytest.mark.parametrize("record", [scan(use(3)), shadow(), EXAMPLE["bench"]])
def test_nothing_compared_ends_in_3(record):
    found = report(record)
    assert found.exit_code == 3
    assert found.verdict.startswith("Nothing was compared yet.")
    assert "tfmpe verify --json verify.json" in checks_of(found).commands


def test_the_verdict_the_sums_and_the_steps_of_the_example():
    found = report(*EXAMPLE.values())
    assert found.exit_code == 3
    assert found.verdict == (
        "1 of 6 call sites ran and gave identical results; 1 within "
        "tolerance; 2 ran but were not compared; 1 was not seen; 1 differs. "
        "120 of 124 recorded calls replayed identically; 4 within tolerance. "
        "1 import is left to change. 1 other line mentions the legacy package. "
        "Incomplete: 1 file not read."
    )
    assert found.sums == (
        "11 places in the code: 6 call sites (see the verdict); "
        "1 constructor; 1 constant; 2 imports; 1 other line."
    )
    assert sum(found.counts.values()) == len(found.sites) == 10
    assert [step.kind[0] for step in found.steps] == [*"rcrrroo"]
    assert len({step.title for step in found.steps}) == len(found.steps)
    assert found.steps[-2].commands == ("tfmpe explain L19 L9999",)
    written = json.loads(as_json(found))
    assert (written["tool"], written["verdict"]) == ("report", found.verdict)
    assert written["differences"][0]["masks"]["new"][0] == [1.0] * 6


def test_commands_are_safe_to_paste():
    found = report(
        scan(imported(3, "-rf $(touch x)/a b/fit.py")),
        but(DIFFERS, script="a; b.py", differences=(differing(3),)),
    )
    commands = [each for step in found.steps for each in step.commands]
    assert "tfmpe fix './-rf $(touch x)/a b'" in commands
    assert "tfmpe run --shadow --save-cases differing-1 'a; b.py'" in commands


def test_no_command_writes_over_the_result_of_another():
    seen = (Calls("flatten_structured", at(3), 1),)
    on_bridge = use(11, "tfmpe.compat.utils.f"), use(12, "tfmpe.compat.utils.g")
    found = report(
        scan(use(9, file="n.ipynb", cell=2), use(9), *on_bridge),
        *(Run(0, script, seen) for script in ("a.py", "b.py", "a.py")),
        verify(replayed("g")),
    )
    step = checks_of(found)
    assert step.commands == (
        "tfmpe run --shadow --json shadow-1.json a.py",
        "tfmpe run --shadow --json shadow-2.json b.py",
        "tfmpe run --shadow --json shadow-3.json n.ipynb",
        "tfmpe run --shadow --json shadow-4.json SCRIPT",
        "tfmpe record --out recordings -- OLD_SCRIPT",
        "tfmpe verify recordings --json verify.json",
    )
    starts = ("n.ipynb,", "src/fit.py:3", "src/fit.py:9", "src/fit.py:11")
    for place, start in zip(step.places, starts, strict=True):
        assert place.split(" ")[0] == start
    assert step.places[1].endswith("structured: ran, not compared")


def test_defects_are_counted_and_told_by_the_catalogue():
    seen = [Warned(c, at(3), 2, f"{c}: x") for c in ("L9999", "L19", "L19")]
    first, other = report(shadow(warnings=tuple(seen))).defects
    assert (first.code, first.count) == ("L19", 4)
    assert first.places == ("src/fit.py:3",)
    assert (first.summary != "x", other.summary) == (True, "x")


def test_gains_are_of_what_both_sides_have():
    timed = call(3, seconds_old=2.0, seconds_new=1.0)
    rows = bench(new=(5, (8, 1), (1, 1)), bridge=(9, (9, 4), (3, 2)))
    gains = report(shadow(timed, timed, call(5)), rows).gains
    assert [(g.about, g.seconds, g.bytes) for g in gains] == [
        ("at run time, 6 calls", (4, 2), None),
        ("benchmark, jitted, Tokens, 5 sites", (8, 1), (1, 1)),
        ("benchmark, jitted, bridge, 9 sites", (9, 3), (4, 2)),
    ]


def test_parity_is_by_function_evidence_and_array_worst_first():
    far, near = Tally(1, 0, 1, Largest("inf", "y")), Tally(2)
    arrays = ArrayParity("x", near), ArrayParity("y", far)
    calls = call(3, arrays=arrays), call(4, tally=far, arrays=arrays[1:])
    replays = verify(replayed("pad_1d"), replayed())
    first, second, _ = report(shadow(*calls), replays).parity
    assert (first.evidence, first.calls) == ("at run time", 4)
    assert (second.function, second.evidence) == (first.function, "recordings")
    assert first.tally == Tally(3, 0, 1, Largest("inf", "y"))
    assert first.arrays == (ArrayParity("y", far + far), arrays[0])
