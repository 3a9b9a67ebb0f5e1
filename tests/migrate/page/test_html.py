"""The page: what is on it, and that nothing in it can act."""

import re
from html.parser import HTMLParser

import pytest

pytest.importorskip("jinja2", reason="needs the extra cli")

from tfmpe.migrate.page.html import to_html
from tfmpe.migrate.page.sites import STATUSES
from tfmpe.migrate.page.verdict import sums

VOID = {"meta", "br", "input", "col", "link", "img", "path", "rect"}


class Page(HTMLParser):
    """Collects elements, and checks that all are closed in their order."""

    def __init__(self, text):
        super().__init__()
        self.elements, self.text, self._open = [], [], []
        self.feed(text)
        self.close()
        assert not self._open

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))
        assert len(attrs) == len(dict(attrs)), "an attribute is given twice"
        if tag not in VOID:
            self._open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        assert self._open.pop() == tag

    def handle_data(self, data):
        if "style" not in self._open:
            self.text.append(data)

    def all(self, tag):
        return [attrs for name, attrs in self.elements if name == tag]

    @property
    def words(self):
        return " ".join("".join(self.text).split())


@pytest.fixture
def parsed(page):
    return Page(to_html(page))


def assert_inert(text):
    """Check that a page runs nothing and asks for nothing."""
    page = Page(text)
    tags = {tag for tag, _ in page.elements}
    assert tags.isdisjoint(
        {"script", "link", "iframe", "object", "embed", "img", "form", "base"}
    )
    for tag, attrs in page.elements:
        for name, value in attrs.items():
            assert not name.startswith("on"), (tag, name)
            assert name not in ("src", "srcset", "action", "data", "xlink:href")
            if name == "href":
                assert value.startswith("#"), value
    (policy,) = (
        each["content"]
        for each in page.all("meta")
        if each.get("http-equiv") == "Content-Security-Policy"
    )
    assert policy.startswith("default-src 'none'; style-src 'unsafe-inline'")
    style = re.search(r"<style>(.*?)</style>", text, re.DOTALL).group(1)
    assert "url(" not in style
    assert "@import" not in style
    return page


def test_the_page_asks_for_nothing(page):
    assert_inert(to_html(page))


HOSTILE = (
    "<script>alert(1)</script>",
    "\"><img src=x onerror='alert(1)'>",
    "'; </style></pre></td><svg onload=alert(1)>",
    "{{ 7 * 7 }}{% raw %}",
    "&lt;b&gt; \udcff \x00 \u202e \x1b[31m",
)


def poisoned(value, text):
    """Return json with every text replaced that is not told by its value."""
    fixed = {"scan", "fix", "shadow", "run", "verify", "bench", "inf", "nan"}
    if isinstance(value, dict):
        return {key: poisoned(item, text) for key, item in value.items()}
    if isinstance(value, list):
        return [poisoned(item, text) for item in value]
    return text if isinstance(value, str) and value not in fixed else value


@pytest.mark.parametrize("text", HOSTILE)
def test_no_text_of_a_file_can_act(example, made, text):
    bad = [poisoned(content, text) for content in example.values()]
    # Names of an object can be anything as well.
    for content in bad:
        for name in ("fingerprint", "machine", "versions"):
            if name in content:
                content[name][text] = text
    found = assert_inert(to_html(made(*bad)))
    shown = "".join(
        c if c.isprintable() or c in "\n\t" else "\ufffd" for c in text
    )
    assert " ".join(shown.split()) in found.words
    assert "49" not in found.words or "{{" not in text


def test_a_file_named_like_a_script_is_shown(made, scan, site):
    name = "<script>alert(1)</script>.py"
    text = to_html(made(scan(site(3, file=name))))
    assert "<script" not in text
    assert name in assert_inert(text).words


def test_every_site_is_a_row_with_its_status_in_words_and_a_symbol(
    page, parsed
):
    rows = [row for row in parsed.all("tr") if "data-status" in row]
    assert len(rows) == len(page.sites)
    for name, count in page.counts.items():
        slug = name.replace(" ", "-")
        assert sum(row["data-status"] == slug for row in rows) == count
    for each in ("✗ differs", "✓ identical", "○ unseen", "≈ within tolerance"):
        assert each in parsed.words


