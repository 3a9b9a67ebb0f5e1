"""Text tables: one uncut line per row at any width."""

import io

import pytest

pytest.importorskip("rich", reason="needs the extra cli")

from rich.console import Console

from tfmpe.migrate.show.table import print_rows, say

HEADINGS = ("line", "max abs", "old", "legacy function")
ROWS = [
    (12, "8.4e-05", "0.21 s", "FMPE.log_prob_posterior_samples"),
    (130, "0", "", "flatten_structured (traced)"),
]


def printed(width, call, *args, **kwargs):
    file = io.StringIO()
    call(Console(file=file, width=width), *args, **kwargs)
    return file.getvalue()


@pytest.mark.parametrize(
    ("width", "expected"),
    [
        (80, "  line  max abs     old  legacy function"),
        (80, "    12  8.4e-05  0.21 s  FMPE.log_prob_posterior_samples"),
        (80, "   130        0          flatten_structured (traced)"),
        # A column that does not fit is omitted; a name is never cut.
        (50, "    12  8.4e-05  FMPE.log_prob_posterior_samples"),
        (20, "    12  FMPE.log_prob_posterior_samples"),
    ],
)
def test_numbers_are_to_the_right_and_names_last(width, expected):
    text = printed(width, print_rows, HEADINGS, ROWS, optional=HEADINGS[2:0:-1])
    assert expected in text.splitlines()
    assert len(text.splitlines()) == 3


@pytest.mark.parametrize("width", [20, 40, 80])
def test_sentences_are_broken_between_words_only(width):
    text = "values at output['theta'][0, 1]: 8.4e-05, was a-long-word/of/a/path"
    lines = printed(width, say, text).splitlines()
    assert " ".join(" ".join(lines).split()) == text
    assert all(len(x) <= width or " " not in x.strip() for x in lines)
