"""MIGRATION.md says what the package's own lists say."""

import re

from migration.guide import BLOCK, GUIDE, generate
from tfmpe.migrate.catalogue import CATALOGUE
from tfmpe.migrate.legacy_names import NAMES


def test_the_committed_guide_is_the_generated_one():
    text = GUIDE.read_text()
    assert [block["name"] for block in BLOCK.finditer(text)] == [
        "names",
        "defects",
        "rules",
    ]
    # If this fails: python tests/migration/guide.py
    assert text == generate(text)


def test_a_change_by_hand_would_be_noticed():
    text = GUIDE.read_text()
    changed = text.replace("Functional inputs follow the data", "They do not")
    assert changed != text
    assert generate(changed) == text


def test_every_code_has_an_anchor_and_every_link_a_target():
    text = GUIDE.read_text()
    headings = re.findall(r"^#+ (.+)$", text, re.M)
    assert set(CATALOGUE) <= set(headings)
    anchors = {
        re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")
        for heading in headings
    }
    links = set(re.findall(r"\]\(#([^)]+)\)", text))
    assert len(links) > len(CATALOGUE) / 2
    assert links <= anchors


def test_every_legacy_name_is_in_the_tables():
    text = GUIDE.read_text()
    for name in NAMES.values():
        assert f"| `{name.name}` |" in text


def test_the_first_minute_fits_a_screen():
    text = GUIDE.read_text()
    minute = text.partition("## In one minute")[2].partition("\n## ")[0]
    assert len(minute.splitlines()) < 35
