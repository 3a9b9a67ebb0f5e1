"""IPython's own syntax: put aside, and put back exactly."""

import ast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tfmpe.migrate.sources.magics import mask_magics, put_back

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
    "x = (7\n% 3)\n": [],
    "x = '''\n%time\n!ls\n'''\n": [],
    "x = 7 \\\n% 3\n": [],
    "# %time\nx = [1, # (\n!= 2]": [],
    "x: int = 3 % 2\ny = d['%s'] != 3\n": [],
    "f'{a % b}'\r\n%time\r\nx = 1\r\n": ["%time"],
    "": [],
}


@pytest.mark.parametrize("code", CASES, ids=repr)
def test_magics_are_found_and_the_rest_is_python(code):
    masked, magics = mask_magics(code)
    assert [magic.text for magic in magics] == CASES[code]
    assert masked.splitlines() == [] or len(masked.splitlines()) == len(
        code.splitlines()
    )
    if "!= 2]" not in code:
        ast.parse(masked)
    assert put_back(masked, magics) == code
    for magic in magics:
        assert magic.text in code.splitlines()[magic.line - 1]


def test_behind_a_timing_magic_the_columns_stay():
    code = "%time x = f(1)\n    %timeit  f(2)\n"
    masked, _ = mask_magics(code)
    for name in ("x =", "f(1)", "f(2)"):
        assert masked.index(name) == code.index(name)


def test_placeholders_are_names_that_the_cell_does_not_have():
    code = "__ipython_0__ = 1\n%time _0_ = 2\n%pylab\n"
    masked, magics = mask_magics(code)
    assert put_back(masked, magics) == code


@given(
    st.lists(
        st.sampled_from(
            ["%a", "!b", "x = %c", "y = 1", "'''", "(", ")", "\\", "d?", " %%e"]
        )
    ),
    st.sampled_from(["\n", "\r\n", "\r"]),
)
def test_whatever_the_cell_putting_back_is_the_inverse(lines, end):
    code = end.join(lines)
    masked, magics = mask_magics(code)
    assert put_back(masked, magics) == code
    assert masked.count(end) == code.count(end)


def test_a_lost_or_repeated_magic_is_an_error():
    masked, magics = mask_magics("%pylab\nx = 1\n")
    with pytest.raises(ValueError, match="'%pylab' would be lost"):
        put_back("x = 1\n", magics)
    with pytest.raises(ValueError, match="'%pylab' would be repeated"):
        put_back(masked + masked, magics)
