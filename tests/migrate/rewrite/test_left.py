"""Places that `tfmpe fix` leaves to the user: listed, exit code 1."""

import pytest

LEFT = [
    "import_module('sfmpe')",
    "pytest.importorskip('sfmpe.utils', reason='sfmpe is missing')",
    "find_spec(name='sfmpe')",
    "__import__('sfmpe')",
    "@patch('sfmpe.utils.split_data')\ndef f(): 'sfmpe'",
    "monkeypatch.setattr(f'sfmpe.{x}.fit', 1)",
    "import_module(f'sfmpe.{x}')",
    "import_module('sfmpe.' + x)",
    "import_module('sfmpe.%s' % x)",
    "import_module('sfmpe.{}'.format(x))",
    "import_module('sf' 'mpe')",
    "pytestmark = pytest.mark.skipif('sfmpe' not in sys.modules)",
    "sys.modules['sfmpe']",
    "subprocess.run(['python', '-m', 'sfmpe.train'])",
    "os.system('python -m sfmpe.train && echo')",
    "os.system('ls sfmpe')",
    "exec('from sfmpe import *')",
    "TEMPLATE = '''\nimport os\nimport sfmpe.utils\n'''",
    "sys.path.insert(0, '../sfmpe')",
    "setup(install_requires=['sfmpe>=0.2', 'numpy'])",
    "setup(install_requires=['numpy', 'sfmpe[all]'])",
    "entry = 'sfmpe.cli:main'",
    "setup(entry_points={'x': ['train = sfmpe.train:main']})",
    "setup(install_requires='\\n  numpy\\n  sfmpe>=0.1\\r\\n')",
    "x = 'numpy, sfmpe'",
    "CMD = 'python -c \\'import sfmpe; print(1)\\''",
    "ARGS = '-m sfmpe.train --n 3'.split()",
    "x = ['-msfmpe.train']",
    "x = 'conda install -c me sfmpe'",
    "x = 'uv add sfmpe'",
    "CODE = 'import os, sfmpe'",
    "CODE = 'try: import sfmpe\\nexcept ImportError: pass'",
    "CODE = 'import numpy as np; from sfmpe.util import x'",
    "x = \"__import__('sfmpe')\"",
    "f(module=r'sfmpe\\.util')",
    "x = re.compile(r'^sfmpe\\b')",
    "x = 'ignore::UserWarning:sfmpe.util.dataloader'",
    "pytest.main(['--cov=sfmpe', '-q'])",
    "ARGS = 'pytest --pyargs sfmpe'",
    "x = ['model._target_=sfmpe.structured_cnf.StructuredCNF']",
    "x = 'pkg://sfmpe.conf'",
    "x = Template('sfmpe.util.$name')",
    "sys.path += ['../sfmpe/src']",
    "sys.path[0:0] = ['/opt/sfmpe']",
    "x = 'python sfmpe/train.py'",
    "x = b'sfmpe.train'",
    "get_ipython().magic('aimport sfmpe')",
    "# /// script\n# dependencies = [\n#   'sfmpe>=0.1',\n# ]\n# ///\n",
    "#!/usr/bin/env -S python -m sfmpe.train\n",
    "def f():\n    '''Do.\n\n    >>> from sfmpe.utils import x\n    '''",
    "'''Do.\n\n>>> import numpy as np, sfmpe\n'''",
    "'''Do.\n\n>>> m = import_module(\"sfmpe.util\")\n'''",
    "'''Do.\n\n>>> m = __import__(\"sfmpe\")\n'''",
    "'''Do.\n\n>>> if True:\n...     from sfmpe.util import x\n'''",
    # The bridge has no such name.
    "from sfmpe.nothing import x",
    "import sfmpe.nothing",
    "import sfmpe.utils, sfmpe.nothing",
    "import sfmpe.nothing as n\nn.x",
    "from sfmpe.utils import split_data, gone",
    "from sfmpe.utils import gone\ngone(gone)",
    "import sfmpe\nsfmpe.__version__",
    "import sfmpe.utils as u\nu.gone.x",
    "try: import sfmpe.utils as u\nexcept E: u = None\nu.gone",
    # The bridge has other public names.
    "from sfmpe.util.dataloader import *\nprint(PAD_VALUE)",
    "from sfmpe import *",
    "from tfmpe.compat.nn import *\nfrom other import *",
]
NOT_LEFT = [
    '"""Docs of sfmpe: import sfmpe, sfmpe.utils."""',
    "'''Do.\n\n>>> import tfmpe.compat as sfmpe\n>>> sfmpe.nn\n'''",
    "# import sfmpe\nx = 1  # sfmpe",
    "def f():\n    'Like sfmpe.utils.'\n    return 1",
    "x = \"log('sfmpe is slow')\"\nraise E('install sfmpe first')",
    "x = 'tfmpe.compat.sfmpe', 'sfmpe_tools', 'sfmpe-tools', 'my-sfmpe'",
    "open('results/sfmpe/run.txt')",
    "print(f'with sfmpe: {x}')",
    "import sfmpe.utils\nx: 'sfmpe.utils.split_data' = 1\n__all__ = ['sfmpe']",
    "def f(x: 'sfmpe.sfmpe.SFMPE') -> 'list[sfmpe.sfmpe.SFMPE]': pass",
    "import sfmpe.utils as u\ndef f(u): return u.own",
    "import sfmpe.utils as u\nu.__name__, u.__file__, u.__doc__",
    "import sfmpe\nsfmpe.mine = 1",
    "__all__: list[str] = ['sfmpe']\n__all__ += ['sfmpe']",
    "x = 'results of sfmpe were kept', 'see sfmpe, or npe', 'a sfmpe.png'",
    "import sfmpe.utils as u\nif 1: u = object()\nu.own",
    "from tfmpe.compat import as_tokens, bridge, defects\nbridge.as_legacy",
    "from tfmpe.compat.nn import transformer\nimport tfmpe.compat.fixes",
    "from sfmpe.bottom_up import F_IN, SFMPE, logger",
    "from sfmpe.pytree_bijector import PyTreeBijector, _chain_with_zscale",
]


