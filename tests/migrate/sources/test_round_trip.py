"""Round trips of files: identical bytes."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tfmpe.migrate.sources import SourceError, as_source


def rewritten(source, change=lambda code: code):
    """Return the bytes with every code changed."""
    return source.with_texts([change(cell.text) for cell in source.cells])


@given(
    lines=st.lists(st.sampled_from(["x = 'é'", "", "    # ü", "'''", "\t"])),
    ends=st.lists(st.sampled_from(["\n", "\r\n", "\r", "\x0c\n"]), min_size=1),
    encoding=st.sampled_from(["utf-8", "utf-8-sig", "latin-1", "cp1252"]),
)
def test_any_line_ends_and_encodings_are_kept(lines, ends, encoding):
    text = "".join(line + ends[i % len(ends)] for i, line in enumerate(lines))
    if encoding in ("latin-1", "cp1252"):
        text = f"# coding: {encoding}\n{text}"
    content = text.encode(encoding)
    source = as_source(Path("a.py"), content)
    assert rewritten(source) == content
    changed = rewritten(source, lambda code: code + "# end")
    assert changed == (text + "# end").encode(encoding)


CELLS = [
    {"cell_type": "markdown", "metadata": {}, "source": ["# sfmpe\n"]},
    {"cell_type": "code", "execution_count": None, "id": "a1"}
    | {"outputs": [{"source": "none of ours", "name": "é"}], "metadata": {}}
    | {"source": ["%matplotlib inline\n", "é = 'sfmpe'\n", "x = !ls"]},
    {"cell_type": "code", "source": "print(1)\n", "metadata": {}},
    {"cell_type": "code", "source": [], "metadata": {}},
]


LAYOUTS = [{"indent": 1}, {"indent": 4}, {"indent": "\t"}, {}]
LAYOUTS += [{"separators": (",", ":")}, {"sort_keys": True, "indent": 2}]


@pytest.mark.parametrize("escaped", [False, True])
@pytest.mark.parametrize("layout", LAYOUTS, ids=str)
@pytest.mark.parametrize("end", ["", "\n", "\n\n"])
def test_notebooks_change_only_in_the_code_that_changes(layout, escaped, end):
    stored = {"nbformat": 4, "metadata": {}, "cells": CELLS}
    text = json.dumps(stored, ensure_ascii=escaped, **layout) + end
    source = as_source(Path("a.ipynb"), text.encode())
    assert [cell.number for cell in source.cells] == [2, 3, 4]
    assert rewritten(source) == text.encode()

    changed = rewritten(source, lambda code: code.replace("sfmpe", "tfmpe"))
    assert changed.decode() == text.replace("'sfmpe'", "'tfmpe'")


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_any_new_text_of_a_cell_is_what_json_says(new):
    text = json.dumps({"cells": CELLS}, indent=1)
    source = as_source(Path("a.ipynb"), text.encode())
    codes = [cell.text for cell in source.cells]
    changed = json.loads(source.with_texts([codes[0], new, new]))
    assert changed["cells"][2]["source"] == new
    assert "".join(changed["cells"][3]["source"]) == new
    assert changed["cells"][1] == CELLS[1]


def test_a_key_that_is_there_twice_is_the_last_as_in_json():
    text = '{"cells": [], "cells": [{"cell_type": "markdown", "source": "a",'
    text += ' "cell_type": "code", "source": "b = 1"}]}'
    source = as_source(Path("a.ipynb"), text.encode())
    assert source.with_texts(["c = 1"]).decode() == text.replace("b =", "c =")


def test_what_the_encoding_cannot_say_is_refused():
    source = as_source(Path("a.py"), b"# coding: latin-1\nx = 1\n")
    with pytest.raises(SourceError, match=r"'→' cannot be written.*latin-1"):
        rewritten(source, lambda code: code + "# →\n")
