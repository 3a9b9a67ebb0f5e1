"""Location and signature of every legacy name.

`legacy_surface.json` lists the legacy package: a parameter is its name, with
`=` and the default as written; null stands for a name that is not callable.
"""

import ast
import importlib
import inspect
import json
import logging
import re
from pathlib import Path
from typing import get_args

import pytest

from tfmpe import compat

SURFACE = json.loads(
    Path(__file__).with_name("legacy_surface.json").read_text()
)
NAMES = [
    (module, name, parameters)
    for part in ("public", "private")
    for module, table in SURFACE[part].items()
    for name, parameters in table.items()
]
CALLABLE = [each for each in NAMES if each[2] is not None]
OTHERS = [each[:2] for each in NAMES if each[2] is None]
MODULES = [*SURFACE["public"]]
BY_PLACE = inspect.Parameter.POSITIONAL_OR_KEYWORD
KINDS = {
    "*": inspect.Parameter.VAR_POSITIONAL,
    "**": inspect.Parameter.VAR_KEYWORD,
}


def _get(module, name):
    found = importlib.import_module(f"tfmpe.compat.{module}")
    try:
        for part in name.split("."):
            found = getattr(found, part)
    except ImportError as error:
        if "tensorflow-probability" in str(error):
            pytest.skip(str(error))
        raise
    return found


def _signature(called):
    """Return the parameters of a callable; for a class, of its constructor."""
    if not inspect.isclass(called):
        return list(inspect.signature(called).parameters.values())
    owner = next(c for c in called.__mro__ if "__init__" in vars(c))
    if not owner.__module__.startswith("tfmpe."):
        return []
    return list(inspect.signature(owner.__init__).parameters.values())[1:]


def test_the_list_is_whole():
    """The number of names is the one when the list was made."""
    assert sum(map(len, SURFACE["public"].values())) == 122
    assert sum(map(len, SURFACE["private"].values())) == 18
    assert len(SURFACE["re-exported"]) == 30


@pytest.mark.parametrize(("module", "name", "expected"), CALLABLE)
def test_signatures(module, name, expected):
    """Names, order, defaults and kinds are equal, except for an added `fix`."""
    found = _signature(_get(module, name))
    if found and found[-1].name == "fix":
        fix = found.pop()
        assert (fix.kind, fix.default) == (fix.KEYWORD_ONLY, None)
    wanted = [
        re.fullmatch(r"(\**)(\w+)=?(.*)", each).groups() for each in expected
    ]
    assert [p.name for p in found] == [name for _, name, _ in wanted]
    for parameter, (stars, _, default) in zip(found, wanted, strict=True):
        assert parameter.kind == KINDS.get(stars, BY_PLACE)
        assert (parameter.default is not parameter.empty) == bool(default)
        if default:
            _check_default(parameter.default, default)


def _check_default(value, written):
    try:
        wanted = ast.literal_eval(written)
    except ValueError:
        # Objects created at import, and infinity.
        assert re.match(r"(nnx|optax)\.|inf$", written)
        return
    assert value == wanted
    assert type(value) is type(wanted)


@pytest.mark.parametrize(("module", "name"), OTHERS)
def test_other_names(module, name):
    found = _get(module, name)
    if name == "logger":
        assert found is logging.getLogger(f"tfmpe.compat.{module}")
    if name == "PAD_VALUE":
        assert (found, type(found)) == (-1e8, float)
    if name == "Direction":
        assert get_args(found) == ("forward", "backward")


@pytest.mark.parametrize(
    ("module", "name", "defined_in"), SURFACE["re-exported"]
)
def test_names_of_other_modules(module, name, defined_in):
    assert _get(module, name) is _get(defined_in, name)


@pytest.mark.parametrize("module", MODULES)
def test_modules_are_attributes(module):
    """They are so independent of earlier imports, and listed before loading."""
    found = compat
    for part in module.split("."):
        assert part in dir(found)
        found = getattr(found, part)
    assert found is importlib.import_module(f"tfmpe.compat.{module}")


@pytest.mark.parametrize(("module", "name", "expected"), CALLABLE)
def test_names_are_listed(module, name, expected):
    """They are listed for shell completion and star imports."""
    name = name.partition(".")[0]
    found = importlib.import_module(f"tfmpe.compat.{module}")
    assert name in dir(found)
    assert name.startswith("_") or name in getattr(found, "__all__", [name])
