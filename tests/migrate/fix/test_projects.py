"""Legacy names that reach a file through other files of the project."""

import shutil
from collections import Counter
from pathlib import Path

import pytest

pytest.importorskip("libcst", reason="needs the extra cli")

from tfmpe.migrate.fix.files import fix_files
from tfmpe.migrate.fix.result import Options
from tfmpe.migrate.scan import scan

PROJECTS = Path(__file__).parents[2] / "migration" / "projects"
CASES = Path(__file__).parent / "cases"
TOKENS = Options(to="tokens", unsafe=True)
BRIDGE = "from tfmpe.compat.util.dataloader import flatten_structured\n"
USE = """\
def f(d):
    flat, _ = {call}(d)
    return flat["data"]["y"]
"""
BECOMES = """\
def f(d):
    tokens = Tokens.from_pytree(dict(**d["theta"], **d["y"]), independence={})
    tokens_y = tokens.select_tokens(list(d["y"]))
    return tokens_y.data
"""


def project(folder, files):
    for name, text in files.items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(text)
    return folder


def fixed(folder, files, options=TOKENS):
    found = fix_files([project(folder, files)], options)
    assert not found.not_read
    return {
        file.path.relative_to(folder).as_posix(): file for file in found.files
    }


WAYS = {
    "from a module": (
        {"helper.py": BRIDGE},
        "from helper import flatten_structured\n",
        "flatten_structured",
    ),
    "under another name": (
        {"helper.py": BRIDGE},
        "from helper import flatten_structured as flat_of\n",
        "flat_of",
    ),
    "at third hand": (
        {
            "first.py": BRIDGE[:-1] + " as one\n",
            "second.py": "from first import one as two\n",
        },
        "from second import two as three\n",
        "three",
    ),
    "from a package": (
        {
            "pkg/__init__.py": "from .inside import flatten_structured\n",
            "pkg/inside.py": BRIDGE,
        },
        "from pkg import flatten_structured\n",
        "flatten_structured",
    ),
    "from files that import one another": (
        {
            "pkg/__init__.py": "from .a import *\n",
            "pkg/a.py": "from . import b\nfrom .b import *\n",
            "pkg/b.py": f"from .a import *\n{BRIDGE}",
        },
        "from pkg.b import flatten_structured\n",
        "flatten_structured",
    ),
    "by a star": (
        {"helper.py": f"{BRIDGE}__all__ = ['flatten_structured']\n"},
        "from helper import *\n",
        "flatten_structured",
    ),
}


@pytest.mark.parametrize("way", WAYS)
def test_names_are_followed_through_other_files(tmp_path, way):
    helpers, head, call = WAYS[way]
    files = {**helpers, "script.py": f"{head}\n\n{USE.format(call=call)}"}
    script = fixed(tmp_path, files)["script.py"]
    assert script.new.decode().endswith(BECOMES)
    head_is_kept = head if "*" in head else ""
    assert script.new.decode().startswith(
        f"from tfmpe import Tokens\n{head_is_kept}"
    ) or script.new.decode().startswith(
        f"{head_is_kept}from tfmpe import Tokens\n"
    )
    assert not script.left


ATTRIBUTES = {
    "of a module": (
        {"helper.py": BRIDGE},
        "import helper\n",
        "helper.flatten_structured",
    ),
    "of a module in a package": (
        {"pkg/__init__.py": "", "pkg/helper.py": BRIDGE},
        "import pkg.helper\n",
        "pkg.helper.flatten_structured",
    ),
    "of a legacy module that another file shows": (
        {"helper.py": "import tfmpe.compat.util.dataloader as dl\n"},
        "from helper import dl\n",
        "dl.flatten_structured",
    ),
    "of a package that shows it": (
        {
            "pkg/__init__.py": "from pkg.helper import flatten_structured\n",
            "pkg/helper.py": BRIDGE,
        },
        "import pkg as p\n",
        "p.flatten_structured",
    ),
}


@pytest.mark.parametrize("way", ATTRIBUTES)
def test_attributes_are_followed_and_the_module_is_still_imported(
    tmp_path, way
):
    helpers, head, call = ATTRIBUTES[way]
    text = f"{head}\n\n{USE.format(call=call)}"
    script = fixed(tmp_path, {**helpers, "script.py": text})["script.py"]
    new = script.new.decode()
    assert new.endswith(BECOMES)
    assert head.strip() in new or "dl" in call


DOUBTS = {
    "two meanings": (
        "try:\n"
        "    from tfmpe.compat.util.dataloader import flatten_structured\n"
        "except ImportError:\n"
        "    from own import flatten_structured\n"
    ),
    "another assignment": f"{BRIDGE}flatten_structured = mine\n",
    "a function of its own": (
        f"{BRIDGE}def flatten_structured(d):\n    return d\n"
    ),
}


