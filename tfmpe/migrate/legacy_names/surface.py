"""Names of the legacy package and of the bridge, read from its source.

Nothing is imported: the bridge needs more packages than these tools do.
"""

import ast
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Literal, NamedTuple, TypeAlias

LEGACY = "sfmpe"
"""The legacy package."""

BRIDGE = "tfmpe.compat"
"""The package that replaces it, with modules of the same names."""

Kind: TypeAlias = Literal["class", "constant", "function", "method", "module"]

_HOME = Path(__file__).parents[2] / "compat"
_OWN = (
    "bridge",
    "defects",
    "fixes",
    "legacy_warnings",
    "nn.transformer.parameters",
)
"""Modules of the bridge that the legacy package does not have."""


def is_below(name: str, package: str) -> bool:
    """Return whether a dotted name is the package or inside it."""
    return name == package or name.startswith(f"{package}.")


def as_legacy(name: str) -> str:
    """Return the legacy name of a bridge name; keep other names unchanged."""
    return LEGACY + name[len(BRIDGE) :] if is_below(name, BRIDGE) else name


def as_bridge(name: str) -> str:
    """Return the bridge name of a legacy name; keep other names unchanged."""
    return BRIDGE + name[len(LEGACY) :] if is_below(name, LEGACY) else name


def _modules() -> Iterator[str]:
    for file in _HOME.rglob("*.py"):
        parts = file.relative_to(_HOME).with_suffix("").parts
        if parts[-1] == "__init__":
            parts = parts[:-1]
        name = ".".join([LEGACY, *parts])
        own = any(is_below(name, f"{LEGACY}.{each}") for each in _OWN)
        if not own and not any(part.startswith("_") for part in parts):
            yield name


MODULES: tuple[str, ...] = tuple(sorted(_modules()))
"""The legacy modules and packages by their full names."""


class Defined(NamedTuple):
    """Name and kind of a definition; attributes of classes are methods."""

    name: str
    kind: Kind


def is_mirrored(name: str) -> bool:
    """Return whether the bridge has a counterpart of a full legacy name."""
    return defined(name) is not None


@cache
def defined(name: str) -> Defined | None:
    """Return where a full name is defined; None if the bridge has no such name.

    The module in the full name may also be one that imports the name.

    >>> defined("sfmpe.bottom_up.SFMPE")
    Defined(name='tfmpe.compat.sfmpe.SFMPE', kind='class')
    """
    if as_legacy(name) in MODULES:
        return Defined(as_bridge(name), "module")
    owner, _, last = as_bridge(name).rpartition(".")
    if not is_below(owner, BRIDGE):
        return None
    if _file(owner) is None:
        found = defined(owner)
        if found is None or found.kind != "class":
            return None
        return Defined(f"{found.name}.{last}", "method")
    found = _bound(owner).get(last)
    if not isinstance(found, str):
        return found
    # Imported from numpy or the core: only this name is a legacy name.
    return defined(found) or Defined(found, "constant")


def _file(module: str) -> Path | None:
    path = _HOME.joinpath(*module.split(".")[2:])
    for file in (path.with_suffix(".py"), path / "__init__.py"):
        if file.is_file():
            return file
    return None


@cache
def _bound(module: str) -> Mapping[str, Defined | str]:
    """Return the definition or the import of each name in a bridge module."""
    file = _file(module)
    tree = ast.parse(file.read_bytes() if file else b"")
    return dict(_bindings(tree.body, module))


def _bindings(
    statements: list[ast.stmt], module: str
) -> Iterator[tuple[str, Defined | str]]:
    for node in statements:
        match node:
            case ast.FunctionDef(name=name):
                yield name, Defined(f"{module}.{name}", "function")
            case ast.ClassDef(name=name):
                yield name, Defined(f"{module}.{name}", "class")
            case ast.Import(names=names):
                for each in names:
                    name = each.asname or each.name.partition(".")[0]
                    yield name, each.name if each.asname else name
            case ast.ImportFrom(module=str(source), names=names):
                for each in names:
                    yield each.asname or each.name, f"{source}.{each.name}"
            case (
                ast.Assign(targets=[ast.Name(id=name)])
                | ast.AnnAssign(target=ast.Name(id=name))
            ):
                yield name, Defined(f"{module}.{name}", "constant")
            case ast.If(body=body) | ast.Try(body=body):
                yield from _bindings(body, module)
