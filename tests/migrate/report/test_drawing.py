"""Masks as paths: what is filled is what was 1."""

import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from tfmpe.migrate.records.runs import Masks
from tfmpe.migrate.report.drawing import MAX_SIDE, draw_masks

SHAPE = st.tuples(st.integers(1, 7), st.integers(1, 7))
MASK = arrays(float, SHAPE, elements=st.sampled_from([0.0, 1.0]))


def rows_of(mask):
    return tuple(map(tuple, mask.tolist()))


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
    picture = draw_masks(Masks(rows_of(old), rows_of(new)))
    one, two = ones(old), ones(new)
    assert [filled(path) for path in picture[2:6]] == [
        *(one, two, one - two, two - one)
    ]
    assert picture.note.startswith(f"{len(one ^ two)} cell")
    assert ("shapes" in picture.note) == (old.shape != new.shape)


@pytest.mark.parametrize(("row", "column"), [(0, 0), (350, 10), (399, 399)])
def test_a_large_mask_is_drawn_where_it_differs(row, column):
    mask = np.zeros((400, 400))
    mask[row, column] = 1.0
    picture = draw_masks(Masks(((0.0,), (0.0, 0.0)), rows_of(mask)))
    assert (picture.width, picture.height) == (MAX_SIDE, MAX_SIDE)
    assert len(filled(picture.only_new)) == 1
    assert "shapes 2 by 2 and 400 by 400; rows " in picture.note
