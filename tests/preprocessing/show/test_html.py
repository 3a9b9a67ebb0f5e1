"""Notebook output of tokens: an HTML table, and a treescope tree."""

import re
from html.parser import HTMLParser

import jax
import numpy as np
import pytest
import treescope

from tfmpe import Tokens

HOSTILE = "<script>alert('\"&')"


@pytest.fixture
def tokens() -> Tokens:
    """Rules, functional inputs and padding."""
    return Tokens.from_pytree(
        {
            "mu": np.full((4, 1, 1), 0.25),
            "theta": np.zeros((4, 2, 1)),
            "obs": np.zeros((4, 2, 3, 1)),
        },
        {
            "local": ["theta", "obs"],
            "cross": [("mu", "obs")],
            "cross_local": [("theta", "obs", (0, 0))],
        },
        {"obs": np.zeros((2, 3, 1))},
        event_shapes={"obs": np.array([[2, 3], [1, 2], [1, 1], [0, 0]])},
    )


class Page(HTMLParser):
    """Reads HTML; fails on tags that are not closed in their order."""

    def __init__(self, html: str):
        super().__init__()
        self.open: list[str] = []
        self.tags: set[str] = set()
        self.styles: list[str] = []
        self.attributes: set[str] = set()
        self.rows: list[list[str]] = []
        self.items: list[str] = []
        self.text = ""
        self.feed(html)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        self.open.append(tag)
        self.tags.add(tag)
        self.attributes |= {name for name, _ in attrs}
        self.styles += [value for name, value in attrs if name == "style"]
        if tag == "tr":
            self.rows.append([])
        if tag in ("td", "th"):
            self.rows[-1].append("")
        if tag == "li":
            self.items.append("")

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text += data
        if self.open[-1] in ("td", "th"):
            self.rows[-1][-1] += data
        if self.open[-1] == "li":
            self.items[-1] += data


def test_the_whole_table(tokens):
    page = Page(tokens._repr_html_())
    assert page.text.startswith(
        "Tokens(samples (4,), 9 tokens of width 1, float32)"
    )
    assert page.rows == [
        ["key", "event", "batch", "offset", "tokens", "label", "inputs"],
        ["mu", "(1,)", "(1,)", "0", "1", "0", "-"],
        ["theta", "(2,)", "(1,)", "1", "2", "2", "-"],
        ["obs", "(2, 3)", "(1,)", "3", "6", "1", "1"],
    ]
    assert page.items == [
        "theta, obs: tokens of one key do not see one another, nor themselves",
        "mu does not see obs, but obs sees mu",
        "theta and obs see each other only at equal index (theta axis 0, "
        "obs axis 0)",
        "padding: 41.7% of all tokens",
    ]


def test_a_view(tokens):
    page = Page(tokens.select_tokens(["obs", "mu"])._repr_html_())
    assert page.text.startswith("TokenView(samples (4,), 7 tokens of width 1")
    assert [row[0] for row in page.rows] == ["key", "obs", "mu"]


def test_nothing_but_plain_elements(tokens):
    """No scripts, no resources; colours are those of the notebook."""
    page = Page(tokens._repr_html_())
    assert page.tags == {"div", "b", "table", "tr", "th", "td", "ul", "li"}
    assert page.attributes == {"style"}
    for style in page.styles:
        assert "url" not in style
        colours = re.findall(r"(?:^|;)(?:color|background):([^;]*)", style)
        assert set(colours) <= {"inherit", "none"}


def test_everything_is_escaped():
    """Wherever a name can turn up, and not more than once."""
    names = [HOSTILE, "a&amp;b", "x\n<td>"]
    tokens = Tokens.from_pytree(
        {name: np.zeros((1, 2, 1)) for name in names},
        {
            "local": names,
            "cross": [(names[0], names[1])],
            "cross_local": [(names[0], names[2], (0, 0))],
        },
    )
    html = tokens._repr_html_()
    page = Page(html)
    assert "<script" not in html
    assert page.tags == {"div", "b", "table", "tr", "th", "td", "ul", "li"}
    assert [row[0] for row in page.rows[1:]] == [
        HOSTILE,
        "a&amp;b",
        "x\\n<td>",
    ]


