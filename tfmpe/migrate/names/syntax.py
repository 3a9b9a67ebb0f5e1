"""The syntax of one module: what is part of what, and in which scope."""

from functools import cached_property

import libcst as cst
from libcst.metadata import (
    ExpressionContext,
    ExpressionContextProvider,
    MetadataWrapper,
    Scope,
    ScopeProvider,
)

from .annotations import constant_text
from .collect import Collector

__all__ = ["Syntax"]


class Syntax(Collector):
    """A parsed module with what is asked for again and again of it.

    Parameters
    ----------
    module
        Its tree.

    Attributes
    ----------
    module : Module
    wrapper : MetadataWrapper
        For what else libcst knows of its nodes.
    """

    def __init__(self, module: cst.Module):
        super().__init__()
        self.wrapper = MetadataWrapper(module, unsafe_skip_copy=True)
        self.module = self.wrapper.module
        self.module.visit(self)
        self.scopes = self.wrapper.resolve(ScopeProvider)
        self._contexts = self.wrapper.resolve(ExpressionContextProvider)

    def scope(self, node: cst.CSTNode) -> Scope | None:
        """Return the scope that a node is in; None for one of elsewhere."""
        here: cst.CSTNode | None = node
        while here is not None:
            scope = self.scopes.get(here)
            if isinstance(scope, Scope):
                return scope
            here = self.parents.get(here)
        return None

    @property
    def top(self) -> Scope:
        """The scope of the module itself."""
        scope = self.scopes[self.module]
        assert isinstance(scope, Scope)
        return scope

    @cached_property
    def exported(self) -> frozenset[str] | None:
        """The names that ``__all__`` lists; None if there is no such list."""
        bound = self.top["__all__"]
        if not bound:
            return None
        found: set[str] = set()
        for one in bound:
            target = self.parents.get(getattr(one, "node", self.module))
            assign = self.parents.get(target) if target else None
            if isinstance(assign, cst.Assign):
                elements = getattr(assign.value, "elements", ())
                texts = [constant_text(each.value) for each in elements]
                found |= {text for text in texts if text is not None}
        return frozenset(found)

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

    def class_around(self, function: cst.FunctionDef) -> cst.ClassDef | None:
        """Return the class that a function is a method of."""
        outer = self.parents.get(function)
        while isinstance(outer, cst.IndentedBlock | cst.If | cst.Else):
            outer = self.parents.get(outer)
        return outer if isinstance(outer, cst.ClassDef) else None
