"""Which call is of which site, and what is said of it."""

import json

import pytest


def statuses(content):
    return {each.site.line: each.status for each in content.sites}


@pytest.mark.parametrize(
    ("outcome", "status"),
    [
        ({"compared": 0, "identical": 0}, "seen"),
        ({}, "identical"),
        ({"identical": 1, "within_tolerance": 1}, "within tolerance"),
        ({"identical": 1, "different": 1}, "differs"),
        ({"identical": 0, "different": 2}, "differs"),
        # Numbers that do not add up are not taken for equality.
        ({"identical": 1}, "seen"),
    ],
)
def test_the_status_is_the_worst_outcome(
    made, scan, site, shadow, call, outcome, status
):
    content = made(scan(site(3), site(9)), shadow(call(3, **outcome)))
    assert statuses(content) == {3: status, 9: "unseen"}


@pytest.mark.parametrize(
    "file",
    [
        "src/fit.py",
        "./src/fit.py",
        "/home/ada/src/fit.py",
        "/home/ada/other/../src/fit.py",
        "/elsewhere/src/fit.py",
        "C:\\work\\src\\fit.py",
        "fit.py",
    ],
)
def test_a_file_is_found_by_path_or_by_its_end(
    made, scan, site, shadow, call, file
):
    content = made(scan(site(3)), shadow(call(3, file=file)))
    assert statuses(content) == {3: "identical"}


def test_a_longer_common_end_wins(made, scan, site, shadow, call):
    content = made(
        scan(site(3), site(3, file="fit.py")),
        shadow(call(3, file="/elsewhere/src/fit.py")),
    )
    found = {each.site.file: each.status for each in content.sites}
    assert found == {"src/fit.py": "identical", "fit.py": "unseen"}


@pytest.mark.parametrize("file", ["fit.py", "src/../fit.py", "a\0b.py", ""])
def test_a_file_that_could_be_two_is_neither(
    made, scan, site, shadow, call, file
):
    content = made(
        scan(site(3), site(3, file="lib/fit.py")), shadow(call(3, file=file))
    )
    assert [each.status for each in content.sites if each.site.code] == [
        "unseen",
        "unseen",
    ]
    (made_by_run,) = (each for each in content.sites if not each.site.code)
    assert made_by_run.found_by == "run"
    assert made_by_run.status == "identical"


@pytest.mark.parametrize(("line", "met"), [(2, 0), (3, 1), (6, 1), (7, 0)])
def test_a_call_lies_within_the_lines_of_its_site(
    made, scan, site, shadow, call, line, met
):
    content = made(scan(site(3, end_line=6)), shadow(call(line)))
    assert content.sites[1 if line == 2 else 0].tally.calls == 2 * met


def test_nested_calls_are_told_by_name_and_by_size(
    made, scan, site, shadow, call
):
    content = made(
        scan(
            site(3, end_line=9),
            site(5, "decode_theta", column=9),
            site(6, column=9),
        ),
        shadow(call(5, "decode_theta"), call(6), call(3)),
    )
    assert [each.tally.calls for each in content.sites] == [2, 2, 2]
    assert not any(each.shared for each in content.sites)


def test_two_calls_that_cannot_be_told_apart_share_what_is_known(
    made, scan, site, shadow, call
):
    content = made(
        scan(site(3), site(3, column=30)),
        shadow(call(3, identical=1, different=1)),
    )
    assert [each.status for each in content.sites] == ["differs"] * 2
    assert all(each.shared for each in content.sites)


@pytest.mark.parametrize("function", ["SFMPE", "SFMPE.__init__"])
def test_a_constructor_has_no_result(made, scan, site, shadow, call, function):
    maker = site(3, code="T204", name="sfmpe.sfmpe.SFMPE")
    fit = site(3, code="T204", name="sfmpe.sfmpe.SFMPE.fit", column=30)
    seen = call(3) | {"function": function, "compared": 0, "identical": 0}
    content = made(scan(maker, fit), shadow(seen))
    assert [each.status for each in content.sites] == ["no result", "unseen"]
    assert content.sites[0].tally.calls == 2


def test_imports_patterns_and_constants_have_no_result(made, scan, site):
    content = made(
        scan(
            site(1, code="T001", name="sfmpe.utils"),
            site(2, code="T111", name="sfmpe.util.dataloader.PAD_VALUE"),
            site(3, code="T301", name=None),
        )
    )
    assert set(statuses(content).values()) == {"no result"}


def test_an_undecided_place_is_decided_by_a_run(made, scan, shadow, call):
    undecided = {
        "file": "src/fit.py",
        "cell": None,
        "line": 5,
        "column": 1,
        "code": "T901",
        "text": "make(name)(tree)",
        "why": "the name is built at run time",
    }
    found = scan(undecided=[undecided, undecided | {"line": 8}])
    content = made(found, shadow(call(5)))
    assert statuses(content) == {5: "identical", 8: "undecided"}


