"""`tfmpe scan` as text, JSON and GitHub annotations."""

import json

import pytest

from tfmpe.migrate.records.code import Scan
from tfmpe.migrate.records.files import from_json
from tfmpe.migrate.rewrite import scan

# The comment at the end of a line lists its uses.
USES = {
    "module with alias": """
        import sfmpe.util.dataloader as d  # T001
        d.flatten_structured(x)  # T101
    """,
    "full path, before and after fix": """
        import sfmpe.util.dataloader, os  # T001
        import tfmpe.compat as sfmpe
        sfmpe.util.dataloader.combine_data(x, y)  # T103
        os.path
    """,
    "names": """
        from sfmpe.sfmpe import SFMPE  # T001
        from sfmpe.structured_cnf import StructuredCNF as CNF  # T001
        from sfmpe.bottom_up import train_bottom_up, SFMPE as S  # T001
        from sfmpe.nn.transformer.transformer import Transformer  # T001
        from sfmpe.fmpe import ut_linear  # T001
        SFMPE, S  # T204 T204
        CNF(Transformer())  # T201 T206
        @train_bottom_up  # T205
        def f(SFMPE: SFMPE = ut_linear()): return SFMPE  # T204 T208
        class A(S): fit = SFMPE.fit  # T204 T204
        f(SFMPE=1)
    """,
    "inside other blocks": """
        from typing import TYPE_CHECKING
        try:
            from sfmpe.utils import split_data  # T001
        except ImportError:
            split_data = None
        if TYPE_CHECKING:
            from sfmpe.sfmpe import SFMPE  # T001
        def run(estim: "SFMPE", other: "list[SFMPE] | None"):  # T204 T204
            from sfmpe.util.dataloader import PAD_VALUE as pad  # T001
            split_data(x)  # T110
            return pad, f'{pad}'  # T111 T111
    """,
    "star": """
        from sfmpe.util.dataloader import *  # T001
        flatten_structured(1)  # T101
        def f(decode_theta): return PAD_VALUE, decode_theta  # T111
    """,
    "the bridge": """
        from tfmpe import compat, Tokens
        from tfmpe.compat import as_tokens
        from tfmpe.compat.util.dataloader import combine_data, decode_theta
        compat.util.dataloader.decode_theta(x)  # T102
        [combine_data for combine_data in decode_theta]  # T102
        as_tokens(x)
    """,
    "names without another form": """
        from sfmpe.util.types import PyTree  # T001
        from sfmpe.plot import plot  # T001
        x: PyTree = plot.plot_trace(*given)
    """,
    "nothing": '''
        """import sfmpe; flatten_structured(x), see sfmpe.util.dataloader."""
        from tensorflow_probability import distributions as tfd
        def flatten_structured(x): return x
        flatten_structured(estim.fit(1))
    ''',
}


@pytest.mark.parametrize("name", USES)
def test_uses_are_found_and_none_is_invented(tmp_path, name):
    lines = [line.removeprefix(" " * 8) for line in USES[name].splitlines()]
    (tmp_path / "a.py").write_text("\n".join(lines))
    found = scan([tmp_path])
    assert not found.unread
    assert [m.code for m in found.mentions] == ["T002"] * (name == "star")
    listed = [(use.place.line, use.code) for use in found.uses]
    expected = [
        (number, code)
        for number, line in enumerate(lines, start=1)
        for code in line.partition("  # ")[2].split()
    ]
    assert sorted(listed) == sorted(expected)
    assert all(use.becomes for use in found.uses)


def test_names_of_one_cell_are_known_in_the_next(write, tmp_path):
    cells = [
        ("markdown", "# sfmpe"),
        "%matplotlib inline\nfrom sfmpe.sfmpe import SFMPE",
        "",
        "\n%time estim = SFMPE(x)",
        "  %%time\n  f(SFMPE,\n    a)\n  files = !ls",
    ]
    write({"a.ipynb": cells})
    uses = scan([tmp_path]).uses
    places = [(u.place.cell, u.place.line, u.place.column) for u in uses]
    assert places == [(2, 2, 1), (4, 2, 15), (5, 2, 5)]
    assert [use.end_column for use in uses] == [30, 20, 10]
    assert str(uses[0].place).endswith("a.ipynb, cell 2:2")


