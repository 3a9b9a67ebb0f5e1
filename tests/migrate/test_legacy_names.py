"""Legacy names: completeness, read from the bridge's source."""

import json
from pathlib import Path

from tfmpe.migrate.legacy_names import LEGACY, MODULES, defined, is_mirrored

SURFACE = json.loads(
    (Path(__file__).parents[1] / "compat/legacy_surface.json").read_text()
)


def test_all_modules_and_packages_and_no_others():
    modules = {f"{LEGACY}.{name}" for name in SURFACE["public"]}
    packages = {name.rpartition(".")[0] for name in modules}
    assert set(MODULES) == modules | packages


def test_all_names_are_found_by_kind():
    """Null stands for a name that is not callable."""
    for part in ("public", "private"):
        for module, names in SURFACE[part].items():
            for name, parameters in names.items():
                found = defined(f"{LEGACY}.{module}.{name}")
                assert (parameters is None) == (found.kind == "constant"), name


def test_an_imported_name_is_that_of_the_module_that_defines_it():
    for module, name, other in SURFACE["re-exported"]:
        found = defined(f"{LEGACY}.{module}.{name}")
        assert found == defined(f"{LEGACY}.{other}.{name}") is not None
    for name in ("sfmpe.no_such", "sfmpe.bridge", "sfmpe.utils.split_data.a"):
        assert not is_mirrored(name)
