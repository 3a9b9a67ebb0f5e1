"""The verdict, the exit code, the next steps, and the json."""

import json

import pytest

from tfmpe.migrate.page import numbers
from tfmpe.migrate.page.verdict import sums


def titles(content):
    return [step.title for step in content.steps]


def test_all_identical_and_nothing_left_ends_in_0(made, scan, shadow, call):
    content = made(scan(), shadow(call(3, file="/elsewhere/fit.py")))
    assert content.exit_code == 1, "the scan does not know the call"
    content = made(shadow(call(3)))
    assert content.exit_code == 0
    assert titles(content) == ["Scan the code"]
    assert content.steps[0].optional
    assert content.verdict == (
        "1 of 1 call site ran and gave identical results."
    )


def test_what_can_be_left_alone_does_not_count(made, scan, site, shadow, call):
    content = made(scan(site(3)), shadow(call(3)))
    assert titles(content) == ["Move to Tokens"]
    assert content.exit_code == 0


@pytest.mark.parametrize(
    ("change", "step"),
    [
        ({"code": "T001", "safety": "safe"}, "Rewrite the imports"),
        (
            {"code": "T003", "safety": "manual"},
            "Look at names that the bridge may not have",
        ),
        ({}, "Compare what was not compared yet"),
    ],
)
def test_work_that_is_left_ends_in_1(
    made, scan, site, shadow, call, change, step
):
    content = made(scan(site(3), site(8, **change)), shadow(call(3)))
    assert content.exit_code == 1
    assert step in titles(content)


def test_a_difference_ends_in_1(made, shadow, call):
    content = made(shadow(call(3, identical=0, different=2)))
    assert content.exit_code == 1
    assert content.verdict.endswith("; 1 differs.")


def test_a_difference_of_recordings_ends_in_1(made, example):
    row = example["verify"]["rows"][0] | {"identical": 119, "different": 1}
    content = made(example["verify"] | {"rows": [row], "exit_code": 1})
    assert content.exit_code == 1
    assert "tfmpe verify recordings --json verify.json" in str(content.steps)


def test_a_file_that_was_not_read_ends_in_3(made, scan, shadow, call):
    fault = {"file": "old.py", "why": "Python 2"}
    content = made(scan(not_read=[fault]), shadow(call(3, different=1)))
    assert content.exit_code == 3
    assert content.verdict.endswith("Incomplete: 1 file not read.")
    assert titles(content)[0] == "Make these files readable"
    assert content.steps[0].places == ("old.py: Python 2",)


@pytest.mark.parametrize(
    ("tool", "change", "why"),
    [
        ("verify", {"stopped_early": True}, "stopped at the first failure"),
        (
            "verify",
            {"problems": [{"file": "a.npz", "fault": "altered"}]},
            "altered",
        ),
        ("shadow", {"exit_code": 2}, "ended with exit code 2"),
        ("shadow", {"exit_code": -9}, "ended with exit code -9"),
        ("bench", {"exit_code": 3}, "ended with exit code 3"),
        ("fix", {"not_read": [{"file": "a.py", "why": "binary"}]}, "binary"),
    ],
)
def test_unfinished_work_ends_in_3(made, example, tool, change, why):
    content = made(example["verify"], example[tool] | change)
    assert content.exit_code == 3
    assert content.problems[0].why == why
    assert "Incomplete: " in content.verdict


def test_nothing_compared_ends_in_3(made, scan, site, shadow, call, example):
    for contents in (
        (scan(site(3)),),
        (shadow(call(3, compared=0, identical=0)),),
        (example["bench"],),
    ):
        content = made(*contents)
        assert content.exit_code == 3
        assert content.verdict.startswith("Nothing was compared yet.")
        step = next(s for s in content.steps if s.title.startswith("Compare"))
        assert step.why.startswith("No call was compared")
        assert "tfmpe verify --json verify.json" in step.commands


def test_the_verdict_of_the_example(page):
    assert page.exit_code == 3
    assert page.verdict == (
        "7 of 15 call sites ran and gave identical results; 2 within "
        "tolerance; 2 ran but were not compared; 3 were not seen; 1 differs. "
        "166 of 178 recorded calls replayed identically; 12 within tolerance. "
        "Incomplete: 1 file not read."
    )
    calls = [each for each in page.sites if each.has_result]
    assert len(calls) - page.counts["undecided"] == 15


