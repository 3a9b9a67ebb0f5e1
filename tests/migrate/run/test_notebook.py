"""Running notebooks: cells in order, places in cells, what is left out."""

import json
import os
import sys

import pytest
from click.testing import CliRunner

from tfmpe.cli import cli
from tfmpe.migrate.run.program import Program
from tfmpe.migrate.run.record import record_run
from tfmpe.migrate.run.count import run_on_bridge
from tfmpe.migrate.run.shadow import run_in_shadow

from .conftest import PRELUDE

CALL = "flat, _ = flatten_structured(data(), independence=RULES)\n"


@pytest.fixture
def notebook(tmp_path, monkeypatch):
    """Return a function that writes code cells behind a cell of text."""
    monkeypatch.chdir(tmp_path)

    def write(*codes, language="python"):
        text = {"cell_type": "markdown", "metadata": {}, "source": "# Title"}
        cells = [text] + [
            {
                "cell_type": "code",
                "execution_count": None,
                "metadata": {},
                "outputs": [],
                "source": code.splitlines(keepends=True),
            }
            for code in codes
        ]
        kernel = {"kernelspec": {"language": language, "name": "k"}}
        (tmp_path / "fit.ipynb").write_text(
            json.dumps(
                {
                    "cells": cells,
                    "metadata": kernel,
                    "nbformat": 4,
                    "nbformat_minor": 5,
                }
            )
        )
        return Program("fit.ipynb", ("one",))

    return write


def places(calls):
    return [(each.place.cell, each.place.line) for each in calls]


def test_cells_share_one_namespace_and_places_are_in_cells(notebook, capsys):
    program = notebook(
        PRELUDE,
        f"def build():\n    {CALL}    return flat\n",
        f"flat = build()\n{CALL}print(sorted(flat), __name__, sys.argv[1:])",
    )
    report = run_on_bridge(program)
    assert report.exit_code == 0
    assert (
        "['data', 'labels', 'masks'] __main__ ['one']"
        in capsys.readouterr().out
    )
    assert places(report.calls) == [(3, 2), (4, 2)]
    assert str(report.calls[0].place) == "fit.ipynb, cell 3:2"


def test_lines_of_ipython_are_left_out_and_listed(notebook, capsys):
    program = notebook(
        "%matplotlib inline\nimport os\n!touch made\nfiles = !ls\n",
        "%%bash\ntouch made\ntouch more\n",
        "%time print('timed')\nif True:\n    %who\nprint('end')\ndisplay(3)\n",
    )
    report = run_on_bridge(program)
    assert report.exit_code == 0
    assert capsys.readouterr().out == "timed\nend\n3\n"
    assert not os.path.exists("made")
    assert [(x.cell, x.line, x.text) for x in report.not_run] == [
        (2, 1, "%matplotlib inline"),
        (2, 3, "!touch made"),
        (2, 4, "files = !ls"),
        (3, 1, "%%bash"),
        (4, 3, "%who"),
    ]


def test_an_error_shows_cell_line_and_code_and_ends_the_run(notebook, capsys):
    program = notebook(
        "%pylab\ndef f():\n    return 1 / 0\n", "f()", "print(2)"
    )
    report = run_on_bridge(program)
    assert report.exit_code == 1
    shown = capsys.readouterr()
    assert shown.out == ""
    lines = shown.err.splitlines()
    first = lines.index('  File "fit.ipynb:cell 3", line 1, in <module>')
    assert lines[first + 1] == "    f()"
    assert '  File "fit.ipynb:cell 2", line 3, in f' in lines
    assert "    return 1 / 0" in lines
    assert "notebook.py" not in shown.err


def test_nothing_is_left_behind(notebook, monkeypatch):
    monkeypatch.delenv("MPLBACKEND", raising=False)
    main = sys.modules["__main__"]
    program = notebook(
        "from __future__ import annotations\nimport os, sys\n"
        "assert os.environ['MPLBACKEND'] == 'agg'\n"
        "assert vars(sys.modules['__main__']) is globals()\n",
        "def f(x: not_there): pass\nsys.exit(4)\n",
    )
    assert run_on_bridge(program).exit_code == 4
    assert sys.modules["__main__"] is main
    assert "MPLBACKEND" not in os.environ


def test_shadow_and_record_name_the_cell(notebook, legacy, tmp_path):
    legacy("mask")
    program = notebook(PRELUDE, CALL)
    report = run_in_shadow(program)
    (row,) = report.calls
    assert (row.tally.different, str(row.place)) == (1, "fit.ipynb, cell 3:1")
    record_run(program, tmp_path / "golden")
    written = (tmp_path / "golden" / "fit").glob("*.json")
    assert "called from fit.ipynb, cell 3:1" in next(written).read_text()


def test_a_warning_names_the_cell(notebook):
    program = notebook(
        "from sfmpe.util.dataloader import build_cross_attention_mask\n",
        "\nimport jax.numpy as jnp\n"
        "from sfmpe.util.dataloader import flatten_structured\n"
        "x = {'a': jnp.ones((1, 1, 1))}\n"
        "flatten_structured({'theta': x, 'y': {'b': x['a']}},\n"
        "    independence={'cross': [('b', 'a')]})\n",
    )
    with pytest.warns(match="L8"):
        report = run_on_bridge(program, mode="warn")
    (warned,) = report.warnings
    assert (warned.code, warned.place.cell, warned.place.line) == ("L8", 3, 5)


def test_the_command_runs_a_notebook_and_refuses_what_is_none(notebook):
    notebook("%who\nfrom sfmpe.utils import split_data\nprint('ran')")
    done = CliRunner().invoke(cli, ["run", "fit.ipynb"])
    assert done.exit_code == 0, done.output
    assert done.stdout == "ran\n"
    assert "not run, for IPython only: cell 2: %who" in done.stderr
    with open("bad.ipynb", "w") as file:
        file.write("{")
    done = CliRunner().invoke(cli, ["run", "bad.ipynb"])
    assert done.exit_code == 2
    assert "bad.ipynb: no json" in " ".join(done.stderr.split())
