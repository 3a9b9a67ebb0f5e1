"""Code on every page of the documentation, run in order."""

import ast
import json
import re
from collections import Counter
from pathlib import Path

import pytest
from sybil import Sybil
from sybil.parsers.markdown import PythonCodeBlockParser

import tfmpe
from nightly import some_of
from tfmpe import compat
from tfmpe.compat import defects

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
PAGES = [ROOT / "README.md", ROOT / "MIGRATION.md", *sorted(DOCS.rglob("*.md"))]
NAMES = [page.relative_to(ROOT).as_posix() for page in PAGES]
WITH_CODE = [
    name
    for name, page in zip(NAMES, PAGES, strict=True)
    if "```python" in page.read_text(encoding="utf-8")
    # Their code runs in a changed copy of the package: test_extend_pages.py.
    and page.parent.name != "extend"
]
# These pages train or compile for long; make test runs the code of some of them
# with less work, for which no output is shown.
LONG = {
    "README.md",
    "docs/tutorial.md",
    "docs/how-to/groups.md",
    "docs/how-to/inference.md",
}
LESS_WORK = {
    "n_simulations=2_000": "n_simulations=100",
    "n_simulations=4_000": "n_simulations=100",
    "n_epochs=30": "n_epochs=1",
    "n_epochs=8": "n_epochs=1",
    "n_samples=1_000": "n_samples=20",
    "estimator.check(": "estimator.check(n_simulations=20, n_samples=19, "
    "log_densities=False, observed=",
}
# A text block directly after a Python block is its output.
SHOWN = re.compile(r"(?:```)?\n\n```(?:text)?\n(.*?)```", re.DOTALL)
DECIMAL = re.compile(r"-?\d+\.\d+")
# For minutes, standard deviations and losses after training: how much rounding
# on another machine may change them. The draws have standard deviations of 0.5.
TOLERANCE = 0.2


def read(name):
    return (ROOT / name).read_text(encoding="utf-8")


def test_the_pages_are_found():
    assert {*WITH_CODE} > LONG
    assert len(WITH_CODE) > 10


@pytest.fixture
def outputs(capsys, monkeypatch, tmp_path, pyplot):
    """Return a function that yields outputs of a page, and those shown."""
    monkeypatch.setenv("TFMPE_COMPAT", "error")
    monkeypatch.chdir(tmp_path)

    def run(page):
        document = Sybil(parsers=[PythonCodeBlockParser()]).parse(page)
        examples = list(document.examples())
        assert examples
        for example in examples:
            example.evaluate()
            printed = capsys.readouterr().out
            shown = SHOWN.match(document.text, example.region.end)
            yield printed, shown and shown[1]

    return run


@pytest.mark.parametrize(
    "name", some_of(WITH_CODE, {*WITH_CODE} - LONG, "pages")
)
def test_code_runs_and_prints_what_is_shown(name, outputs):
    for printed, shown in outputs(ROOT / name):
        if shown is not None:
            assert_same_text(printed, shown)


@pytest.mark.parametrize("name", ["README.md", "docs/tutorial.md"])
def test_code_of_long_pages_runs(name, outputs):
    text = read(name)
    for more, less in LESS_WORK.items():
        text = text.replace(more, less)
    page = Path.cwd() / "page.md"
    page.write_text(text, encoding="utf-8")
    assert all(printed for printed, shown in outputs(page) if shown)


def assert_same_text(printed, shown):
    """Compare exactly, but decimals within the tolerance."""
    assert DECIMAL.sub("0.0", printed) == DECIMAL.sub("0.0", shown)
    found = [float(number) for number in DECIMAL.findall(printed)]
    expected = [float(number) for number in DECIMAL.findall(shown)]
    assert found == pytest.approx(expected, abs=TOLERANCE, rel=0)


@pytest.mark.parametrize("other", ["a 1.71", "a 1.29", "b 1.5", "a 1.5 1.5"])
def test_other_text_is_noticed(other):
    assert_same_text("a 1.5", "a 1.6")
    with pytest.raises(AssertionError):
        assert_same_text(other, "a 1.5")


def test_every_legacy_name_is_in_the_migration_guide():
    text = read("MIGRATION.md")
    shown = [n.rpartition(".")[2] for n in public_names("tfmpe.compat")]
    names = [
        name
        for name in shown
        if callable(value := getattr(compat, name))
        and not isinstance(value, type)
    ]
    assert "flatten_structured" in names
    assert [name for name in names if f"`{name}" not in text] == []


def test_every_warning_leads_to_an_anchor_of_the_migration_guide():
    text = read("MIGRATION.md")
    codes = [
        value.code
        for value in vars(defects).values()
        if isinstance(value, type)
    ]
    assert len(codes) > 5
    for code in codes:
        assert f'| <a id="{code.lower()}"></a>{code} ⚠ |' in text


def test_pictures_and_links_of_the_documents_exist():
    found = 0
    for name in NAMES:
        for target in re.findall(r"\]\(([^)#:\s]+)[)#]", read(name)):
            path = (ROOT / name).parent / target
            assert path.exists(), f"{name}: {target}"
            found += 1
    assert found > 50


def public_names(module):
    """Return the names that a package exports: ``from … import a as a``."""
    path = Path(tfmpe.__file__).parent.joinpath(*module.split(".")[1:])
    tree = ast.parse((path / "__init__.py").read_text(encoding="utf-8"))
    return [
        f"{module}.{alias.name}"
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
        if alias.asname == alias.name
    ]


def names_in_the_reference():
    module, found = None, []
    for page in sorted((DOCS / "reference").glob("*.md")):
        for kind, name in re.findall(
            r"^\.\. (currentmodule|auto\w+|py:\w+):: ([\w.]+)",
            page.read_text(encoding="utf-8"),
            re.MULTILINE,
        ):
            if kind == "currentmodule":
                module = name
            else:
                found.append(f"{module}.{name}")
    return found


def legacy_names():
    """Return the names that the bridge has only in modules of legacy names."""
    surface = ROOT / "tests/compat/legacy_surface.json"
    listed = json.loads(surface.read_text())["public"]
    shown = {name.rpartition(".")[2] for name in public_names("tfmpe.compat")}
    return [
        f"tfmpe.compat.{module}.{name}"
        for module, names in listed.items()
        for name, parameters in names.items()
        # Methods are listed with their class; null stands for a constant.
        if parameters is not None and "." not in name and name not in shown
    ]


def test_every_public_name_is_in_the_reference_once():
    modules = ("tfmpe", "tfmpe.nn", "tfmpe.estimators", "tfmpe.compat")
    expected = [name for module in modules for name in public_names(module)]
    assert "tfmpe.Tokens" in expected
    expected += legacy_names()
    assert "tfmpe.compat.cnf.CNF" in expected
    # New names besides the legacy names.
    for name in ("load_parameters", "read_parameters"):
        expected.append(f"tfmpe.compat.nn.transformer.{name}")
    assert Counter(names_in_the_reference()) == Counter(expected)
