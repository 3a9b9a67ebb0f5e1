"""HTML table of tokens in notebooks."""

import re
from html.parser import HTMLParser

import jax
import numpy as np

from tfmpe import Tokens

HOSTILE = "<script>alert('\"&')"


class Page(HTMLParser):
    """A reader of HTML that fails on tags not closed in order."""

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
        "Tokens(samples (4,), 9 tokens of width 2, float32)"
    )
    assert page.rows == [
        ["key", "event", "batch", "offset", "tokens", "label", "inputs"],
        ["mu", "(1,)", "(2,)", "0", "1", "0", "-"],
        ["theta", "(2,)", "(1,)", "1", "2", "2", "-"],
        ["obs", "(2, 3)", "(1,)", "3", "6", "1", "3"],
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
    assert page.text.startswith("TokenView(samples (4,), 7 tokens of width 2")
    assert [row[0] for row in page.rows] == ["key", "obs", "mu"]


def test_nothing_but_plain_elements(tokens):
    """There are no scripts or resources; colors are those of the notebook."""
    page = Page(tokens._repr_html_())
    assert page.tags == {"div", "b", "table", "tr", "th", "td", "ul", "li"}
    assert page.attributes == {"style"}
    for style in page.styles:
        assert "url" not in style
        colours = re.findall(r"(?:^|;)(?:color|background):([^;]*)", style)
        assert set(colours) <= {"inherit", "none"}


def test_everything_is_escaped():
    """Names are escaped everywhere, and only once."""
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
    assert [row[0] for row in page.rows[1:]] == [HOSTILE, "a&amp;b", "x\\n<td>"]


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
    """Leaves may be shapes, traced values, or results of tree functions."""
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