@pytest.mark.parametrize("code", LEFT)
def test_what_is_left_is_listed_alike_by_all(listed, write, code):
    write({"a.py": code})
    first, again, scan = (listed(c, ".") for c in ("fix", "fix", "scan"))
    assert len(first["left"]) == 1
    whys = [(m["code"], m["why"]) for m in first["left"]]
    assert [(m["code"], m["why"]) for m in again["left"]] == whys
    assert scan["mentions"] == again["left"]
    assert not again["changed"]
    assert [r["exit_code"] for r in (first, again, scan)] == [1, 1, 1]


def test_a_long_string_is_listed_at_the_line_of_the_mention(listed, write):
    write({"a.py": "x = 1\n'''Do.\n\n    >>> import sfmpe\n'''"})
    (left,) = listed("fix", ".")["left"]
    place = left["place"]
    assert (place["line"], place["column"]) == (4, 16)
    assert left["text"] == ">>> import sfmpe"


@pytest.mark.parametrize("code", NOT_LEFT)
def test_prose_and_what_keeps_working_is_not_listed(listed, write, code):
    write({"a.py": code})
    assert listed("fix", ".")["left"] == []


def test_a_statement_is_moved_whole_or_not_at_all(run, write, tmp_path):
    text = "import sfmpe.utils, sfmpe.nothing\nfrom sfmpe.no import x\n"
    write({"a.py": text})
    result = run("fix", ".")
    assert (tmp_path / "a.py").read_text() == text
    said = "a.py:1: T003 left: the bridge has no tfmpe.compat.nothing"
    assert said in result.output


CONFIGURATIONS = {
    "requirements/base.txt": "numpy\nsfmpe\n",
    "dev-requirements.txt": "sfmpe\n",
    "fast.pyx": "from sfmpe.util.dataloader import PAD_VALUE\n",
    "scripts/job.sbatch": "#!/bin/bash\npython -m sfmpe.train\n",
    "scripts/train": "#!/bin/sh\npython -m sfmpe.train\n",
    "conf/inner/model.json": '{"_target_": "sfmpe.sfmpe.SFMPE"}\n',
    ".circleci/config.yml": "run: python -m sfmpe.train\n",
    ".vscode/launch.json": '{"module": "sfmpe.train"}\n',
    "run.ps1": "python -m sfmpe.train\n".encode("utf-16"),
    "pyproject.toml": 'dependencies = ["sfmpe>=1"]  # sfmpe\n# sfmpe\n',
    "setup.cfg": "[x]\ny = 1\ninstall_requires = sfmpe\n; sfmpe\n",
    "tox.ini": "deps = sfmpe @ git+https://host/sfmpe.git#egg=sfmpe\n",
    "requirements-dev.txt": "sfmpe-tools\nsfmpe[all]==1.2  # why\n",
    "environment.yml": "- pip:\n  - ./sfmpe\n",
    "conf/model.yaml": "_target_: sfmpe.sfmpe.SFMPE\n",
    ".github/workflows/ci.yaml": "run: pytest --cov=sfmpe\n",
    ".pre-commit-config.yaml": "files: ^sfmpe/\n",
    "run.sh": "python -m sfmpe.train\n",
    "Makefile": "test:\n\tpytest --pyargs sfmpe\n",
    "Dockerfile": "RUN pip install sfmpe\n",
}


