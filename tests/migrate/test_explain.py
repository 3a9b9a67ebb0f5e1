"""`tfmpe explain`."""

import pytest

from tfmpe.migrate.catalogue import CATALOGUE


@pytest.mark.parametrize(
    ("codes", "exit_code", "said"),
    [
        ("t101", 0, "# T101 flatten-structured Data are flattened. "),
        ("t101", 0, " - `flatten_structured`: Tokens.from_pytree("),
        ("t101", 0, "## After ```python from tfmpe import Tokens tokens = "),
        ("L19", 0, "Bridge Warns with `RepeatedNoiseWarning`. `fix="),
        ("L19", 0, "## Cost Draws that should be independent are copies"),
        ("T101 T1011", 2, "did you mean T101"),
        ("repeated-nose", 2, "did you mean repeated-noise?"),
        ("zzz", 2, "unknown code 'zzz'. `tfmpe explain` lists all."),
    ],
)
def test_text(run, codes, exit_code, said):
    done = run("explain", *codes.split())
    assert done.exit_code == exit_code
    assert said in done.words
    assert "\x1b[" not in done.output
    assert ("# T101" in done.output) == (codes == "t101")


def test_names_do_as_well_and_doubles_are_shown_once(run, monkeypatch):
    by_name = run("explain", "Repeated-Noise", "L19", "l19").output
    assert by_name == run("explain", "L19").output
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.delenv("NO_COLOR", raising=False)
    assert "\x1b[" in run("explain", "L19").output


def test_without_a_code_all_are_listed(run):
    lines = run("explain").output.splitlines()
    assert max(map(len, lines)) <= 80
    first = [line.split()[0] for line in lines if line[0] != " "]
    assert first == list(CATALOGUE)
