"""Rewritten import statements: new modules, unchanged names."""

import subprocess
import sys

import pytest

from tfmpe.migrate.legacy_names import BRIDGE, LEGACY

MOVED = """
import sfmpe -> import tfmpe.compat as sfmpe
import sfmpe.utils -> import tfmpe.compat as sfmpe
import sfmpe.util.dataloader -> import tfmpe.compat as sfmpe
import sfmpe.utils, os, sfmpe.nn -> import tfmpe.compat as sfmpe, os
import os, sfmpe, sfmpe.nn , sys -> import os, tfmpe.compat as sfmpe, sys
import sfmpe.cnf as c, sfmpe.nn, os -> \
import tfmpe.compat.cnf as c, tfmpe.compat as sfmpe, os
import sfmpe.nn, sfmpe.fmpe as f, sfmpe.svf -> \
import tfmpe.compat as sfmpe, tfmpe.compat.fmpe as f
import sfmpe . utils  as \\|  u , os -> \
import tfmpe.compat.utils  as \\|  u , os
import \\|  sfmpe.nn, \\|  os, \\|  sfmpe.cnf -> \
import \\|  tfmpe.compat as sfmpe, \\|  os
from   sfmpe . utils import(split_data) -> \
from   tfmpe.compat.utils import(split_data)
from sfmpe.utils import (  # é: sfmpe|  split_data,  # kept|) -> \
from tfmpe.compat.utils import (  # é: sfmpe|  split_data,  # kept|)
"""
# Only the package name in brackets changes.
OTHERS = """
from [sfmpe].utils import split_data
from [sfmpe].utils import split_data as s, split_data
from [sfmpe] import util, sfmpe as s
from [sfmpe].util.dataloader import *
from [sfmpe] import *
import [sfmpe] as s
import [sfmpe].utils as u
import [sfmpe].utils as sfmpe
from . import sfmpe
from .sfmpe import x
import sfmpe_tools, xsfmpe.sfmpe
import tfmpe.compat as sfmpe
"""
# A bar stands for the end of a line.
STATEMENTS = dict(
    line.replace("|", "\n").split(" -> ") for line in MOVED.strip().splitlines()
) | {
    line.replace("[sfmpe]", LEGACY): line.replace("[sfmpe]", BRIDGE)
    for line in OTHERS.strip().splitlines()
}
PLACES = {
    "{}": "a line",
    "é = 1; {}; y = 2": "between semicolons",
    "if 1: {}": "a compound statement in one line",
    "def f():\n\ttry:\n\t\t{}  # why\n\texcept ImportError: pass": "in blocks",
    "class A:\n    \f  {}\n": "in a class, after a form feed",
    "'''doc'''\nfrom __future__ import annotations\n{}": "below __future__",
    "s = '''\n\f'''\n\f\n{}\r\n": "after a form feed in a string",
}


@pytest.mark.parametrize("place", PLACES, ids=PLACES.values())
@pytest.mark.parametrize("before", STATEMENTS)
def test_a_statement_changes_and_nothing_else(
    run, write, tmp_path, before, place
):
    after = STATEMENTS[before]
    if "*" in before and ("def" in place or "class" in place):
        pytest.skip("a star stands at the top")
    write({"a.py": place.replace("{}", before)})
    result = run("fix", "a.py")
    assert result.exit_code == int("*" in before), result.output
    written = (tmp_path / "a.py").read_bytes()
    assert written == place.replace("{}", after).encode()
    assert "0 of 1 file rewritten" in run("fix", "a.py").output
    assert (tmp_path / "a.py").read_bytes() == written


BYTES = [
    *(b"\xef\xbb\xbf%s\n", b"%s\r\nx = 1\r\n", b"%s\rx = 1\r", b"%s"),
    *(b"if 1:\n\t%s\n", b"x = 1\n\f%s\n\f\n"),
    b"# coding: latin-1\nx = '\xe9'; %s\n",
    b"# coding: cp1252\nx = '\x80'\n%s",
]


@pytest.mark.parametrize("before", BYTES)
def test_bytes_of_other_code_stay(run, write, tmp_path, before):
    write({"a.py": before % b"from sfmpe.utils import split_data"})
    assert run("fix", "a.py").exit_code == 0
    expected = before % b"from tfmpe.compat.utils import split_data"
    assert (tmp_path / "a.py").read_bytes() == expected


# Patterns known to cause errors in other rewriters.
PROGRAMS = {
    "another file takes the bound name": "import common, other\n"
    "print(common.sfmpe.utils.split_data is other.sfmpe.split_data)\n",
    "a value pattern": "from sfmpe.util import dataloader as dl\nmatch 3.0:\n"
    "    case dl.PAD_VALUE: print(False)\n    case _: print(True)\n",
    "below __future__ and a docstring": '"""Docs."""\n'
    "from __future__ import annotations\nimport sfmpe.utils\n"
    "print(__doc__ == 'Docs.')\n",
    "names that are looked up": "import sfmpe.utils\n"
    "print(all(n in globals() for n in ['sfmpe'.lower()]))\n",
    "global, del, and again": "def f():\n    global sfmpe\n"
    "    import sfmpe.utils\nf()\ndel sfmpe\nf()\nprint(bool(sfmpe.utils))\n",
    "tfmpe is something else": "tfmpe = 1\n"
    "import sfmpe.utils, sfmpe.util.dataloader\n"
    "print(tfmpe == 1 and bool(sfmpe.util.dataloader.PAD_VALUE))\n",
    "a submodule that nothing imported": "import sfmpe\n"
    "print(sfmpe.nn.__name__.endswith('nn'))\n",
}
FILES = {"common.py": "import sfmpe.utils\n"}
FILES["other.py"] = "from common import sfmpe\n"
RUN_EACH = """import runpy, sys
sys.path.insert(0, "")
for name in sys.argv[1:]:
    print(name, end=": ")
    runpy.run_path(f"{name}.py")
"""


def test_programs_run_on_the_bridge(run, write):
    write(FILES | {f"{name}.py": code for name, code in PROGRAMS.items()})
    assert run("fix", ".").exit_code in (0, 1)
    # One interpreter, because most of its time passes before user code.
    command = [sys.executable, "-c", RUN_EACH, *PROGRAMS]
    printed = subprocess.check_output(command, text=True)
    assert printed.splitlines() == [f"{name}: True" for name in PROGRAMS]
