"""The tools know every legacy name."""

import json
from pathlib import Path

from tfmpe.migrate.legacy_names import (
    LEGACY,
    MODULES,
    NAMES,
    SURFACE,
    is_mirrored,
    lookup,
)

LISTED = json.loads(
    (Path(__file__).parents[1] / "compat/legacy_surface.json").read_text()
)


def test_all_names_of_all_modules():
    """Public, private and imported from another module; classes once."""
    expected = {}
    for part in ("public", "private"):
        for module, names in LISTED[part].items():
            found = expected.setdefault(module, set())
            found |= {name.partition(".")[0] for name in names}
    for module, name, _ in LISTED["re-exported"]:
        expected[module].add(name)
    assert {m: set(names.split()) for m, names in SURFACE.items()} == expected
    assert set(MODULES) > {f"{LEGACY}.{module}" for module in expected}


def test_names_with_another_form_are_among_them():
    assert all(is_mirrored(name) for name in NAMES)


def test_a_name_is_found_where_another_module_shows_it():
    assert lookup("sfmpe.bottom_up.SFMPE") is NAMES["sfmpe.sfmpe.SFMPE"]
    assert lookup("sfmpe.cnf.SFMPE") is None


def test_packages_come_with_their_modules():
    packages = {"", ".metrics", ".nn", ".nn.transformer", ".plot", ".util"}
    assert {f"{LEGACY}{name}" for name in packages} <= set(MODULES)
