"""Masks as paths: what is filled is what was 1."""

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tfmpe.migrate.page.drawing import MAX_SIDE, MaskPicture, draw_masks
from tfmpe.migrate.page.run_inputs import Masks

MASKS = st.integers(1, 7).flatmap(
    lambda width: st.lists(
        st.lists(st.integers(0, 1), min_size=width, max_size=width),
        min_size=1,
        max_size=7,
    )
)


def drawn(old, new) -> MaskPicture:
    """Draw masks that are given as lists."""
    return draw_masks(Masks(tuple(map(tuple, old)), tuple(map(tuple, new))))


def filled(path):
    """Return the cells that a path fills, by its own commands."""
    cells = set()
    for x, y, width in re.findall(r"M(\d+) (\d+)h(\d+)v1h-\3z", path):
        cells |= {(int(y), int(x) + step) for step in range(int(width))}
    assert len(re.sub(r"M(\d+) (\d+)h(\d+)v1h-\3z", "", path)) == 0
    return cells


def ones(mask):
    return {
        (y, x) for y, row in enumerate(mask) for x, c in enumerate(row) if c
    }


@settings(deadline=None)
@given(MASKS, MASKS)
def test_paths_fill_what_is_one(old, new):
    picture = drawn(old, new)
    assert filled(picture.old) == ones(old)
    assert filled(picture.new) == ones(new)
    assert filled(picture.only_old) == ones(old) - ones(new)
    assert filled(picture.only_new) == ones(new) - ones(old)
    assert picture.n_different == len(ones(old) ^ ones(new))
    assert filled(picture.old_extent) == ones([[1] * len(r) for r in old])
    assert (picture.height, picture.width) == (
        max(len(old), len(new)),
        max(len(old[0]), len(new[0])),
    )
    same = (len(old), len(old[0])) == (len(new), len(new[0]))
    assert ("shapes" in picture.note) != same


@pytest.mark.parametrize(("row", "column"), [(0, 0), (350, 10), (399, 399)])
def test_a_large_mask_is_drawn_where_it_differs(row, column):
    old = [[0] * 400 for _ in range(400)]
    new = [line[:] for line in old]
    new[row][column] = 1
    picture = drawn(old, new)
    assert (picture.width, picture.height) == (MAX_SIDE, MAX_SIDE)
    assert len(filled(picture.only_new)) == 1
    assert "of 400 by 400" in picture.note


def test_rows_of_different_lengths_are_said():
    assert "2 by ragged" in drawn([[1], [1, 0]], [[1]]).note