def test_many_keys_are_folded_and_stay_small():
    names = [f"parameter_{i}" for i in range(200)]
    tokens = Tokens.from_pytree(
        {name: np.zeros((1, 2, 1)) for name in names},
        {"cross": [(a, b) for a in names for b in names[:3]]},
    )
    page = Page(tokens._repr_html_())
    assert {"details", "summary"} <= page.tags
    assert len(page.rows) == 201
    assert "200 keys" in page.text
    assert len(page.items) == 22
    assert page.items[-2].startswith("… and ")


def test_where_there_are_no_values(tokens):
    """Shapes, traced values, and what tree functions leave."""
    seen = []

    def look(tokens):
        seen.append(tokens._repr_html_())
        return tokens

    jax.jit(look)(tokens)
    jax.jit(look)(tokens.select_tokens(["obs"]))
    for tree in (tokens, tokens.select_tokens(["obs"])):
        seen.append(jax.eval_shape(lambda x: x, tree)._repr_html_())
        seen.append(jax.tree.map(lambda x: 0, tree)._repr_html_())
    assert [len(Page(html).rows) for html in seen] == [4, 2, 4, 4, 2, 2]


def test_treescope_shows_keys_arrays_and_rules(tokens):
    for kind, n in ((tokens, 9), (tokens.select_tokens(["mu", "obs"]), 7)):
        text = treescope.render_to_text(kind)
        assert text.startswith(f"{type(kind).__name__}(\n  data=")
        assert f"float32(4, {n}, 1)" in text
        assert f"bool(4, {n})" in text
        for key in kind.key_order:
            assert f"'{key}': {{'offset'" in text
        assert "local=(" in text
        assert "_memo" not in text
        html = treescope.render_to_html(kind, compressed=False)
        shown = {text for text in re.split(r"<[^>]*>", html) if text}
        assert {repr(key) for key in kind.key_order} <= {
            name.replace("&#x27;", "'") for name in shown
        }


def test_treescope_paths_lead_to_what_is_shown(tokens):
    """It offers to copy them."""
    for kind in (tokens, tokens.select_tokens(["obs", "mu"])):
        text = treescope.render_to_text(kind)
        shown = re.findall(r"^  (\w+)=", text, re.MULTILINE)
        assert shown == [
            "data",
            "functional_inputs",
            "padding",
            "slices",
            "independence",
        ]
        assert all(hasattr(kind, name) for name in shown)


def test_treescope_where_there_are_no_values(tokens):
    view = tokens.select_tokens(["obs"])
    shapes = jax.eval_shape(lambda x: x, view)
    assert "shape=(4, 6, 1)" in treescope.render_to_text(shapes)
    numbers = jax.tree.map(lambda x: 7, view)
    assert "data=7" in treescope.render_to_text(numbers)
    seen = []

    def look(tokens):
        seen.append(treescope.render_to_text(tokens))
        return tokens

    jax.jit(look)(tokens)
    assert "'theta': {'offset': 1" in seen[0]


def test_treescope_does_not_run_names():
    """They stand in its page as text, not within its scripts."""

    class Scripts(HTMLParser):
        text = ""
        inside = False

        def handle_starttag(self, tag, attrs):
            self.inside = tag == "script"

        def handle_data(self, data):
            if self.inside:
                self.text += data

    tokens = Tokens.from_pytree({HOSTILE: np.zeros((1, 1, 1))}, {})
    html = treescope.render_to_html(tokens, compressed=False)
    assert "alert(" in html
    scripts = Scripts()
    scripts.feed(html)
    assert "customElements" in scripts.text
    assert "alert(" not in scripts.text


def test_jax_sees_the_same_tree(tokens):
    """Shown or not: the three leaves, by attribute."""
    treescope.render_to_text(tokens)
    paths = [
        jax.tree_util.keystr(path)
        for path, _ in jax.tree_util.tree_leaves_with_path(tokens)
    ]
    assert paths == [".data", ".functional_inputs", ".padding"]
    assert jax.tree.map(lambda x: x, tokens).layout is tokens.layout
