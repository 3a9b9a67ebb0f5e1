"""The table of ratios and its JSON form."""

import json

from benchmarks.results import Result, as_json, machine, table

JOIN = "join 2 x 1,000, 50 sites"
RESULTS = [
    Result("flatten 1.6 MB", "eager", "old", (3e-3, 2e-3, 4e-3), 1_612_000),
    Result("flatten 1.6 MB", "eager", "new", (1e-3,), 1_612_000),
    Result("flatten 1.6 MB", "eager", "bridge", (1.5e-3,), 1_612_000),
    Result("flatten 1.6 MB", "eager", "floor", (5e-4,), 1, "a plain copy"),
    Result(
        "join 2 x 1,000, 50 sites", "eager", "old", (1.2345,), 1_003_750_000
    ),
    Result(JOIN, "eager", "new", (4e-3,), 6_574_000),
    Result("flatten 1.6 MB", "first call", "old", (0.2,), None),
    Result("flatten 1.6 MB", "first call", "new", (0.02,), None),
]


def test_table_of_ratios():
    assert table(RESULTS) == [
        "case                                     old      new   ratio   "
        "bridge       old       new   ratio",
        "                                      median   median           "
        "median     bytes     bytes        ",
        "",
        "called eagerly, warm; bytes of the results",
        "flatten 1.6 MB                          3 ms     1 ms      3x   "
        "1.5 ms   1.61 MB   1.61 MB      1x",
        "join 2 x 1,000, 50 sites             1.23 s      4 ms    309x   "
        "            1 GB   6.57 MB    153x",
        "",
        "first call in a fresh process; growth of resident memory",
        "flatten 1.6 MB                        200 ms    20 ms     10x   "
        "                                  ",
        "",
        "against something that cannot be beaten by much",
        "flatten 1.6 MB                          1 ms is 2 times a plain "
        "copy (500 us)",
    ]


def test_no_line_is_wider_than_a_hundred_columns():
    longest = "views with sides exchanged, jitted"
    huge = [
        Result(longest, "jitted", side, (123.4,), 123_400_000_000)
        for side in ("old", "new", "bridge")
    ]

    assert max(map(len, table(RESULTS + huge))) <= 100


def test_json_form():
    written = json.loads(json.dumps(as_json(RESULTS)))

    assert written["format"] == 1
    assert written["machine"] == machine()
    flatten, join, first = written["cases"]
    assert flatten["time_ratio"] == 3.0
    assert flatten["old"] == {
        "median_s": 3e-3,
        "min_s": 2e-3,
        "max_s": 4e-3,
        "rounds": 3,
        "bytes": 1_612_000,
    }
    assert flatten["floor"]["what"] == "a plain copy"
    assert round(join["bytes_ratio"]) == 153
    assert first["mode"] == "first call"
    assert "bytes_ratio" not in first


def test_machine_is_described_without_its_name():
    assert set(machine()) == {
        "cores",
        "architecture",
        "system",
        "device",
        "python",
        "jax",
        "numpy",
        "virtual",
    }