def test_the_steps_of_the_example(page):
    assert titles(page) == [
        "Make these files readable",
        "Look at the differences",
        "Rewrite the imports",
        "Look at what tfmpe fix left",
        "Compare what was not compared yet",
        "Look at calls that the scan does not know",
        "Decide what the scanner could not",
        "Move to Tokens",
        "Rewrite by hand for Tokens",
        "Know what was not compared",
        "Read about the defects that you met",
    ]
    kinds = [step.kind for step in page.steps]
    assert kinds == 4 * ["required"] + 3 * ["check"] + 4 * ["optional"]


def test_imports_come_first_where_nothing_differs(made, scan, site, shadow):
    contents = scan(
        site(1, code="T001", safety="safe", name="sfmpe.utils"),
        site(3),
        site(4, file="src/a b.ipynb", cell=2),
    )
    content = made(contents, shadow())
    assert titles(content) == [
        "Rewrite the imports",
        "Compare what was not compared yet",
        "Move to Tokens",
    ]
    step = content.steps[1]
    # One step for all that runs beside the legacy package.
    assert step.commands == (
        "tfmpe run --shadow --json notebook.json 'src/a b.ipynb'",
        "tfmpe run --shadow --json more.json SCRIPT",
        "tfmpe verify --json verify.json",
    )
    assert step.places == (
        "src/a b.ipynb:cell 2:4 flatten_structured: no run has met it",
        "src/fit.py:3 flatten_structured: no run has met it",
    )


def test_every_step_but_one_has_a_command(page):
    without = [step.title for step in page.steps if not step.commands]
    assert without == ["Know what was not compared"]


def test_a_call_made_by_a_known_one_is_not_unknown(
    made, scan, site, shadow, call
):
    line = {"file": "src/fit.py", "line": 3}
    content = made(
        scan(site(3, "SFMPE.fit", name="sfmpe.sfmpe.SFMPE.fit", code="T204")),
        shadow(
            call(3, "field"),
            not_compared=[
                {"function": "sfmpe.sfmpe.SFMPE.fit", "why": "training"} | line
            ],
        ),
    )
    assert [each.caller for each in content.sites] == [
        "SFMPE.fit",
        None,
    ]
    assert not any("does not know" in title for title in titles(content))


def test_the_sums_add_up(page):
    text = sums(page.sites)
    assert text == (
        "27 places use the legacy package or the bridge: 15 call sites, of "
        "which the verdict speaks (1 was found by a run, not by the scan); "
        "1 undecided place; 11 places that have no result to compare (7 "
        "imports, 3 constructions of objects, 1 pattern)."
    )
    assert json.loads(page.to_json())["call_sites"] == 15
    assert len(page.sites) == 27


def test_commands_are_safe_to_paste(made, scan, site, shadow, call):
    folder = "-rf $(touch x)/a b"
    content = made(
        scan(site(3, file=f"{folder}/fit.py", code="T001", safety="safe")),
        shadow(call(3, different=2), script="a; rm -r b.py"),
    )
    commands = [c for step in content.steps for c in step.commands]
    assert "tfmpe fix './-rf $(touch x)/a b'" in commands
    assert (
        "tfmpe run --shadow --save-cases differing 'a; rm -r b.py'" in commands
    )


def test_no_command_writes_over_the_result_of_another(made, call):
    seen = {"format": 1, "tool": "run", "exit_code": 0, "calls": []}
    calls = [{k: call(3)[k] for k in ("function", "file", "line", "calls")}]
    content = made(
        seen | {"script": "a.py", "calls": calls}, seen | {"script": "b.py"}
    )
    step = next(s for s in content.steps if s.title.startswith("Compare"))
    assert step.commands == (
        "tfmpe run --shadow --json shadow-1.json a.py",
        "tfmpe run --shadow --json shadow-2.json b.py",
        "tfmpe verify --json verify.json",
    )


def test_defects_are_counted_and_told_by_the_catalogue(
    made, shadow, monkeypatch
):
    class Known:
        summary = "what the catalogue says"

    monkeypatch.setattr(numbers, "CATALOGUE", {"L19": Known})
    warned = {"file": "a.py", "line": 3, "count": 2}
    content = made(
        shadow(
            warnings=[
                {"code": "L19", "text": "L19: said"} | warned,
                {"code": "L19", "text": "L19: again"} | warned | {"line": 4},
                {"code": "L99", "text": "L99: a later one"} | warned,
            ]
        )
    )
    assert [(d.code, d.count, d.summary) for d in content.defects] == [
        ("L19", 4, "what the catalogue says"),
        ("L99", 2, "a later one"),
    ]
    assert content.defects[0].places == ("a.py:3", "a.py:4")


