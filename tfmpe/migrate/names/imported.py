"""What a name was imported as, where nothing else can be meant.

`ModuleNames` says all that a name may stand for, which is what finding asks.
Rewriting asks what it must stand for.
"""

import libcst as cst
from libcst.metadata import Assignment, BuiltinAssignment, Scope

from .known import entry_of, is_legacy
from .module_names import ModuleNames
from .values import Legacy, Outside, ProjectModule, Values

__all__ = ["attribute_of", "imported"]

Imported = Legacy | ProjectModule | Outside
_Seen = frozenset[tuple[object, str]]


def imported(
    names: ModuleNames,
    name: str,
    scope: Scope | None,
    seen: _Seen = frozenset(),
) -> Imported | None:
    """Return what a name was imported as.

    Parameters
    ----------
    names
        What the names of a module stand for.
    name
        One of them.
    scope
        Where it is read.
    seen
        What is being asked already, of files that import one another.

    Returns
    -------
    Legacy, ProjectModule, Outside or None
        A module, or a legacy name, at first hand or through modules of the
        project; None where something else binds the name as well.
    """
    if scope is None or (names.path, name) in seen:
        return None
    seen |= {(names.path, name)}
    bindings = [
        one for one in scope[name] if not isinstance(one, BuiltinAssignment)
    ]
    if not bindings:
        return _from_star(names, name, seen)
    found = {
        _bound(names, one.node, name, seen)
        if isinstance(one, Assignment)
        else None
        for one in bindings
    }
    return found.pop() if len(found) == 1 else None


def attribute_of(
    names: ModuleNames,
    holder: Imported,
    name: str,
    seen: _Seen = frozenset(),
) -> Imported | None:
    """Return what an attribute of a module was imported as.

    Parameters
    ----------
    names
        What the names of the module stand for that reads it.
    holder
        What it is an attribute of.
    name
        The attribute.
    seen
        As of `imported`.

    Returns
    -------
    Legacy, ProjectModule, Outside or None
    """
    if not isinstance(holder, ProjectModule):
        return _only(names.member(holder, name))
    path = names.others.project.submodule(holder.path, name)
    inside = names.others.names_of(holder.path)
    if inside is not None:
        found = imported(inside, name, inside.syntax.top, seen)
        if found is not None or path is None or inside.syntax.top[name]:
            return found
    return ProjectModule(path) if path is not None else None


def _bound(
    names: ModuleNames, node: cst.CSTNode, name: str, seen: _Seen
) -> Imported | None:
    if isinstance(node, cst.Import):
        for alias in node.names:
            full = alias.evaluated_name.split(".")
            if alias.evaluated_alias == name:
                return _only(names.imported_module(tuple(full)))
            if alias.evaluated_alias is None and full[0] == name:
                return _only(names.imported_module((name,)))
    if isinstance(node, cst.ImportFrom) and not isinstance(
        node.names, cst.ImportStar
    ):
        module = names.module_of(node)
        holder = _only(names.imported_module(module)) if module else None
        for alias in node.names:
            shown = alias.evaluated_alias or alias.evaluated_name
            if shown == name and holder is not None:
                return attribute_of(names, holder, alias.evaluated_name, seen)
    return None


def _from_star(names: ModuleNames, name: str, seen: _Seen) -> Imported | None:
    for node in reversed(names.syntax.star_imports):
        module = names.module_of(node)
        if not module or name.startswith("_"):
            continue
        if is_legacy(".".join(module)):
            if entry_of(".".join((*module, name))):
                return attribute_of(names, Legacy(".".join(module)), name)
            continue
        holder = _only(names.imported_module(module))
        if isinstance(holder, ProjectModule) and _shows(names, holder, name):
            return attribute_of(names, holder, name, seen)
    return None


def _shows(names: ModuleNames, holder: ProjectModule, name: str) -> bool:
    """Whether a star import of a module of the project gives a name."""
    inside = names.others.names_of(holder.path)
    if inside is None:
        return False
    listed = inside.syntax.exported
    if listed is None:
        # What it has by a star of its own may be this name, too.
        return bool(inside.syntax.top[name] or inside.syntax.star_imports)
    return name in listed


def _only(values: Values) -> Imported | None:
    if len(values) != 1:
        return None
    (value,) = values
    match value:
        case Legacy() | ProjectModule() | Outside():
            return value
    return None
