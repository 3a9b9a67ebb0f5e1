"""Page of the report: content, and no active elements."""

import json
import re
from html.parser import HTMLParser

import hypothesis
import msgspec
import numpy as np
import pytest
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays as arrays_of

pytest.importorskip("jinja2", reason="needs the extra cli")

from migrate.report import given
from tfmpe.migrate.records.files import Record, as_json
from tfmpe.migrate.records.parity import ArrayParity
from tfmpe.migrate.records.runs import Masks
from tfmpe.migrate.report.drawing import MAX_SIDE, draw_masks
from tfmpe.migrate.report.page import to_html

VOID = {"meta", "br", "input", "col", "path", "rect"}
ACTING = {"script", "link", "iframe", "object", "embed", "img", "form", "base"}
ASKING = {"src", "srcset", "action", "data", "xlink:href"}


class Page(HTMLParser):
    """Elements and words of a page, which must not run or load anything."""

    def __init__(self, report):
        super().__init__()
        self.source = to_html(report)
        self.elements, self.words, self._open = [], "", []
        self.feed(self.source)
        self.close()
        assert not self._open, "all are closed in their order"
        self.words = " ".join(self.words.split())
        assert "default-src 'none'; style-src 'unsafe-inline'" in self.source
        assert not re.search(r"url\(|@import", self.source)

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))
        names = dict(attrs).keys()
        assert tag not in ACTING
        assert not names & ASKING
        assert not any(name.startswith("on") for name in names)
        assert dict(attrs).get("href", "#").startswith("#")
        if tag not in VOID:
            self._open.append(tag)

    def handle_endtag(self, tag):
        assert tag in VOID or self._open.pop() == tag

    def handle_data(self, data):
        self.words += data * ("style" not in self._open)

    def all(self, tag):
        return [attrs for name, attrs in self.elements if name == tag]


FIXED = {*given.EXAMPLE, "inf", "eager", "checked", "old", "new", "bridge"}


def poisoned(value, text):
    """Return JSON in which all texts are replaced, except those in FIXED."""
    if isinstance(value, dict):
        return {key: poisoned(item, text) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [poisoned(item, text) for item in value]
    return text if isinstance(value, str) and value not in FIXED else value


ACTIONS = [
    *("<script>alert(1)</script>", "{{ 7 * 7 }}{% raw %}"),
    *("\"><img src=x onerror='alert(1)'>", "'; </style><svg onload=alert(1)>"),
    "&lt;b&gt; \udcff \x00 \u202e \x1b[31m",
]


@pytest.mark.parametrize("text", ACTIONS)
def test_no_text_of_a_file_can_act(text):
    records = given.EXAMPLE.values()
    bad = [poisoned(msgspec.to_builtins(record), text) for record in records]
    # Names in an object can be any text as well.
    bad[2]["fingerprint"][text] = bad[5]["machine"][text] = text
    bad = [msgspec.convert(each, Record) for each in bad]
    report = given.report(*bad)
    assert json.loads(as_json(report))["exit_code"] == report.exit_code
    found = Page(report)
    shown = "".join(c if c.isprintable() else "\ufffd" for c in text)
    assert " ".join(shown.split()) in found.words
    assert "49" not in found.words or "{{" not in text


def test_what_the_page_says():
    report = given.report(*given.EXAMPLE.values())
    page = Page(report)
    for words in (
        *(report.verdict, report.sums, "2026-11-24T00:00:00+00:00"),
        *("✗ different", "✓ identical", "○ unseen", "≈ within tolerance"),
        *(f"{c} {summary} tfm" for c, summary in report.codes.items()),
        *("old.py: line 3: invalid syntax (tfmpe scan, 0.json)", "6.19x"),
        *("tfmpe fix --diff src tfmpe fix src", "0.5x"),
        *(
            "3.1e-05 absolute",
            "absolute: output[12, 3, 0]",
            "first in layer blocks[1].attention",
        ),
        *("2 arrays, 1 different", "15 cells differ. Rows attend to"),
        *("tfmpe explain L9999", "sample_posterior, found by a run"),
        *("patch('sfmpe.utils.x')", "jax is 0.10.2, recorded with 0.5.3"),
        "4 of SFMPE.fit not replayed: it draws",
        "flatten, bridge not measured: too large",
    ):
        assert words in page.words
    labels = [s["aria-label"] for s in page.all("svg") if "role" in s]
    assert labels == ["legacy", "bridge", "difference"]
    # Every place is a row with a status that the filter has.
    rows = [row for row in page.all("tr") if "data-status" in row]
    assert len(rows) == len(report.sites)
    for name, count in report.counts.items():
        slug = name.replace(" ", "-")
        assert sum(row["data-status"] == slug for row in rows) == count
        for part in (f'id="only-{slug}"', f"#only-{slug}:", f".{slug} {{ --t"):
            assert part in page.source
    # Tables are accessible, and links have a target.
    assert len(page.all("table")) == len(page.all("caption")) + 1 == 8
    assert all("scope" in each for each in page.all("th"))
    ids = [attrs["id"] for _, attrs in page.elements if "id" in attrs]
    assert len(ids) == len(set(ids))
    assert {link["href"][1:] for link in page.all("a")} <= set(ids)
    page = Page(given.report(given.scan()))
    assert "Nothing was compared yet." in page.words, "an empty report"


def test_what_is_long_or_large_is_cut_and_says_so():
    small, large = Masks(((1.0,),), ()), Masks(((1.0,) * 9_000,) * 900, ())
    arrays = [ArrayParity(f"<b>{n}", given.EQUAL) for n in range(201)]
    masks = [given.differing(3, masks=m) for m in (large, *([small] * 299))]
    call = given.call(3, arrays=tuple(arrays))
    scan = given.scan(*(given.use(line) for line in range(10, 40)))
    seen = given.shadow(call, differences=tuple(masks))
    found = Page(given.report(scan, seen))
    for words in ("the first 200 of 300", "281 more masks differ", "22 more"):
        assert words in found.words
    assert "1 more array; the JSON has all." in found.words


SHAPE = st.tuples(st.integers(1, 7), st.integers(1, 7))
MASK = arrays_of(float, SHAPE, elements=st.sampled_from([0.0, 1.0]))


def masks_of(*masks):
    return Masks(*(tuple(map(tuple, mask.tolist())) for mask in masks))


def filled(path):
    """Return the cells that the commands of a path fill."""
    step = r"M(\d+) (\d+)h(\d+)v1h-\3z"
    assert re.sub(step, "", path) == ""
    runs = [tuple(map(int, found)) for found in re.findall(step, path)]
    return {(y, x + n) for x, y, width in runs for n in range(width)}


@hypothesis.settings(deadline=None)
@hypothesis.given(MASK, MASK)
def test_paths_fill_what_is_one(old, new):
    picture = draw_masks(masks_of(old, new))
    one, two = (
        set(map(tuple, np.argwhere(mask).tolist())) for mask in (old, new)
    )
    cells = [filled(path) for path in picture[2:6]]
    assert cells == [one, two, one - two, two - one]
    assert picture.note.startswith(f"{len(one ^ two)} cell")


@pytest.mark.parametrize(("row", "column"), [(0, 0), (350, 10), (399, 399)])
def test_a_large_mask_is_drawn_where_it_differs(row, column):
    mask = np.zeros((400, 400))
    mask[row, column] = 1.0
    picture = draw_masks(masks_of(np.zeros((2, 2)), mask))
    assert (picture.width, picture.height) == (MAX_SIDE, MAX_SIDE)
    assert len(filled(picture.only_new)) == 1
    assert "; rows from " in picture.note