def test_the_filter_knows_every_status_on_the_page(page):
    text = to_html(page)
    for name in page.counts:
        slug = name.replace(" ", "-")
        assert f'id="only-{slug}"' in text
        assert f"#only-{slug}:checked" in text
        assert f".{slug} {{ --tone:" in text
    bodies = [b for b in Page(text).all("tbody") if "data-statuses" in b]
    assert len(bodies) == len({each.site.file for each in page.sites})


def test_tables_have_captions_headings_and_scopes(parsed):
    assert len(parsed.all("table")) == len(parsed.all("caption")) == 6
    assert all("scope" in each for each in parsed.all("th"))
    assert [tag for tag, _ in parsed.elements].count("h1") == 1
    ids = [attrs["id"] for _, attrs in parsed.elements if "id" in attrs]
    assert len(ids) == len(set(ids))
    for link in parsed.all("a"):
        assert link["href"][1:] in ids


def test_masks_are_drawn_side_by_side(parsed):
    labels = [
        each["aria-label"]
        for each in parsed.all("svg")
        if each.get("role") == "img"
    ]
    assert labels == ["legacy", "bridge", "difference"] * 2


def test_what_the_page_says(parsed):
    for text in (
        "7 of 15 call sites ran and gave identical results",
        "project/old/py2.py",
        "tfmpe fix project",
        "tfmpe run --shadow --save-cases differing project/fit_seir.py",
        "3.1e-05",
        "threefry2x32",
        "a warning of a later version",
        "7.75 times less",
        "2.85 times more",
        "noise floor 4.2e-05",
        "jax is 0.10.2, recorded with 0.5.3",
        "4 of SFMPE.fit not replayed: draws random numbers",
        "2026-11-24 12:30 UTC",
    ):
        assert text in parsed.words


def test_an_empty_page_is_a_page(made, scan):
    found = assert_inert(to_html(made(scan())))
    assert "Nothing was compared yet." in found.words
    assert "data-status" not in to_html(made(scan()))


def test_long_lists_are_cut_and_say_so(made, scan, site, shadow):
    difference = {
        "function": "pad_1d",
        "file": "a.py",
        "line": 1,
        "kind": "values",
        "path": "output",
        "masks": {"old": [[1]], "new": [[0]]},
    }
    content = made(
        scan(*(site(line) for line in range(30))),
        shadow(differences=[difference] * 300),
    )
    found = Page(to_html(content))
    assert "the first 200 of 300, the json has all" in found.words
    assert "280 more masks differ; the json has them." in found.words
    assert "22 more" in found.words


def test_masks_too_large_to_look_at_are_not_drawn(made, shadow):
    difference = {
        "function": "pad_1d",
        "file": "a.py",
        "line": 1,
        "kind": "values",
        "path": "output",
        "masks": {"old": [[1] * 3_000], "new": [[]] * 3_000},
    }
    found = Page(to_html(made(shadow(differences=[difference]))))
    assert "1 more mask differs" in found.words


def test_every_status_has_a_symbol_and_a_meaning():
    from tfmpe.migrate.page import html

    assert set(html._SYMBOLS) == set(html._MEANINGS) == set(STATUSES)
    assert len(set(html._SYMBOLS.values())) == len(STATUSES)


def test_arrays_that_agree_are_folded_and_escaped(made, shadow, call):
    arrays = [
        {
            "path": f"output['<b>{number}']",
            "compared": 2,
            "identical": 2,
            "within_tolerance": 0,
            "different": 0,
            "largest_absolute": 0.0,
        }
        for number in range(201)
    ]
    text = to_html(made(shadow(call(3, arrays=arrays))))
    assert_inert(text)
    found = Page(text)
    assert len(found.all("details")) == 1
    assert "open" not in found.all("details")[0]
    assert "flatten_structured, at run time: 201 arrays, identical" in (
        found.words
    )
    assert "output['<b>0']✓ identical22000" in found.words
    assert "1 more array; the json has all." in found.words


def test_the_page_says_how_its_numbers_add_up(page, parsed):
    assert sums(page.sites) in parsed.words
    for step in page.steps:
        assert f"{step.title}{step.kind}" in parsed.words