def test_speed_is_of_the_largest_size_that_both_sides_have(page):
    speed = {each.name: each for each in page.speed}
    assert speed["flatten_structured"].seconds == pytest.approx((11.02, 1.51))
    assert "120 calls" in speed["flatten_structured"].about
    assert "50 sites" in speed["training-step"].about
    assert "jitted" in speed["training-step"].about


def test_parity_is_by_function_and_evidence_worst_first(page):
    assert page.parity[0].function == "build_cross_attention_mask"
    both = [p for p in page.parity if p.function == "flatten_structured"]
    assert [p.evidence for p in both] == ["at run time", "recordings"]
    assert [p.tally.compared for p in both] == [120, 120]


def test_the_json_is_the_content(page):
    written = json.loads(page.to_json())
    assert written["format"] == 1
    assert written["tool"] == "report"
    assert written["exit_code"] == 3
    assert written["verdict"] == page.verdict
    assert written["counts"] == page.counts
    assert [s["status"] for s in written["sites"]] == [
        s.status for s in page.sites
    ]
    assert len(written["next_steps"]) == len(page.steps)
    masks = [d["masks"] for d in written["differences"] if d["masks"]]
    assert len(masks) == 2
    assert len(masks[0]["old"]) == 24
    site = next(s for s in written["sites"] if s["status"] == "differs")
    assert site["file"] == "project/house/masks.py"
    assert site["largest_relative"] == {"value": "inf", "path": "output[4, 9]"}
    assert site["seconds_old"] == 0.31


def test_the_json_names_all_that_its_docstring_names(page):
    from tfmpe.migrate.page import content

    written = json.loads(page.to_json())
    for name in written:
        assert f"\n    {name} " in content.__doc__
    for name in written["sites"][0]:
        assert name in content.__doc__


def test_half_a_character_is_no_hindrance(made, scan, site):
    content = made(scan(site(3, file="a\udcff.py")))
    assert json.loads(content.to_json().encode())["sites"][0]["file"] == (
        "a\udcff.py"
    )


def test_sites_on_the_bridge_are_checked_by_recordings(
    made, scan, site, example
):
    bridge = "tfmpe.compat.util.dataloader."
    found = scan(
        site(3) | {"name": f"{bridge}decode_theta"},
        site(4) | {"name": f"{bridge}pad_1d"},
        site(5) | {"name": "tfmpe.compat.sfmpe.SFMPE", "code": "T204"},
    )
    content = made(found, example["verify"])
    assert [each.recorded for each in content.sites] == [
        "identical",
        None,
        None,
    ]
    assert [each.status for each in content.sites] == [
        *("unseen", "unseen", "no result")
    ]
    step = content.steps[0]
    assert step.title == "Check what is on the bridge by recordings"
    assert step.places == ("src/fit.py:4 pad_1d",)
    assert not any(title.startswith("Compare") for title in titles(content))
    assert content.verdict.startswith(
        "2 call sites, none of them seen at run time. 166 of 178"
    )


@pytest.mark.parametrize(
    ("code", "optional"), [("T001", False), ("T101", True)]
)
def test_what_fix_left_has_to_be_done_for_imports_only(
    made, shadow, call, example, code, optional
):
    left = {"file": "src/fit.py", "line": 3, "code": code, "why": "a comment"}
    fix = example["fix"] | {"changed": [], "left": [left]}
    content = made(fix, shadow(call(3)))
    step = next(s for s in content.steps if s.title.startswith("Look at what"))
    assert step.optional == optional
    assert step.places == ("src/fit.py:3: a comment",)
    assert content.exit_code == int(not optional)


def test_every_array_that_was_compared_is_listed(made, shadow, call, example):
    def array(path, **changes):
        equal = {"compared": 2, "identical": 2, "within_tolerance": 0}
        return {"path": path, "different": 0, **equal, **changes}

    far = array("output['y']", identical=1, different=1, largest_absolute="inf")
    near = array("output['y']", largest_absolute=0.5)
    row = example["verify"]["rows"][0] | {"arrays": [array("output")]}
    content = made(
        shadow(
            call(3, arrays=[array("output['x']"), far]),
            call(4, arrays=[near, array("output['x']")]),
        ),
        example["verify"] | {"rows": [row]},
    )
    run, recorded = content.parity
    assert [vars(each) for each in run.arrays] == [
        array(
            "output['y']",
            compared=4,
            identical=3,
            different=1,
            largest_absolute="inf",
        ),
        array("output['x']", compared=4, identical=4, largest_absolute=0.0),
    ]
    assert run.of_arrays == "2 arrays: 1 differs"
    assert recorded.of_arrays == "1 array, identical"
    written = json.loads(content.to_json())["parity"]
    assert written[1]["arrays"][0]["largest_absolute"] == 0.0