SCRIPT = """\
from sfmpe.util.dataloader import flatten_structured
é = 1; flatten_structured(
    x | y
)
import_module("sfmpe")
"""
SUMMARY = "2 uses in 1 file; 1 place to check; 1 file read, 0 not read.\n"
LAST = (
    "A scan cannot see methods of objects and names from other files; "
    "use: tfmpe run SCRIPT.\n"
)
TEXT = """\
a b,c.py:1:1: T001 from sfmpe.util.dataloader import flatten_structured -> \
from tfmpe.compat.util.dataloader import flatten_structured
a b,c.py:2:8: T101 flatten_structured(...) -> \
Tokens.from_pytree(tree, independence)
a b,c.py:5:15: T004 a string mentions the package: import_module("sfmpe")
"""
GITHUB = """\
::notice file=a b%2Cc.py,line=1,col=1,endLine=1
::warning file=a b%2Cc.py,line=2,col=8,endLine=2,endColumn=26,title=T101 \
flatten-structured::flatten_structured(...) -> \
Tokens.from_pytree(tree, independence)
::warning file=a b%2Cc.py,line=5,col=15,title=T004
"""


@pytest.fixture
def script(write):
    write({"a b,c.py": SCRIPT})


@pytest.mark.usefixtures("script")
def test_formats(run, listed, tmp_path):
    result = run("scan")
    assert (result.exit_code, result.output) == (1, TEXT + SUMMARY + LAST)
    lines = run("scan", "--format", "github").output.splitlines()
    for line, start in zip(lines, GITHUB.splitlines(), strict=True):
        assert line.startswith(start)
    record = from_json(json.dumps(listed("scan")).encode(), "x")
    assert isinstance(record, Scan)
    assert (record.exit_code, record.files_read) == (1, 1)
    _, use = record.uses
    assert (use.place.line, use.place.column) == (2, 8)
    assert (use.end_line, use.end_column) == (2, 26)
    assert use.name == "sfmpe.util.dataloader.flatten_structured"
    result = run("scan", "--format", "json", "--output", "o.json")
    assert result.output == SUMMARY + LAST
    written = (tmp_path / "o.json").read_bytes()
    assert from_json(written, "o.json") == record
    run("scan", "--output", "o.txt")
    assert (tmp_path / "o.txt").read_text() == TEXT


@pytest.mark.usefixtures("script")
@pytest.mark.parametrize(
    ("words", "exit_code", "said"),
    [
        ("--select t0 --ignore T004,T002", 1, "1 use in 1 file; 0 places"),
        ("--exit-zero", 0, SUMMARY.strip()),
        ("--select X1", 2, "'X1'"),
        ("nowhere", 2, "does not exist"),
    ],
)
def test_choices(run, words, exit_code, said):
    result = run("scan", *words.split())
    assert result.exit_code == exit_code
    assert said in result.words


def test_nothing_legacy_is_clean_and_no_file_is_not(run, write):
    assert [run(c, ".").exit_code for c in ("scan", "fix")] == [3, 3]
    assert "No files were found" in run("scan").output
    write({"a.py": "import jax\n"})
    assert [run(c, ".").exit_code for c in ("scan", "fix")] == [0, 0]
    assert run("scan").output.startswith("0 uses in 0 files; 0 places")


def test_style_marks_in_code_are_printed_as_they_are(run, write):
    write({"[b].py": "import sfmpe\nf(sfmpe['[red]']['sfmpe'])\n"})
    output = run("scan", ".").output
    assert "[b].py:2:18: T004 " in output
    assert "f(sfmpe['[red]']['sfmpe'])" in output