def test_configuration_files_are_listed(listed, write):
    write({**CONFIGURATIONS, "notes.md": "sfmpe", ".venv/x.toml": "sfmpe"})
    left = listed("fix", ".")["left"]
    lines = {m["place"]["file"]: m["place"]["line"] for m in left}
    assert lines.keys() == CONFIGURATIONS.keys()
    assert lines["setup.cfg"] == 3
    assert lines["requirements-dev.txt"] == 2
    assert listed("scan", ".")["mentions"] == left
    assert listed("scan", "pyproject.toml")["exit_code"] == 1


def test_a_module_of_that_name_of_ones_own_is_said(
    listed, write, tmp_path, monkeypatch
):
    text = "from sfmpe.utils import split_data\nimport os\n"
    write({"sfmpe.py": "", "a.py": text, "sub/b.py": text})
    for command, key in (("fix", "left"), ("scan", "mentions")):
        left = listed(command, ".")[key]
        assert [m["place"]["file"] for m in left] == ["a.py", "sub/b.py"]
        assert "sfmpe.py shadows the package of that name" in left[0]["why"]
    assert (tmp_path / "a.py").read_text() == text
    (tmp_path / "sfmpe.py").unlink()
    # A checkout of the legacy package itself.
    write({"src/sfmpe/__init__.py": "", "src/sfmpe/bottom_up.py": ""})
    assert len(listed("fix", ".")["changed"]) == 2
    write({"a.py": text, "sub/b.py": text, "src/sfmpe/mine.py": ""})
    (tmp_path / "src/sfmpe/bottom_up.py").unlink()
    assert listed("fix", ".")["changed"] == []
    # The given folder is the project, wherever it is.
    with monkeypatch.context() as patch:
        patch.chdir("/")
        assert len(listed("fix", tmp_path)["left"]) == 2
    write({"src/sfmpe/bottom_up.py": "", "src/tfmpe.py": ""})
    why = listed("fix", ".")["left"][0]["why"]
    assert why.endswith("src/tfmpe.py shadows the package of that name")
    (tmp_path / "src/tfmpe.py").unlink()
    write({"tfmpe/__init__.py": "", "sub/tfmpe.py": text})
    assert len(listed("fix", ".")["left"]) == 3
    write({"tfmpe/compat/__init__.py": ""})
    assert len(listed("fix", "a.py")["changed"]) == 1


CELLS = [
    ("markdown", "# import sfmpe"),
    "%matplotlib inline\nimport sfmpe.utils, os\n!pip install sfmpe",
    "    from sfmpe.utils import split_data\n    if x:\n        y",
    "value = await f()\n%time import sfmpe.utils as u\n",
    "%%bash\npython -m sfmpe.run",
    "?sfmpe.utils\nsfmpe.utils.split_data??\n%run sfmpe/train.py",
    "pip install sfmpe\ncd ..\n%timeit -n1 sfmpe.utils\nx = !ls sfmpe",
    "import importlib\nimportlib.import_module('sfmpe')",
    "%%time\nimport sfmpe.nothing",
    "",
]


def test_notebooks(listed, write, tmp_path):
    write({"a.ipynb": CELLS})
    before = (tmp_path / "a.ipynb").read_text()
    found = listed("fix", ".")
    after = (tmp_path / "a.ipynb").read_text()
    for old, new in (
        ("import sfmpe.utils, os", "import tfmpe.compat as sfmpe, os"),
        ("    from sfmpe.utils", "    from tfmpe.compat.utils"),
        ("%time import sfmpe.utils", "%time import tfmpe.compat.utils"),
    ):
        assert before.count(old) == 1
        before = before.replace(old, new)
    assert after == before
    places = [each["place"] for each in found["changed"][0]["changes"]]
    changed = [(p["cell"], p["line"], p["column"]) for p in places]
    assert changed == [(2, 2, 1), (3, 1, 5), (4, 2, 7)]
    places = [each["place"] for each in found["left"]]
    lines = [f"{place['cell']}:{place['line']}" for place in places]
    assert " ".join(lines) == "2:3 5:2 6:1 6:2 6:3 7:1 7:3 7:4 8:2 9:2"
    assert listed("scan", ".")["mentions"] == listed("fix", ".")["left"]
