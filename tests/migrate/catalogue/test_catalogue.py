"""What is said of the codes is true: examples run, facts are the bridge's."""

import importlib
import re
import sys
import warnings

import pytest

from tfmpe.compat import LegacyWarning, defects
from tfmpe.compat.fixes import FIXABLE
from tfmpe.migrate.catalogue import CATALOGUE, DEFECTS, RULES, SETUP, Rule
from tfmpe.migrate.catalogue.render import examples, paragraphs, uses_setup
from tfmpe.migrate.legacy_names import BRIDGE, LEGACY, MODULES, NAMES

WITH_EXAMPLES = [entry for entry in CATALOGUE.values() if entry.before]
# Nothing small shows them: they take bottom-up training, a whole script, or
# are an absence.
WITHOUT = {"L4", "L6", "L10", "L15", "L23", "L26", "L27", "L52"}
# Nor these, which need packages that not everybody has, or a training.
WITHOUT |= {"L37", "L38", "L40", "L41", "L43", "L47", "L56", "L57"}
WITHOUT |= {"L29", "L31", "L32", "L33", "L34", "L36", "L45", "L46", "L50"}
WITHOUT |= {"L53", "L54", "L55", "L58", "L59", "L61"}

# They make networks.
SLOW = {"L22", "T206"}
IMPORTS = SETUP.partition("#")[0]


@pytest.fixture
def legacy_names(monkeypatch):
    """Let legacy imports find the bridge."""
    for name in MODULES:
        bridge = importlib.import_module(name.replace(LEGACY, BRIDGE, 1))
        monkeypatch.setitem(sys.modules, name, bridge)


def _run(entry):
    """Run the examples of an entry; return the defects it was warned of."""
    # As `tfmpe explain` shows it: the data only where they are used.
    setup = SETUP if uses_setup(entry) else IMPORTS
    namespace = {}
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        for code in (setup, entry.before, entry.after, entry.check):
            exec(compile(code, entry.code, "exec"), namespace)
    assert [
        w for w in caught if not issubclass(w.category, LegacyWarning)
    ] == []
    return {w.category.code for w in caught}


@pytest.mark.parametrize(
    "entry",
    [
        pytest.param(e, marks=pytest.mark.slow if e.code in SLOW else ())
        for e in WITH_EXAMPLES
    ],
    ids=lambda e: e.code,
)
@pytest.mark.usefixtures("legacy_names")
def test_examples_run_and_warn_as_said(entry):
    warned = _run(entry)
    if isinstance(entry, Rule):
        said = set(re.findall(r"\bL\d+\b", " ".join(paragraphs(entry))))
        assert warned <= said
    else:
        assert warned == ({entry.code} if entry.warning else set())


@pytest.mark.parametrize("entry", WITH_EXAMPLES, ids=lambda e: e.code)
def test_examples_are_in_legacy_code_and_on_tokens(entry):
    assert f"{LEGACY}." not in entry.after.replace(f"{BRIDGE}.", "")
    if entry.code not in {"T302", "T003", "T207"}:
        assert f"{LEGACY}" in entry.before
    # Something is said to hold, in one of the three.
    assert any("assert" in code for _, code in examples(entry))


def test_every_entry_has_what_belongs_to_it():
    assert {e.code for e in CATALOGUE.values()} - {
        e.code for e in WITH_EXAMPLES
    } == WITHOUT
    names = [entry.name for entry in CATALOGUE.values()]
    assert len(set(names)) == len(names) == len(RULES) + len(DEFECTS)
    for rule in RULES:
        assert rule.safety in ("safe", "unsafe", "manual")
        assert rule.text
        assert rule.todo
        assert rule.rewrite
        # A rule for people says that it is never rewritten.
        assert (rule.safety == "manual") == rule.rewrite.startswith("Never")
    for defect in DEFECTS:
        assert defect.safety is None
        assert defect.code == "L10" or (defect.cost and defect.core)
    for entry in CATALOGUE.values():
        assert not entry.summary.endswith(".")
        assert "\n" not in entry.summary + entry.text
        assert entry.text.endswith((".", ")"))


def test_defects_are_numbered_and_agree_with_the_bridge():
    numbers = [int(d.code[1:]) for d in DEFECTS]
    assert numbers == sorted(set(numbers))
    warned = {
        value.code: name
        for name, value in vars(defects).items()
        if isinstance(value, type)
    }
    assert {d.code: d.warning for d in DEFECTS if d.warning} == warned
    assert {d.code: d.fix for d in DEFECTS if d.fix} == dict(FIXABLE)


def test_every_legacy_name_has_a_rule():
    assert {name.code for name in NAMES.values()} <= {r.code for r in RULES}


def test_codes_mentioned_exist():
    for entry in CATALOGUE.values():
        said = " ".join(paragraphs(entry))
        for code in re.findall(r"\b[TL]\d+\b", said):
            assert code in CATALOGUE, (entry.code, code)


@pytest.mark.parametrize(
    ("code", "uses"), [("T101", True), ("L22", False), ("L10", False)]
)
def test_the_data_are_shown_where_they_are_used(code, uses):
    assert uses_setup(CATALOGUE[code]) is uses
