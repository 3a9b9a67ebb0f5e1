"""What the names and expressions of one module stand for."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from pathlib import Path

import libcst as cst
from libcst.helpers import get_full_name_for_node
from libcst.metadata import Assignment as NamedAssignment
from libcst.metadata import (
    BaseAssignment,
    BuiltinAssignment,
    ExpressionContext,
    ExpressionContextProvider,
    MetadataWrapper,
    Scope,
    ScopeProvider,
)

from .collect import Collector
from .known import canonical, entry_of, is_legacy, is_module
from .project import Project
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

__all__ = ["NOTHING", "ModuleNames", "Others", "constant_text"]

NOTHING: Values = frozenset()
"""Unknown."""

_SAME_BEHAVIOUR = (
    "functools.partial",
    "functools.wraps",
    "copy.copy",
    "copy.deepcopy",
    "jax.jit",
    "jax.vmap",
    "flax.nnx.jit",
    "flax.nnx.clone",
)
_Definition = cst.FunctionDef | cst.ClassDef


class Others(ABC):
    """Where the other modules of a project are found."""

    project: Project

    @abstractmethod
    def names_of(self, path: Path) -> "ModuleNames | None":
        """Return those of a file, or None if nothing legacy is in reach."""


class ModuleNames:
    """What names and expressions of one module stand for.

    Assignments are followed without regard to their order: a name stands for
    all that is ever assigned to it in its scope.

    Parameters
    ----------
    path
        The file.
    module
        Its syntax.
    others
        The project.
    """

    def __init__(self, path: Path, module: cst.Module, others: Others):
        self.path = path
        self.others = others
        self.wrapper = MetadataWrapper(module, unsafe_skip_copy=True)
        self.module = self.wrapper.module
        self._noted = Collector()
        self.module.visit(self._noted)
        self.parents = self._noted.parents
        self.star_imports = self._noted.star_imports
        self._contexts = self.wrapper.resolve(ExpressionContextProvider)
        self._scopes = self.wrapper.resolve(ScopeProvider)
        self._known: dict[object, Values] = {}

    # Where a node is

    def scope(self, node: cst.CSTNode) -> Scope | None:
        """Return the scope that a node is in."""
        here: cst.CSTNode | None = node
        while here is not None:
            scope = self._scopes.get(here)
            if isinstance(scope, Scope):
                return scope
            here = self.parents.get(here)
        return None

    def is_read(self, node: cst.Name | cst.Attribute) -> bool:
        """Whether a name is looked up, and not bound or a keyword."""
        parent = self.parents.get(node)
        if isinstance(parent, cst.Arg) and parent.keyword is node:
            return False
        return self._contexts.get(node) is ExpressionContext.LOAD

    def enclosing(
        self, node: cst.CSTNode, kind: type[cst.CSTNode]
    ) -> cst.CSTNode | None:
        """Return the innermost node of a kind that a node is part of."""
        here = self.parents.get(node)
        while here is not None and not isinstance(here, kind):
            here = self.parents.get(here)
        return here

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
            self._known[key] = NOTHING
            self._known[key] = compute()
        return self._known[key]

    def _values(self, node: cst.CSTNode) -> Values:
        match node:
            case cst.Name(value=name):
                return self._named(name, self.scope(node))
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
        return NOTHING

    def _each(
        self, values: Values, follow: Callable[[Value], Values]
    ) -> Values:
        return NOTHING.union(*map(follow, values))

    def _named(self, name: str, scope: Scope | None) -> Values:
        found = scope[name] if scope is not None else set()
        if not found:
            return self._starred(name)
        return NOTHING.union(*(self._assigned(name, one) for one in found))

    def _assigned(self, name: str, one: BaseAssignment) -> Values:
        if isinstance(one, BuiltinAssignment):
            return frozenset([Outside(f"builtins.{name}")])
        if not isinstance(one, NamedAssignment):
            return NOTHING
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
            return self._parameter(node)
        parent = self.parents.get(node)
        if isinstance(parent, cst.AssignTarget):
            assign = self.parents[parent]
            if isinstance(assign, cst.Assign):
                return self.values(assign.value)
        if isinstance(parent, cst.AnnAssign):
            value = self.values(parent.value) if parent.value else NOTHING
            return value | self.annotated(parent.annotation)
        if isinstance(parent, cst.NamedExpr):
            return self.values(parent.value)
        if isinstance(parent, cst.Element):
            return self._unpacked(parent)
        return NOTHING

    def _parameter(self, node: cst.Param) -> Values:
        function = self.enclosing(node, cst.FunctionDef)
        if node.annotation is not None:
            return self.annotated(node.annotation)
        if not isinstance(function, cst.FunctionDef):
            return NOTHING
        params = [*function.params.posonly_params, *function.params.params]
        of = self._class_around(function)
        if of is None:
            return self._handed_over(node, params, function.name.value)
        if params and params[0] is node:
            return frozenset([LocalInstance(Local(self.path, of))])
        if function.name.value == "__init__":
            return self._handed_over(node, params[1:], of.name.value)
        return NOTHING

    def _class_around(self, function: cst.FunctionDef) -> cst.ClassDef | None:
        outer = self.parents.get(function)
        while isinstance(outer, cst.IndentedBlock | cst.If | cst.Else):
            outer = self.parents.get(outer)
        return outer if isinstance(outer, cst.ClassDef) else None

    def _handed_over(
        self, node: cst.Param, params: list[cst.Param], function: str
    ) -> Values:
        """Return what this module's calls hand over for a parameter."""
        found = NOTHING
        for call in self._noted.calls.get(function, ()):
            positional = params
            for argument in call.args:
                if argument.star:
                    break
                if argument.keyword is not None:
                    if argument.keyword.value == node.name.value:
                        found |= self.values(argument.value)
                elif positional:
                    if positional[0] is node:
                        found |= self.values(argument.value)
                    positional = positional[1:]
        return found

    def _unpacked(self, element: cst.Element) -> Values:
        group = self.parents[element]
        target = self.parents.get(group)
        assign = self.parents.get(target) if target else None
        if (
            isinstance(group, cst.Tuple | cst.List)
            and isinstance(assign, cst.Assign)
            and isinstance(assign.value, cst.Tuple | cst.List)
            and len(assign.value.elements) == len(group.elements)
        ):
            index = group.elements.index(element)
            return self.values(assign.value.elements[index].value)
        return NOTHING

    def annotated(self, annotation: cst.Annotation) -> Values:
        """Return an object of each class that an annotation names."""
        objects: set[Value] = set()
        scope = self.scope(annotation)
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
        scope = self.scope(node)
        found = []
        for one in scope[node.value] if scope is not None else ():
            if isinstance(one, NamedAssignment):
                target = self.parents.get(one.node)
                if isinstance(target, cst.AssignTarget):
                    target = self.parents[target]
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
            return NOTHING
        for alias in node.names:
            full = alias.evaluated_name
            if isinstance(node, cst.ImportFrom):
                if (alias.evaluated_alias or full) != name:
                    continue
                module = self.module_of(node)
                return self.from_module(module, full) if module else NOTHING
            if alias.evaluated_alias == name:
                return self._module(tuple(full.split(".")))
            if alias.evaluated_alias is None and full.split(".")[0] == name:
                return self._module((name,))
        return NOTHING

    def _starred(self, name: str) -> Values:
        found = NOTHING
        for node in self.star_imports:
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

    def _module(self, module: tuple[str, ...]) -> Values:
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
        for value in self._module(module):
            if isinstance(value, ProjectModule):
                found = self.member(value, name)
                submodule = (*module, name)
                path = self.others.project.find(submodule, self.path)
                if not found and path is not None:
                    return frozenset([ProjectModule(path)])
                return found
            if sure:
                return self.member(value, name)
        return NOTHING

    def exported(self, name: str) -> Values:
        """Return what other modules get that import a name from this one."""
        return self._once(
            (self.module, name),
            lambda: self._named(name, self._scopes.get(self.module)),
        )

    # Attributes and calls

    def member(self, value: Value, name: str) -> Values:
        """Return what an attribute of something stands for."""
        match value:
            case Legacy() | Instance():
                return frozenset([Legacy(canonical(f"{value.name}.{name}"))])
            case Outside():
                return self._module((*value.name.split("."), name))
            case ProjectModule():
                names = self.others.names_of(value.path)
                return names.exported(name) if names else NOTHING
            case Local(node=cst.ClassDef()) | LocalInstance():
                of = value.of if isinstance(value, LocalInstance) else value
                names = self.others.names_of(of.path)
                return names.class_member(of, name) if names else NOTHING
        return NOTHING

    def class_member(self, of: Local, name: str) -> Values:
        """Return what an attribute of a class of this module stands for."""
        return self._once(
            (of.node, "attribute", name), lambda: self._class_member(of, name)
        )

    def _class_member(self, of: Local, name: str) -> Values:
        found = NOTHING.union(
            *(self._assigned(name, one) for one in self._in_class(of, name))
        )
        is_method = any(isinstance(value, Local) for value in found)
        for target in self._noted.attributes.get((of.node, name), ()):
            found |= self._bound(target, name)
        if found or is_method:
            return found
        return self._each(self.bases(of), lambda base: self.member(base, name))

    def _in_class(self, of: Local, name: str) -> list[BaseAssignment]:
        # libcst gives the scope of a class to its statements alone.
        scope = self._scopes.get(of.node.body.body[0])
        own = scope[name] if isinstance(scope, Scope) else ()
        return [one for one in own if one.scope is scope]

    def defines(self, of: Local, name: str) -> bool:
        """Whether a class of this module has an attribute of its own."""
        return bool(
            self._in_class(of, name)
            or any(
                isinstance(self.parents.get(target), cst.AssignTarget)
                for target in self._noted.attributes.get((of.node, name), ())
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
                return names.returned(function) if names else NOTHING
            case Outside(name=name):
                return self._result_outside(name, call)
        return NOTHING

    def returned(self, function: cst.FunctionDef) -> Values:
        """Return what a function of this module may return."""
        found = NOTHING
        if function.returns is not None:
            found |= self.annotated(function.returns)
        for node in self._noted.returns.get(function, ()):
            if node.value is not None:
                found |= self.values(node.value)
        return found

    def _result_outside(self, name: str, call: cst.Call) -> Values:
        first = call.args[0].value if call.args else None
        if name in _SAME_BEHAVIOUR and first is not None:
            return self.values(first)
        if name in ("importlib.import_module", "builtins.__import__"):
            text = constant_text(first)
            return self._module(tuple(text.split("."))) if text else NOTHING
        if name == "builtins.getattr" and len(call.args) > 1 and first:
            text = constant_text(call.args[1].value)
            return (
                self._each(
                    self.values(first), lambda value: self.member(value, text)
                )
                if text
                else NOTHING
            )
        if name == "builtins.super":
            of = self.enclosing(call, cst.ClassDef)
            if isinstance(of, cst.ClassDef):
                return self.bases(Local(self.path, of))
        # By convention a class: its objects are nobody else's.
        last = name.rpartition(".")[2]
        return frozenset([Outside(name)]) if last[:1].isupper() else NOTHING


def constant_text(node: cst.CSTNode | None) -> str | None:
    """Return what a string literal says, or None if it is none."""
    if isinstance(node, cst.SimpleString | cst.ConcatenatedString):
        value = node.evaluated_value
        return value if isinstance(value, str) else None
    return None


def annotation_parts(node: cst.BaseExpression) -> list[cst.BaseExpression]:
    """Return the dotted names in an annotation, also in strings."""
    if (text := constant_text(node)) is not None:
        try:
            node = cst.parse_expression(text)
        except cst.ParserSyntaxError:
            return []
    if get_full_name_for_node(node) and isinstance(
        node, cst.Name | cst.Attribute
    ):
        return [node]
    return [
        part
        for child in node.children
        if isinstance(child, cst.CSTNode)
        for part in _parts_below(child)
    ]


def _parts_below(node: cst.CSTNode) -> list[cst.BaseExpression]:
    if isinstance(node, cst.BaseExpression):
        return annotation_parts(node)
    return [part for child in node.children for part in _parts_below(child)]


def _is_class(name: str) -> bool:
    entry = entry_of(name)
    return entry is not None and entry.kind == "class" and not is_module(name)
