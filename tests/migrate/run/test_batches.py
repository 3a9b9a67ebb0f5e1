"""Batches on both sides: the same rows, read from iterators of their own."""

import pytest

from tfmpe.migrate.run.shadow import run_in_shadow

ITERATE = """
from sfmpe.util.dataloader import as_batch_iterator, as_batch_iterators
key = jax.random.key(3)
rows = {
    "data": {"theta": jnp.arange(20.0).reshape(10, 2), "y": -jnp.arange(10.0)},
    "labels": jnp.arange(10, dtype="int8"),
}
"""
ONE = """
batches = as_batch_iterator(key, rows, 4, SHUFFLE)
print(sorted(int(n) for batch in batches for n in batch["labels"]))
"""
TWO = """
train, val = as_batch_iterators(key, rows, 4, 0.8, SHUFFLE)
print(len(list(train)), len(list(val)))
"""


@pytest.mark.parametrize("shuffle", ["True", "False"])
@pytest.mark.parametrize(
    ("text", "printed"),
    [(ONE, f"{list(range(10))}\n"), (TWO, "2 1\n")],
    ids=["one", "two"],
)
def test_the_same_rows_are_no_difference_and_the_script_has_them_all(
    legacy, script, capsys, text, printed, shuffle
):
    legacy()
    report = run_in_shadow(script(ITERATE + text.replace("SHUFFLE", shuffle)))
    assert capsys.readouterr().out == printed
    assert report.differences == ()
    assert report.not_compared == ()
    (row,) = report.calls
    assert (row.calls, row.tally.compared, row.tally.identical) == (1, 1, 1)


@pytest.mark.parametrize("text", [ONE, TWO], ids=["one", "two"])
def test_a_row_that_is_lost_is_found(legacy, script, text):
    legacy("rows")
    report = run_in_shadow(script(ITERATE + text.replace("SHUFFLE", "True")))
    assert report.exit_code == 1
    paths = {found.difference.path for found in report.differences}
    assert "output['rows']['labels']" in paths


def test_an_exception_of_both_sides_is_no_difference(legacy, script):
    legacy()
    text = (
        "uneven = {'data': {'y': np.ones(2)}, 'labels': np.ones(3)}\n"
        "as_batch_iterator(key, uneven, 2, True)"
    )
    report = run_in_shadow(script(ITERATE + text))
    (row,) = report.calls
    assert (report.script_exit_code, row.tally.compared, row.tally.identical) == (1, 1, 1)
