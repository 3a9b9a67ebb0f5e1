"""Tables of plain lines: nothing cut, one line a row, at any width."""

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


def test_numbers_are_to_the_right_and_names_last():
    assert printed(80, print_rows, HEADINGS, ROWS) == (
        "  line  max abs     old  legacy function\n"
        "    12  8.4e-05  0.21 s  FMPE.log_prob_posterior_samples\n"
        "   130        0          flatten_structured (traced)\n"
    )


def test_columns_that_do_not_fit_are_left_out_whole():
    text = printed(50, print_rows, HEADINGS, ROWS, optional=("old", "max abs"))
    assert text.splitlines()[1] == (
        "    12  8.4e-05  FMPE.log_prob_posterior_samples"
    )
    text = printed(20, print_rows, HEADINGS, ROWS, optional=("old", "max abs"))
    # Too long a name is still whole, and on one line.
    assert text.splitlines()[1] == "    12  FMPE.log_prob_posterior_samples"


@pytest.mark.parametrize("width", [20, 40, 80])
def test_sentences_are_broken_between_words_only(width):
    text = "values at output['theta'][0, 1]: 8.4e-05, was a-long-word/of/a/path"
    lines = printed(width, say, text).splitlines()
    assert " ".join(" ".join(lines).split()) == text
    assert all(len(x) <= width or " " not in x.strip() for x in lines)
