"""A package that stands in for the legacy one, where it is not installed.

Its functions on data are those of the plain oracle, a second implementation;
flows and networks are the bridge's, in classes of its own.
"""

import shutil
from pathlib import Path

import reference
from tfmpe.migrate.legacy_names import BRIDGE, LEGACY, MODULES, NAMES

__all__ = ["write_stand_in"]

PLAIN = f"{LEGACY}._plain"


def write_stand_in(folder: Path) -> Path:
    """Write the package into a folder that is to be on the path.

    Parameters
    ----------
    folder : Path

    Returns
    -------
    Path
        The package.
    """
    package = folder / LEGACY
    oracle = Path(reference.__file__).parent
    shutil.copytree(
        oracle,
        folder.joinpath(*PLAIN.split(".")),
        ignore=shutil.ignore_patterns("__pycache__"),
    )
    for module in MODULES:
        _write(folder, module)
    return package


def _write(folder: Path, module: str) -> None:
    inner = module.removeprefix(LEGACY).removeprefix(".")
    names = [
        n for n in NAMES.values() if n.module == inner and "." not in n.name
    ]
    lines = [f'"""Stands in for {module}."""', ""]
    lines += [line for n in names for line in _source(n)]
    is_package = any(other.startswith(f"{module}.") for other in MODULES)
    place = folder.joinpath(*module.split("."))
    file = place / "__init__.py" if is_package else place.with_suffix(".py")
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text("\n".join(lines) + "\n")


def _source(name) -> list[str]:
    bridge = f"{BRIDGE}.{name.module}"
    if hasattr(reference, name.name):
        return [f"from {PLAIN} import {name.name}"]
    if name.kind == "class":
        return [
            f"from {bridge} import {name.name} as _{name.name}",
            f"class {name.name}(_{name.name}): pass",
        ]
    return [f"from {bridge} import {name.name}"]