def test_cells_of_notebooks_are_not_mixed_up(made, scan, site, shadow, call):
    notebook = {"file": "a.ipynb"}
    content = made(
        scan(site(3, cell=1, **notebook), site(3, cell=2, **notebook)),
        shadow(call(3, cell=2, **notebook)),
    )
    assert [each.status for each in content.sites] == ["unseen", "identical"]


def test_runs_add_up(made, scan, site, shadow, call):
    first = call(3, largest_absolute={"value": 0.5, "path": "output['a']"})
    traced = call(
        3,
        mode="traced",
        identical=1,
        within_tolerance=1,
        largest_absolute={"value": 2.0, "path": "output['b']"},
        seconds_old=1.0,
        seconds_new=None,
    )
    content = made(scan(site(3)), shadow(first, traced), shadow(first))
    tally = content.sites[0].tally
    assert (tally.calls, tally.identical, tally.within_tolerance) == (6, 5, 1)
    assert tally.largest_absolute.path == "output['b']"
    assert tally.seconds is None, "the new side was not measured"
    assert content.sites[0].modes == ["traced"]


def test_an_unmeasured_error_is_larger_than_any(made, shadow, call):
    content = made(
        shadow(
            call(3, largest_ulp={"value": "nan", "path": "first"}),
            call(4, largest_ulp={"value": 1e30, "path": "second"}),
        )
    )
    (parity,) = content.parity
    assert parity.tally.largest_ulp.value == "nan"


@pytest.mark.parametrize(
    ("run", "status"), [("1", "rewritten"), (None, "unseen")]
)
def test_a_site_is_rewritten_by_a_run_that_wrote(made, scan, site, run, status):
    edit = {"cell": None, "line": 3, "code": "T101", "safety": "unsafe"}
    fix = {
        "format": 1,
        "tool": "fix",
        "run": run,
        "exit_code": 0,
        "changed": [{"file": "src/fit.py", "edits": [edit]}],
        "left": [],
        "not_read": [],
    }
    content = made(scan(site(3)), fix)
    assert statuses(content) == {3: status}
    assert len(content.sites) == 1


def test_a_difference_is_not_hidden_by_a_rewrite_nor_by_numbers(
    made, scan, site, shadow, call, example
):
    fix = example["fix"] | {
        "changed": [
            {"file": "src/fit.py", "edits": [{"line": 3, "code": "T101"}]}
        ]
    }
    difference = {
        "function": "sfmpe.util.dataloader.flatten_structured",
        "file": "src/fit.py",
        "line": 3,
        "kind": "dtype",
        "path": "output",
    }
    content = made(
        scan(site(3)), fix, shadow(call(3), differences=[difference])
    )
    assert statuses(content)[3] == "differs"
    assert content.exit_code == 1


def test_reasons_and_warnings_come_to_their_sites(
    made, scan, site, shadow, call
):
    here = {"file": "/home/ada/src/fit.py", "line": 3}
    reason = {"function": "flatten_structured", "why": "it draws"} | here
    warned = {"code": "L19", "count": 4, "text": "L19: one noise"} | here
    content = made(
        scan(site(3)), shadow(not_compared=[reason], warnings=[warned])
    )
    (joined,) = content.sites
    assert joined.status == "seen", "what was not compared did run"
    assert joined.not_compared == ["it draws"]
    assert joined.defects == ["L19"]


def test_two_scans_of_a_site_are_one(made, scan, site):
    assert len(made(scan(site(3)), scan(site(3), site(4))).sites) == 2


def test_the_example(page):
    assert page.counts == {
        "differs": 1,
        "undecided": 1,
        "unseen": 3,
        "seen": 2,
        "within tolerance": 2,
        "identical": 7,
        "rewritten": 4,
        "no result": 7,
    }
    assert [e.place for e in page.sites if e.found_by == "run"] == [
        "project/helpers/late.py:17"
    ]


def test_what_ran_in_a_cell_is_of_the_site_there(
    made, scan, site, shadow, call
):
    name = {"file": "a.ipynb", "cell": 3}
    seen = {"code": "L8", "line": 2, "text": "L8: said"} | name
    content = made(
        scan(site(2, **name), site(2, **name | {"cell": 4})),
        shadow(
            call(2, **name),
            warnings=[seen],
            not_run=[{"cell": 1, "line": 1, "text": "%pylab"}],
        ),
    )
    assert [each.status for each in content.sites] == ["identical", "unseen"]
    assert [each.defects for each in content.sites] == [["L8"], []]
    assert content.defects[0].places == ("a.ipynb:cell 3:2",)
    written = json.loads(content.to_json())
    assert written["inputs"][1]["notes"] == ["cell 1 not run: %pylab"]
