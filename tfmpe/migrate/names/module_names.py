"""What the names and expressions of one module stand for."""

from collections.abc import Callable
from pathlib import Path

import libcst as cst
from libcst.helpers import get_full_name_for_node
from libcst.metadata import Assignment as NamedAssignment
from libcst.metadata import BaseAssignment, BuiltinAssignment, Scope

from .annotations import annotation_parts
from .known import canonical, entry_of, is_legacy, is_module
from .others import Others
from .outside import result_of
from .parameters import parameter
from .syntax import Syntax
from .values import (
    Instance,
    Legacy,
    Local,
    LocalInstance,
    Outside,
    ProjectModule,
    Value,
    Values,
)

__all__ = ["ModuleNames"]

# Unknown.
_NOTHING: Values = frozenset()

_Definition = cst.FunctionDef | cst.ClassDef


class ModuleNames:
    """What names and expressions of one module stand for.

    Assignments are followed without regard to their order: a name stands for
    all that is ever assigned to it in its scope.

    Parameters
    ----------
    path
        The file.
    syntax
        What is written in it.
    others
        The project.
    """

    def __init__(self, path: Path, syntax: Syntax, others: Others):
        self.path = path
        self.syntax = syntax
        self.others = others
        self._known: dict[object, Values] = {}

    # What a node stands for

    def values(self, node: cst.CSTNode) -> Values:
        """Return all that an expression may stand for.

        Parameters
        ----------
        node
            An expression of this module.

        Returns
        -------
        frozenset
            Empty if unknown.
        """
        return self._once(node, lambda: self._values(node))

    def _once(self, key: object, compute: Callable[[], Values]) -> Values:
        if key not in self._known:
            # What is asked for again while it is computed adds nothing.
            self._known[key] = _NOTHING
            self._known[key] = compute()
        return self._known[key]

    def _values(self, node: cst.CSTNode) -> Values:
        match node:
            case cst.Name(value=name):
                return self._named(name, self.syntax.scope(node))
            case cst.Attribute(value=base, attr=cst.Name(value=name)):
                return self._each(
                    self.values(base), lambda value: self.member(value, name)
                )
            case cst.Call():
                return self._each(
                    self.values(node.func),
                    lambda value: self._result(value, node),
                )
            case cst.IfExp():
                return self.values(node.body) | self.values(node.orelse)
            case cst.BooleanOperation():
                return self.values(node.left) | self.values(node.right)
            case cst.NamedExpr():
                return self.values(node.value)
        return _NOTHING

    def _each(
        self, values: Values, follow: Callable[[Value], Values]
    ) -> Values:
        return _NOTHING.union(*map(follow, values))

    def _named(self, name: str, scope: Scope | None) -> Values:
        found = scope[name] if scope is not None else set()
        if not found:
            return self._starred(name)
        return _NOTHING.union(*(self._assigned(name, one) for one in found))

    def _assigned(self, name: str, one: BaseAssignment) -> Values:
        if isinstance(one, BuiltinAssignment):
            return frozenset([Outside(f"builtins.{name}")])
        if not isinstance(one, NamedAssignment):
            return _NOTHING
        node = one.node
        return self._once(
            (node, name),
            lambda: (
                self._imported(node, name)
                if isinstance(node, cst.Import | cst.ImportFrom)
                else self._bound(node, name)
            ),
        )

    def _bound(self, node: cst.CSTNode, name: str) -> Values:
        if isinstance(node, _Definition):
            return frozenset([Local(self.path, node)])
        if isinstance(node, cst.Param):
            return parameter(self, node)
        parent = self.syntax.parents.get(node)
        if isinstance(parent, cst.AssignTarget):
            assign = self.syntax.parents[parent]
            if isinstance(assign, cst.Assign):
                return self.values(assign.value)
        if isinstance(parent, cst.AnnAssign):
            value = self.values(parent.value) if parent.value else _NOTHING
            return value | self.annotated(parent.annotation)
        if isinstance(parent, cst.NamedExpr):
            return self.values(parent.value)
        if isinstance(parent, cst.Element):
            return self._unpacked(parent)
        return _NOTHING

    def _unpacked(self, element: cst.Element) -> Values:
        group = self.syntax.parents[element]
        target = self.syntax.parents.get(group)
        assign = self.syntax.parents.get(target) if target else None
        if (
            isinstance(group, cst.Tuple | cst.List)
            and isinstance(assign, cst.Assign)
            and isinstance(assign.value, cst.Tuple | cst.List)
            and len(assign.value.elements) == len(group.elements)
        ):
            index = group.elements.index(element)
            return self.values(assign.value.elements[index].value)
        return _NOTHING

    def annotated(self, annotation: cst.Annotation) -> Values:
        """Return an object of each class that an annotation names."""
        objects: set[Value] = set()
        scope = self.syntax.scope(annotation)
        for part in annotation_parts(annotation.annotation):
            name = get_full_name_for_node(part)
            for value in self.dotted(name, scope) if name else ():
                match value:
                    case Legacy(name=name) if _is_class(name):
                        objects.add(Instance(name))
                    case Local(node=cst.ClassDef()):
                        objects.add(LocalInstance(value))
                    case Outside():
                        objects.add(value)
        return frozenset(objects)

    def dotted(self, name: str, scope: Scope | None) -> Values:
        """Return what a dotted name stands for in a scope."""
        first, *rest = name.split(".")
        values = self._named(first, scope)
        for part in rest:
            values = self._each(
                values, lambda value, part=part: self.member(value, part)
            )
        return values

    def given(self, node: cst.Name) -> list[cst.BaseExpression]:
        """Return the expressions that are assigned to a name in its scope."""
        scope = self.syntax.scope(node)
        found = []
        for one in scope[node.value] if scope is not None else ():
            if isinstance(one, NamedAssignment):
                target = self.syntax.parents.get(one.node)
                if isinstance(target, cst.AssignTarget):
                    target = self.syntax.parents[target]
                if isinstance(target, cst.Assign | cst.AnnAssign):
                    found.append(target.value)
        return [value for value in found if value is not None]

    # Imports

    def module_of(self, node: cst.ImportFrom) -> tuple[str, ...] | None:
        """Return the parts of the name of the module that is imported from."""
        name = get_full_name_for_node(node.module) if node.module else ""
        return self.others.project.absolute(
            name or "", len(node.relative), self.path
        )

    def _imported(self, node: cst.Import | cst.ImportFrom, name: str) -> Values:
        if isinstance(node.names, cst.ImportStar):
            return _NOTHING
        for alias in node.names:
            full = alias.evaluated_name
            if isinstance(node, cst.ImportFrom):
                if (alias.evaluated_alias or full) != name:
                    continue
                module = self.module_of(node)
                return self.from_module(module, full) if module else _NOTHING
            if alias.evaluated_alias == name:
                return self.imported_module(tuple(full.split(".")))
            if alias.evaluated_alias is None and full.split(".")[0] == name:
                return self.imported_module((name,))
        return _NOTHING

    def _starred(self, name: str) -> Values:
        found = _NOTHING
        for node in self.syntax.star_imports:
            module = self.module_of(node)
            if module and not is_legacy(".".join(module)):
                found |= self.from_module(module, name, sure=False)
            elif (
                module
                and not name.startswith("_")
                and entry_of(".".join((*module, name)))
            ):
                found |= self.from_module(module, name)
        return found

    def imported_module(self, module: tuple[str, ...]) -> Values:
        """Return what a module is, by the parts of its name."""
        name = ".".join(module)
        if is_legacy(name):
            return frozenset([Legacy(canonical(name))])
        path = self.others.project.find(module, self.path)
        return frozenset([ProjectModule(path) if path else Outside(name)])

    def from_module(
        self, module: tuple[str, ...], name: str, *, sure: bool = True
    ) -> Values:
        """Return what a module's attribute stands for.

        Parameters
        ----------
        module
            The parts of its name.
        name
            The attribute.
        sure
            Whether it is known that the module has it.

        Returns
        -------
        frozenset
        """
        for value in self.imported_module(module):
            if sure or isinstance(value, ProjectModule):
                return self.member(value, name)
        return _NOTHING

    def exported(self, name: str) -> Values:
        """Return what other modules get that import a name from this one."""
        return self._once(
            (self.syntax.module, name),
            lambda: self._named(name, self.syntax.top),
        )

    # Attributes and calls

    def member(self, value: Value, name: str) -> Values:
        """Return what an attribute of something stands for."""
        match value:
            case Legacy() | Instance():
                return frozenset([Legacy(canonical(f"{value.name}.{name}"))])
            case Outside():
                return self.imported_module((*value.name.split("."), name))
            case ProjectModule():
                names = self.others.names_of(value.path)
                found = names.exported(name) if names else _NOTHING
                path = self.others.project.submodule(value.path, name)
                if not found and path is not None:
                    return frozenset([ProjectModule(path)])
                return found
            case Local(node=cst.ClassDef()) | LocalInstance():
                of = value.of if isinstance(value, LocalInstance) else value
                names = self.others.names_of(of.path)
                return names.class_member(of, name) if names else _NOTHING
        return _NOTHING

    def class_member(self, of: Local, name: str) -> Values:
        """Return what an attribute of a class of this module stands for."""
        return self._once(
            (of.node, "attribute", name), lambda: self._class_member(of, name)
        )

    def _class_member(self, of: Local, name: str) -> Values:
        found = _NOTHING.union(
            *(self._assigned(name, one) for one in self._in_class(of, name))
        )
        is_method = any(isinstance(value, Local) for value in found)
        for target in self.syntax.attributes.get((of.node, name), ()):
            found |= self._bound(target, name)
        if found or is_method or self.defines(of, name):
            return found
        return self._each(self.bases(of), lambda base: self.member(base, name))

    def _in_class(self, of: Local, name: str) -> list[BaseAssignment]:
        # libcst gives the scope of a class to its statements alone.
        scope = self.syntax.scopes.get(of.node.body.body[0])
        own = scope[name] if isinstance(scope, Scope) else ()
        return [one for one in own if one.scope is scope]

    def defines(self, of: Local, name: str) -> bool:
        """Whether a class of this module has an attribute of its own."""
        return bool(
            self._in_class(of, name)
            or any(
                isinstance(self.syntax.parents.get(target), cst.AssignTarget)
                for target in self.syntax.attributes.get((of.node, name), ())
            )
        )

    def bases(self, of: Local) -> Values:
        """Return an object of each class that a class is derived from."""
        assert isinstance(of.node, cst.ClassDef)
        objects: set[Value] = set()
        for argument in of.node.bases:
            for value in self.values(argument.value):
                match value:
                    case Legacy(name=name) if _is_class(name):
                        objects.add(Instance(name))
                    case Local(node=cst.ClassDef()):
                        objects.add(LocalInstance(value))
        return frozenset(objects)

    def _result(self, value: Value, call: cst.Call) -> Values:
        match value:
            case Legacy(name=name) if _is_class(name):
                return frozenset([Instance(name)])
            case Local(node=cst.ClassDef()):
                return frozenset([LocalInstance(value)])
            case Local(path=path, node=cst.FunctionDef() as function):
                names = self.others.names_of(path)
                return names.returned(function) if names else _NOTHING
            case Outside(name=name):
                return result_of(self, name, call)
        return _NOTHING

    def returned(self, function: cst.FunctionDef) -> Values:
        """Return what a function of this module may return."""
        found = _NOTHING
        if function.returns is not None:
            found |= self.annotated(function.returns)
        for node in self.syntax.returns.get(function, ()):
            if node.value is not None:
                found |= self.values(node.value)
        return found


def _is_class(name: str) -> bool:
    entry = entry_of(name)
    return entry is not None and entry.kind == "class" and not is_module(name)
