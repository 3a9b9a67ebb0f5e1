"""What each module of the bridge has, read from its source.

Nothing of it is imported: sampling and training need an extra that may not
be installed where scripts are rewritten.
"""

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from tfmpe.migrate.legacy_names import LEGACY, MODULES
from tfmpe.migrate.names.known import EVERY_MODULE_HAS

__all__ = ["bridge_has", "is_module", "loaded_with", "star_names"]

_ROOT = Path(__file__).resolve().parents[2] / "compat"


def is_module(name: str) -> bool:
    """Whether the bridge mirrors a legacy module, ``'sfmpe.util'``."""
    return name in MODULES


def bridge_has(module: str, name: str) -> bool:
    """Whether the mirror of a legacy module has a name.

    Parameters
    ----------
    module
        Such as ``'sfmpe.util.dataloader'``.
    name
        Of a function, class, constant or submodule.

    Examples
    --------
    >>> bridge_has("sfmpe.sfmpe", "SFMPE")
    True
    >>> bridge_has("sfmpe.utils", "no_such_name")
    False
    """
    if is_module(f"{module}.{name}"):
        return True
    if not is_module(module):
        return False
    return name in EVERY_MODULE_HAS or name in _bound(module)


@cache
def star_names(module: str) -> frozenset[str]:
    """Return what ``from module import *`` gives of the bridge."""
    tree = _parse(module)
    for node in tree.body:
        match node:
            case ast.Assign(targets=[ast.Name(id="__all__")], value=value):
                return frozenset(ast.literal_eval(value))
    return frozenset(
        name
        for name, deferred in _names(tree.body)
        if not deferred and not name.startswith("_")
    )


def loaded_with(module: str) -> frozenset[str]:
    """Return the legacy modules whose mirrors are loaded with one of them.

    Examples
    --------
    >>> sorted(loaded_with("sfmpe.nn"))[-2:]
    ['sfmpe.util.dataloader', 'sfmpe.utils']
    """
    parts = module.split(".")
    found = {".".join(parts[:n]) for n in range(1, len(parts) + 1)}
    for name in MODULES:
        if name not in found and _imports(LEGACY, name):
            found.add(name)
    for name in tuple(found):
        above = name.rpartition(".")[0]
        while above:
            found.add(above)
            above = above.rpartition(".")[0]
    return frozenset(found)


@cache
def _imports(module: str, other: str) -> bool:
    wanted = f"tfmpe.compat{other.removeprefix(LEGACY)}"
    return any(
        isinstance(node, ast.ImportFrom) and node.module == wanted
        for node in _parse(module).body
    )


@cache
def _bound(module: str) -> frozenset[str]:
    return frozenset(name for name, _ in _names(_parse(module).body))


@cache
def _parse(module: str) -> ast.Module:
    folder = _ROOT.joinpath(*module.split(".")[1:])
    file = folder / "__init__.py"
    if not file.is_file():
        file = folder.with_suffix(".py")
    return ast.parse(file.read_bytes())


def _names(
    body: list[ast.stmt], deferred: bool = False
) -> Iterator[tuple[str, bool]]:
    """Yield names that statements bind; deferred: only when asked for."""
    for node in body:
        match node:
            case ast.Import(names=names) | ast.ImportFrom(names=names):
                for alias in names:
                    bound = alias.asname or alias.name.partition(".")[0]
                    yield bound, deferred
            case ast.FunctionDef(name=name) | ast.ClassDef(name=name):
                yield name, deferred
            case (
                ast.Assign(targets=[ast.Name(id=name)])
                | ast.AnnAssign(target=ast.Name(id=name))
            ):
                yield name, deferred
            case ast.If(test=ast.Name(id="TYPE_CHECKING")):
                yield from _names(node.body, deferred=True)
