"""Catalog of codes: running examples, and facts of the bridge."""

import importlib
import re
import sys
import warnings
from pathlib import Path

import pytest

from nightly import some_of
from tfmpe.compat import LegacyWarning, defects
from tfmpe.compat.fixes import FIXABLE
from tfmpe.migrate.catalogue import CATALOGUE, NAMES, Defect, advice_of
from tfmpe.migrate.catalogue.reading import CatalogueError, read_entries
from tfmpe.migrate.catalogue.render import as_markdown, example_data_of
from tfmpe.migrate.legacy_names import BRIDGE, LEGACY, MODULES

SLOW = {"L22", "T206"}  # these create networks
WITH_EXAMPLES = [e.code for e in CATALOGUE.values() if e.before]
QUICK = [code for code in WITH_EXAMPLES if code not in SLOW]
DEFECTS = [e for e in CATALOGUE.values() if isinstance(e, Defect)]


@pytest.fixture
def legacy_names(monkeypatch):
    """Let legacy imports find the bridge."""
    for name in MODULES:
        bridge = importlib.import_module(name.replace(LEGACY, BRIDGE, 1))
        monkeypatch.setitem(sys.modules, name, bridge)


@pytest.mark.parametrize(
    "code", some_of(WITH_EXAMPLES, QUICK[::3], "examples of codes")
)
@pytest.mark.usefixtures("legacy_names")
def test_examples_run_and_warn_as_said(code):
    entry = CATALOGUE[code]
    codes = (example_data_of(entry), entry.before, entry.after, entry.then)
    namespace = {}
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        for text in codes:
            exec(compile(text, code, "exec"), namespace)
    assert all(issubclass(w.category, LegacyWarning) for w in caught)
    warned = {w.category.code for w in caught}
    if isinstance(entry, Defect):
        assert warned == ({entry.code} if entry.warning else set())
    else:
        assert warned <= set(re.findall(r"\bL\d+\b", as_markdown(entry)))
    assert f"{LEGACY}." not in entry.after.replace(f"{BRIDGE}.", "")
    assert any("assert" in text for text in codes)


def test_defects_agree_with_the_bridge():
    """Every warning and every fix has an entry, and vice versa."""
    known = vars(defects).items()
    warned = {v.code: name for name, v in known if isinstance(v, type)}
    assert {d.code: d.warning for d in DEFECTS if d.warning} == warned
    assert {d.code: d.fix for d in DEFECTS if d.fix} == dict(FIXABLE)
    for file in Path(defects.__file__).parent.glob("l??_*.py"):
        assert f"L{int(file.name[1:3])}" in CATALOGUE


@pytest.mark.parametrize("entry", CATALOGUE.values(), ids=lambda e: e.code)
def test_pages_fit_80_columns_and_name_codes_that_exist(entry):
    page = as_markdown(entry)
    # No short code shows some defects, such as those of a training.
    assert isinstance(entry, Defect) or (entry.before and entry.after)
    assert max(map(len, page.splitlines())) <= 80
    assert set(re.findall(r"\b[TL]\d+\b", page)) <= set(CATALOGUE)


def test_advice_is_found_by_every_name_of_a_legacy_name():
    assert all(advice_of(name) is found for name, found in NAMES.items())
    for name in ("sfmpe.bottom_up.SFMPE", "tfmpe.compat.SFMPE"):
        assert advice_of(name) is NAMES["sfmpe.sfmpe.SFMPE"]
    assert advice_of("sfmpe.bottom_up.SFMPE.fit").name == "SFMPE.fit"
    for name in ("sfmpe.cnf.SFMPE", "sfmpe", "numpy.prod", "sfmpe.svf.Array"):
        assert advice_of(name) is None


ADVICE = '+++\nname = "a"\nsummary = "b"\n+++\n\nc\n\n## What to do\n\nd\n'


@pytest.mark.parametrize(
    ("old", "new", "fault"),
    [
        ('name = "a"', 'title = "a"', "unknown field `title`"),
        ('name = "a"\n', "", "missing required field `name`"),
        ('name = "a"', "name = a", "Invalid value"),
        ('"b"', '"b."', r"at `\$.summary`"),
        ("What to do", "Rewriting", "unknown field `rewriting`"),
        ("\n## What to do", "", "missing required field `what_to_do`"),
        ("\n## What to do", "\n## Text", "'Text' appears twice"),
        ("+++\nname", "name", "expected a name such as"),
    ],
)
def test_a_wrong_entry_is_named_and_none_is_there_twice(
    tmp_path, old, new, fault
):
    (tmp_path / "T1.md").write_text(ADVICE)
    assert read_entries(tmp_path)["T1"].what_to_do == "d"
    (tmp_path / "T1.md").write_text(ADVICE.replace(old, new))
    with pytest.raises(CatalogueError, match=rf"T1\.md: .*{fault}"):
        read_entries(tmp_path)
    for name in ("T1.md", "T2.md"):
        (tmp_path / name).write_text(ADVICE)
    with pytest.raises(CatalogueError, match=r"T2\.md: 'a' .* in T1\.md"):
        read_entries(tmp_path)


@pytest.mark.parametrize(
    ("codes", "exit_code", "said"),
    [
        ("t101", 0, " - `flatten_structured`: Tokens.from_pytree("),
        ("t101", 0, "## After ```python from tfmpe import Tokens tokens = "),
        ("L19", 0, "Bridge Warns with `RepeatedNoiseWarning`. `fix="),
        ("L19", 0, "## Cost Draws that should be independent are equal"),
        ("T101 T1011", 2, "did you mean T101"),
        ("repeated-nose", 2, "did you mean repeated-noise?"),
        ("zzz", 2, "unknown code 'zzz'. `tfmpe explain` lists all."),
    ],
)
def test_explain(run, codes, exit_code, said):
    done = run("explain", *codes.split())
    assert done.exit_code == exit_code
    assert said in done.words
    assert "\x1b[" not in done.output
    assert ("# T101" in done.output) == (codes == "t101")


def test_names_are_explained_and_doubles_are_shown_once(run, monkeypatch):
    by_name = run("explain", "Repeated-Noise", "L19", "l19").output
    assert by_name == run("explain", "L19").output
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.delenv("NO_COLOR", raising=False)
    assert "\x1b[" in run("explain", "L19").output


def test_without_a_code_all_are_listed(run):
    lines = run("explain").output.splitlines()
    assert max(map(len, lines)) <= 80
    first = [line.split()[0] for line in lines if line[0] != " "]
    assert first == list(CATALOGUE)
