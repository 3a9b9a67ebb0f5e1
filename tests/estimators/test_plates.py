"""Plates: axis sizes, kinds of units, and the tokens of each unit."""

import numpy as np
import pytest

from tfmpe import Tokens
from tfmpe.estimators import Conditional
from tfmpe.estimators._bottom_up.plates import Group, Plates

TREE = {
    "mu": (),
    "region": ("region",),
    "site": ("region", "site"),
    "obs": ("region", "site", "time"),
}


def tree(sizes, plates=TREE):
    """Return Tokens of distinct values for given sizes of plates."""
    start, data = 0.0, {}
    for name, axes in plates.items():
        shape = (*(sizes.get(plate, 3) for plate in axes), 2)
        n = int(np.prod(shape))
        data[name] = np.arange(start, start + n).reshape((1, *shape))
        start += n
    return Tokens.from_pytree(data, {})


def layouts(plates):
    one = tree(plates.one_unit, plates.axes).layout
    return one, tree(plates.sizes, plates.axes).layout


def test_plates_with_a_size_grow():
    plates = Plates.read(TREE, {"region": 4, "site": 10})
    assert plates.one_unit == {"region": 1, "site": 1}
    assert plates.grown("mu") == {}
    assert plates.grown("obs") == {"region": 0, "site": 1}
    one, full = layouts(plates)
    for key in one.keys:
        assert plates.grow(key) == full[key.name].event_shape
    assert plates.grow(one["obs"]) == (4, 10, 3)


def test_whatever_is_wrong_with_plates_is_listed():
    with pytest.raises(ValueError, match="do not fit") as error:
        Plates.read(
            {"theta": "site", "obs": ("site",), "phi": ("region",)},
            {"sites": 3, "site": 2},
        )
    assert str(error.value) == (
        "plates and sizes do not fit:\n"
        "  - the plates of 'theta' are 'site', expected a tuple such as "
        "('site',)\n"
        "  - plate 'sites' has a size, but no key has this plate. Did you mean "
        "'site'?"
    )
    with pytest.raises(ValueError, match="The size of plate 'site' is 0"):
        Plates.read(TREE, {"site": 0})


def test_arrays_that_do_not_fit_are_listed():
    plates = Plates.read(TREE, {"region": 4, "site": 10})
    arrays = {
        "region": np.zeros((2, 3, 1)),
        "site": np.zeros((2, 4, 1)),
        "regions": np.zeros((2, 4, 1)),
        "obs": np.zeros((2, 4, 9, 7, 1)),
    }
    with pytest.raises(ValueError, match="prior_fn") as error:
        plates.check(arrays, plates.sizes, "prior_fn", None)
    assert str(error.value) == (
        "The arrays of prior_fn do not fit the plates:\n"
        "  - 'region' has shape (2, 3, 1): axis 1 is the plate 'region', "
        "whose size should be 4, not 3\n"
        "  - 'site' has shape (2, 4, 1): between 1 sample axis and 1 batch "
        "axes there are 1 event axes, too few for its plates ('region', "
        "'site')\n"
        "  - 'regions' is not in plates. Pass its plates, () if it has none. "
        "Did you mean 'region'?\n"
        "  - 'obs' has shape (2, 4, 9, 7, 1): axis 2 is the plate 'site', "
        "whose size should be 10, not 9"
    )
    plates.check(
        {"site": np.zeros((2, 4, 10))}, plates.sizes, "prior_fn", {"site": 0}
    )


def test_a_unit_depends_on_its_own_and_outer_plates():
    plates = Plates.read(
        {
            "mu": (),
            "region": ("region",),
            "site": ("region", "site"),
            "total": ("region",),
            "rain": ("region", "site"),
            "cases": ("region", "site"),
        },
        {"region": 2, "site": 3},
    )
    assert plates.groups(
        ("mu", "region", "site"), ("cases", "total", "rain")
    ) == (
        Group(
            ("region",),
            Conditional(("total",), ("mu", "region")),
        ),
        Group(
            ("region", "site"),
            Conditional(("cases", "rain"), ("mu", "region", "site", "total")),
        ),
    )


def test_branches_and_crossed_plates():
    plates = Plates.read(
        {
            "site": ("site",),
            "year": ("year",),
            "yearly": ("year",),
            "both": ("year", "site"),
            "other": ("site",),
        },
        {"site": 2, "year": 3},
    )
    groups = plates.groups(("site", "year"), ("yearly", "both", "other"))
    assert [(group.plates, str(group.conditional)) for group in groups] == [
        (("year",), "p(yearly | year)"),
        (("site",), "p(other | site)"),
        (("site", "year"), "p(both | site, year, yearly, other)"),
    ]


def test_a_parameter_that_nothing_observes_is_an_error():
    plates = Plates.read(
        {"site": ("region", "site"), "total": ("region",)},
        {"region": 2, "site": 3},
    )
    with pytest.raises(ValueError, match="own and outer") as error:
        plates.groups(("site",), ("total",))
    assert str(error.value).endswith(
        "'site' has the plates ['region', 'site'], but the observations have "
        "[['region']]"
    )


MODELS = {
    "tree": (TREE, {"region": 2, "site": 3}),
    "outer alone": (TREE, {"region": 4}),
    "inner alone": (TREE, {"site": 4}),
    "another order": (TREE, {"time": 2, "region": 4, "site": 3}),
    "crossed": (
        {"a": ("x",), "b": ("y",), "obs": ("y", "x")},
        {"x": 2, "y": 3},
    ),
    "branches": (
        {"a": ("x",), "obs": ("x", "y"), "seen": ("x", "z")},
        {"x": 2, "y": 3, "z": 4},
    ),
    "no units": ({"a": (), "seen": (), "obs": ("x",)}, {"x": 3}),
}


@pytest.mark.parametrize("model", MODELS)
def test_the_tokens_of_a_unit_are_those_at_its_place(model):
    """The reference broadcasts and indexes named axes in NumPy.

    Every observation belongs to exactly one unit.
    """
    plates = Plates.read(*MODELS[model])
    one, _ = layouts(plates)
    full = tree(plates.sizes, plates.axes)
    values = full.decode()
    seen = [name for name in plates.axes if name in ("obs", "seen")]
    parameters = [name for name in plates.axes if name not in seen]
    of_units: list[int] = []
    for group in plates.groups(parameters, seen):
        positions = plates.unit_tokens(one, full.layout, group)
        for name in group.conditional.target:
            of_units += positions[:, one[name].block].ravel().tolist()
        sizes = [plates.sizes[plate] for plate in group.plates]
        assert positions.shape == (int(np.prod(sizes)), one.n_tokens)
        for row, place in enumerate(np.ndindex(*sizes)):
            at = dict(zip(group.plates, place, strict=True))
            for name in (*group.conditional.target, *group.conditional[1]):
                index = tuple(
                    at.get(plate, slice(None)) for plate in plates.axes[name]
                )
                wanted = np.asarray(values[name])[(0, *index)].reshape((-1, 2))
                found = full.data[0, positions[row, one[name].block]]
                np.testing.assert_array_equal(found, wanted)
    all_tokens = np.arange(full.n_tokens)
    every = [all_tokens[full.layout[name].block] for name in seen]
    assert sorted(of_units) == sorted(np.concatenate(every).tolist())
