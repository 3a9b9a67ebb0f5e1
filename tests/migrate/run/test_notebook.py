"""Notebook runs: order, places in cells, skipped lines."""

import os
import sys
from pathlib import Path

import pytest

from tfmpe.migrate.run.count import run_on_bridge

from .conftest import CALL, PRELUDE


def test_cells_share_one_namespace_and_places_are_in_cells(notebook, capsys):
    build = f"def build():\n    {CALL}    return flat\n"
    more = f"flat = build()\n{CALL}print(sorted(flat), __name__, sys.argv[1:])"
    report = run_on_bridge(notebook(PRELUDE, build, more))
    assert report.exit_code == 0
    shown = capsys.readouterr().out
    assert "['data', 'labels', 'masks'] __main__ ['one']" in shown
    places = [(each.place.cell, each.place.line) for each in report.calls]
    assert places == [(3, 2), (4, 2)]
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
    texts = [f"{x.cell}:{x.line} {x.text}" for x in report.not_run]
    first = ["2:1 %matplotlib inline", "2:3 !touch made", "2:4 files = !ls"]
    assert texts == [*first, "3:1 %%bash", "4:3 %who"]


ASYNC = """\
import asyncio
async def answer():
    await asyncio.sleep(0)
    return 42
async def three():
    for n in range(3):
        yield n
"""
AWAIT = "value = await answer()\nprint(value)\n"
# All cells share one loop: what one cell starts, another finishes.
BEGIN = "task = asyncio.ensure_future(answer()); await asyncio.sleep(0)"


@pytest.mark.parametrize(
    ("cells", "printed"),
    [
        ([ASYNC, AWAIT], "42\n"),
        ([ASYNC, "async for n in three():\n    print(n)"], "0\n1\n2\n"),
        ([ASYNC, "print([await answer() for _ in range(2)])"], "[42, 42]\n"),
        ([ASYNC, BEGIN, "print(await task)"], "42\n"),
        # Without top-level await, there is no running loop.
        ([ASYNC, "print(asyncio.run(answer()))", AWAIT], "42\n42\n"),
        # Like IPython, which removes the first line's indent from all lines.
        (["  x = 1\n  if x:\n    print('in')\n"], "in\n"),
        (["\n    %pylab\n    if 1:\n        print(1)\n"], "1\n"),
    ],
    ids=["await", "for", "list", "task", "run", "indent", "magic"],
)
def test_a_cell_runs_as_in_jupyter(notebook, capsys, cells, printed):
    report = run_on_bridge(notebook(*cells))
    shown = capsys.readouterr()
    assert (report.exit_code, shown.out) == (0, printed), shown.err


@pytest.mark.parametrize("call", ["f()", "await g()"])
def test_an_error_shows_cell_line_and_code_and_ends_the_run(
    notebook, capsys, call
):
    first = "%pylab\ndef f():\n    return 1 / 0\nasync def g():\n    f()\n"
    assert run_on_bridge(notebook(first, call, "print(2)")).exit_code == 1
    shown = capsys.readouterr()
    assert shown.out == ""
    lines = shown.err.splitlines()
    at = lines.index('  File "fit.ipynb:cell 3", line 1, in <module>')
    assert lines[at + 1] == f"    {call}"
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


def test_a_warning_names_the_cell(notebook, monkeypatch):
    monkeypatch.setenv("TFMPE_COMPAT", "warn")
    program = notebook(
        PRELUDE,
        "\nx = {'a': jnp.ones((1, 1, 1))}\n"
        "flatten_structured({'theta': x, 'y': {'b': x['a']}},\n"
        "    independence={'cross': [('b', 'a')]})\n",
    )
    with pytest.warns(match="L8"):
        report = run_on_bridge(program)
    (warned,) = report.warnings
    assert warned.code == "L8"
    assert (warned.place.cell, warned.place.line) == (3, 3)


def test_the_command_runs_a_notebook_and_refuses_what_is_not(notebook, run):
    notebook("%who\nfrom sfmpe.utils import split_data\nprint('ran')")
    done = run("run", "fit.ipynb")
    assert (done.exit_code, done.stdout) == (0, "ran\n")
    assert "skipped IPython lines: cell 2: %who" in done.stderr
    Path("bad.ipynb").write_text("{")
    done = run("run", "bad.ipynb")
    assert (done.exit_code, "bad.ipynb" in done.stderr) == (2, True)