@pytest.mark.parametrize("doubt", DOUBTS)
def test_what_may_be_something_else_is_not_rewritten(tmp_path, doubt):
    text = f"from helper import flatten_structured\n{USE}".format(
        call="flatten_structured"
    )
    files = {"helper.py": DOUBTS[doubt], "script.py": text}
    script = fixed(tmp_path, files)["script.py"]
    assert not script.edits
    (left,) = [left for _, left in script.left]
    assert left.code == "T101"
    assert "# TODO(tfmpe T101)" in script.new.decode()


def test_an_alias_in_another_file_is_left_with_a_comment(tmp_path):
    files = {
        "helper.py": f"{BRIDGE}flatten = flatten_structured\n",
        "script.py": f"import helper\n{USE.format(call='helper.flatten')}",
    }
    script = fixed(tmp_path, files)["script.py"]
    assert not script.edits
    assert "by hand: flatten_structured becomes" in script.new.decode()


@pytest.mark.parametrize(
    "other",
    [
        "from helper import flatten_structured as g\ng(1)\n",
        "import helper\nhelper.flatten_structured(1)\n",
        "from helper import *\nflatten_structured(1)\n",
    ],
)
def test_an_import_stays_that_another_file_takes(tmp_path, other):
    helper = BRIDGE + USE.format(call="flatten_structured")
    files = {"helper.py": helper, "other.py": other}
    new = fixed(tmp_path, files)["helper.py"].new.decode()
    assert BRIDGE in new
    assert "is imported for other files" in new
    assert new.endswith(BECOMES)
    alone = {"helper.py": helper, "other.py": "import helper\nhelper.f(1)\n"}
    assert BRIDGE not in fixed(tmp_path, alone)["helper.py"].new.decode()


def test_values_that_another_file_takes_are_left(tmp_path):
    files = {
        "data.py": f"{BRIDGE}flat, _ = flatten_structured(d)\n"
        "print(flat['data']['y'])\n",
        "user.py": "from data import flat\n",
    }
    data = fixed(tmp_path, files)["data.py"]
    assert not data.edits
    assert data.left[0][1].why == "'flat' is used in other files"


def test_functions_side_by_side_get_the_same_names(tmp_path):
    use = USE.format(call="flatten_structured")
    text = f"{BRIDGE}{use}{use.replace('def f', 'def g')}"
    new = fixed(tmp_path, {"script.py": text})["script.py"].new.decode()
    assert new.endswith(BECOMES + BECOMES.replace("def f", "def g"))


@pytest.mark.parametrize("unsafe", [True, False])
def test_what_the_scan_calls_safe_is_what_is_rewritten(tmp_path, unsafe):
    copy = shutil.copytree(PROJECTS / "growth", tmp_path / "growth")
    for case in CASES.glob("*.before"):
        shutil.copy(case, copy / f"{case.stem}.py")
    before = scan([copy])
    assert {site.safety for site in before.sites} == {
        "safe",
        "unsafe",
        "manual",
    }
    fixes = fix_files([copy], Options(to="tokens", unsafe=unsafe))
    for file in fixes.files:
        file.path.write_bytes(file.new)
    after = scan([copy])

    def by_hand(report):
        return Counter(
            (site.place.file, site.code)
            for site in report.sites
            if site.safety == "manual" and site.code[:2] in ("T1", "T2")
        )

    done = {"safe", "unsafe"} if unsafe else {"safe"}
    # What feeds a rewritten call is code of the user's own.
    left = [site for site in after.sites if site.code[:2] != "T3"]
    assert not [site for site in left if site.safety in done]
    named = Counter(
        (site.place.file, site.code)
        for site in before.sites
        if site.code in ("T202", "T203") and site.safety in done
    )
    # An import that is left for other files is a site from then on.
    handed_on = Counter(
        (site.place.file, site.code)
        for site in after.sites
        if "(...)" not in site.text and site.code[:2] in ("T1", "T2")
    )
    assert by_hand(after) - handed_on == by_hand(before) + named - handed_on


def test_the_scan_agrees_with_what_was_done(tmp_path):
    helpers, head, call = WAYS["from a package"]
    files = {**helpers, "script.py": f"{head}{USE.format(call=call)}"}
    for file in fixed(tmp_path, files).values():
        file.path.write_bytes(file.new)
    sites = scan([tmp_path]).sites
    assert not [s for s in sites if s.place.file.endswith("script.py")]
    again = fix_files([tmp_path], TOKENS)
    assert not [file for file in again.files if file.changed]
