"""IPython syntax: replaced by placeholders, line by line."""

import ast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tfmpe.migrate.sources import Cell
from tfmpe.migrate.sources.magics import as_python

CASES = {
    "%matplotlib inline\nx = 1\n": ["%matplotlib inline"],
    "!pip install a \\\n  b\nx = 1": ["!pip install a \\", "  b"],
    "%%time\nx = 1\n": ["%%time"],
    "\n%%bash\necho $x\n\nls": ["%%bash", "echo $x", "ls"],
    "files = !ls *.py\n": ["files = !ls *.py"],
    "a, b = %env HOME\n": ["a, b = %env HOME"],
    "if x:\n    %run -i a.py\n": ["%run -i a.py"],
    "?len\nlen?\nlen??\n%timeit?\n": ["?len", "len?", "len??", "%timeit?"],
    "%time x = f(\n    1)\n": ["%time "],
    "%timeit -n 3 f(1)\n": ["%timeit -n 3 f(1)"],
    "pip install a\ncd ..\nrun a.py -n 3\nls ~/x\n": [
        *("pip install a", "cd ..", "run a.py -n 3", "ls ~/x")
    ],
    "run = ls = 1\nrun in x\nls if a else b\nls -run\ncd . x\n": [],
    "x = (7\n% 3)\n": [],
    "x = '''\n%time\n!ls\n'''\n": [],
    "x = 7 \\\n% 3\n": [],
    "# %time\nx = [1, # (\n!= 2]": [],
    "x: int = 3 % 2\ny = d['%s'] != 3\n": [],
    "f'{a % b}'\r\n%time\r\nx = 1\r\n": ["%time"],
    "__ipython_0__ = 1\n%time _0_ = 2\n%pylab\n": ["%time ", "%pylab"],
    "": [],
}


@pytest.mark.parametrize("code", CASES, ids=repr)
def test_magics_are_found_and_the_rest_is_python(code):
    masked, magics = as_python(code)
    assert [magic.text for magic in magics] == CASES[code]
    assert len(masked.splitlines()) == len(code.splitlines())
    if "!= 2]" not in code:
        ast.parse(masked)
    for magic in magics:
        assert magic.text in code.splitlines()[magic.line - 1]
        # A placeholder that does not occur in the cell.
        assert masked.count(magic.placeholder.rstrip("; ")) == 1


LINES = ["%a", "!b", "x = %c", "y = 1", "'''", "(", ")", "\\", "d?", " %%e"]


@given(
    st.lists(st.sampled_from(LINES)),
    st.sampled_from(["\n", "\r\n", "\r"]),
    st.sampled_from(["", "  ", "\t"]),
)
def test_whatever_the_cell_its_lines_stay(lines, end, indent):
    text = end.join(indent + line for line in lines)
    code, magics = as_python(text)
    assert code.count(end) == text.count(end)
    cell = Cell(1, text, code, magics)
    if not magics:
        for number in range(1, len(text.split(end)) + 1):
            start = cell.offset(number, 0)
            assert text[start:].startswith(cell.line(number).rstrip("\r\n"))


def test_a_cell_that_is_indented_as_a_whole():
    text = "\n    if x:\n        y\n  '''\n    %a\n'''\n"
    code, magics = as_python(text)
    assert code == "\nif x:\n    y\n  '''\n%a\n'''\n"
    assert magics == ()
    cell = Cell(1, text, code)
    assert (cell.column(3, 4), text[cell.offset(3, 4)]) == (8, "y")
