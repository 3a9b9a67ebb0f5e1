"""Masks as paths: what is filled is what was 1."""

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from tfmpe.migrate.records.runs import Masks
from tfmpe.migrate.report.drawing import MAX_SIDE, draw_masks

SHAPE = st.tuples(st.integers(1, 7), st.integers(1, 7))
MASK = arrays(float, SHAPE, elements=st.sampled_from([0.0, 1.0]))


def drawn(old, new):
    return draw_masks(Masks(tuple(map(tuple, old)), tuple(map(tuple, new))))


def filled(path):
    """Return the cells that a path fills, by its own commands."""
    step = r"M(\d+) (\d+)h(\d+)v1h-\3z"
    assert re.sub(step, "", path) == ""
    runs = [tuple(map(int, found)) for found in re.findall(step, path)]
    return {(y, x + n) for x, y, width in runs for n in range(width)}


def ones(mask):
    return {(y, x) for y, r in enumerate(mask) for x, c in enumerate(r) if c}


@settings(deadline=None)
@given(MASK, MASK)
def test_paths_fill_what_is_one(old, new):
    picture = drawn(old.tolist(), new.tolist())
    assert filled(picture.old) == ones(old)
    assert filled(picture.new) == ones(new)
    assert filled(picture.only_old) == ones(old) - ones(new)
    assert filled(picture.only_new) == ones(new) - ones(old)
    assert picture.note.startswith(f"{len(ones(old) ^ ones(new))} cell")
    assert ("shapes" in picture.note) == (old.shape != new.shape)


@pytest.mark.parametrize(("row", "column"), [(0, 0), (350, 10), (399, 399)])
def test_a_large_mask_is_drawn_where_it_differs(row, column):
    old = [[0.0] * 400 for _ in range(400)]
    new = [line[:] for line in old]
    new[row][column] = 1.0
    picture = drawn(old, new)
    assert (picture.width, picture.height) == (MAX_SIDE, MAX_SIDE)
    assert len(filled(picture.only_new)) == 1
    assert "of 400 by 400" in picture.note
    assert "2 by 2" in drawn([[1.0], [1.0, 0.0]], [[1.0]]).note, "ragged rows"
