"""Files of the commands are told by content; all others are refused."""

import json
from pathlib import Path

import pytest

from tfmpe.migrate.bench.report import Report as BenchReport
from tfmpe.migrate.errors import RecordingError
from tfmpe.migrate.page.reading import read_content, read_source
from tfmpe.migrate.verify.report import Report


def test_every_command_is_told_by_content(example):
    for tool, content in example.items():
        assert read_content(content, "a.json").tool == tool


@pytest.mark.parametrize("tool", ["verify", "bench"])
def test_older_files_that_name_no_tool_are_read(example, tool):
    content = {k: v for k, v in example[tool].items() if k != "tool"}
    assert read_content(content, "a.json").tool == tool


def test_what_verify_and_bench_write_names_the_tool():
    for tool, text in (
        ("verify", Report("folder").to_json()),
        ("bench", BenchReport("oracle", {"device": "cpu"}).to_json()),
    ):
        assert read_content(json.loads(text), "a.json").tool == tool
        assert json.loads(text)["tool"] == tool


def test_committed_benchmarks_are_read():
    folder = Path(__file__).parents[3] / "docs" / "benchmarks"
    assert read_source(folder / "cpu.json").content.cases


def test_names_that_are_added_later_are_ignored(example):
    content = example["scan"] | {"later": {"nested": [1]}}
    assert read_content(content, "a.json").content.sites


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("", "not a readable json"),
        ("{", "not a readable json"),
        ("[" * 100_000, "not a readable json"),
        ('{"tool": "scan", "tool": "fix"}', "a name twice"),
        ("[]", "not an object"),
        ("null", "not an object"),
        ("{}", "no name 'tool'"),
        ('{"tool": 3}', "of the tool 3; expected is the json of one of: scan"),
        ('{"tool": "report", "format": 1}', "of the tool 'report'"),
        ('{"tool": ["scan"]}', "of the tool ['scan']"),
        ('{"tool": "scan"}', "format None of tfmpe scan; only 1 is read"),
        ('{"tool": "scan", "format": true}', "format True"),
        ('{"tool": "bench", "format": 1}', "only 3 is read"),
        (
            '{"tool": "scan", "format": 1}',
            "not as tfmpe scan writes it: exit_code is missing, not a whole",
        ),
    ],
)
def test_other_files_are_refused(tmp_path, text, fault):
    file = tmp_path / "a.json"
    file.write_text(text)
    with pytest.raises(RecordingError) as caught:
        read_source(file)
    assert fault in str(caught.value)
    assert str(caught.value).startswith(str(file))


@pytest.mark.parametrize("content", [b"\xff\xfe{}", b"\x00" * 20])
def test_bytes_that_are_no_text_are_refused(tmp_path, content):
    file = tmp_path / "a.json"
    file.write_bytes(content)
    with pytest.raises(RecordingError):
        read_source(file)


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        ({"line": "3"}, "sites[0].line is '3', not a whole number from 0"),
        ({"line": -1}, "sites[0].line is -1, not a whole number from 0"),
        ({"line": True}, "sites[0].line is True"),
        ({"line": 3.0}, "sites[0].line is 3.0"),
        ({"line": 10**400}, "sites[0].line is a number too large"),
        ({"file": None}, "sites[0].file is null, not a text"),
        ({"file": ["a"]}, "sites[0].file is a list, not a text"),
        ({"cell": {}}, "sites[0].cell is an object, not a whole number"),
    ],
)
def test_a_wrong_field_is_named(scan, site, change, fault):
    with pytest.raises(RecordingError) as caught:
        read_content(scan(site(3) | change), "a.json")
    assert fault in str(caught.value)


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        ({"seconds_old": float("nan")}, "calls[0].seconds_old is nan"),
        ({"seconds_old": 10**400}, "calls[0].seconds_old is a number too"),
        ({"largest_ulp": {"value": "x", "path": ""}}, "largest_ulp"),
        ({"largest_ulp": 3}, "largest_ulp is 3, not an object"),
        ({"different": -2}, "calls[0].different is -2"),
    ],
)
def test_a_wrong_number_is_named(shadow, call, change, fault):
    with pytest.raises(RecordingError) as caught:
        read_content(shadow(call(3, **change)), "a.json")
    assert fault in str(caught.value)


def test_the_fault_is_on_one_line(scan, site):
    with pytest.raises(RecordingError) as caught:
        read_content(scan(site("\n\x1b[31m")), "a\nb.json")
    assert str(caught.value).isprintable()
