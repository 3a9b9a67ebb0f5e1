"""Blocks of the guide are filled with what commands print."""

import pytest

from migration.outputs import LONGEST, Done, commands, committed, fill, tidy

DOCUMENT = """\
Look:

<!-- output: tfmpe scan . -->
```console
$ tfmpe scan .
old
```
<!-- end -->

and

<!-- output: python fit.py -->
```console
```
<!-- end -->
"""


def test_blocks_are_filled_in_their_order():
    done = [Done("tfmpe scan .", 1, "new\n"), Done("python fit.py", 0, "")]
    filled = fill(DOCUMENT, done)
    assert commands(filled) == ["tfmpe scan .", "python fit.py"]
    assert committed(filled) == [
        "$ tfmpe scan .\nnew\n",
        "$ python fit.py\n",
    ]
    assert "old" not in filled
    assert fill(filled, done) == filled


def test_long_output_is_cut_in_its_middle():
    lines = [f"line {i}" for i in range(LONGEST + 5)]
    shown = Done("tfmpe scan .", 0, "\n".join(lines)).shown.splitlines()
    assert shown[:2] == ["$ tfmpe scan .", "line 0"]
    assert "… 5 lines …" in shown
    assert shown[-1] == lines[-1]
    assert Done("x", 0, "\n".join(lines[:LONGEST])).shown.count("line") == (
        LONGEST
    )


@pytest.mark.parametrize(
    ("printed", "tidied"),
    [
        ("5 passed in 83.21s (0:01:23)", "5 passed in … s"),
        ("tfmpe undo 20261124T210446.349-cdf3", "tfmpe undo RUN"),
        ("  12  1  0  0  0.21 s / 12.00 s  f", "  12  1  0  0  … s / … s  f"),
        ("rate 1.50 0.55", "rate 1.50 0.55"),
        ("32 sites in 6 files", "32 sites in 6 files"),
    ],
)
def test_what_passes_is_left_out(printed, tidied):
    assert tidy(printed) == tidied
