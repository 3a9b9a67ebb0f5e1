"""What is asked for again and again of a module, in one walk through it."""

from collections import defaultdict

import libcst as cst

__all__ = ["Collector", "parts"]


class Collector(cst.CSTVisitor):
    """Notes parents, calls, returns and the like.

    Attributes
    ----------
    parents : dict
        The node that each node is part of.
    calls : dict
        Calls of a plain name, by the name.
    returns : dict
        The returns of each function, without those of functions in it.
    attributes : dict
        What ``self.NAME`` is written as in each class, by class and name.
    star_imports : list of ImportFrom
        All of them.
    """

    def __init__(self) -> None:
        super().__init__()
        self.parents: dict[cst.CSTNode, cst.CSTNode] = {}
        self.calls: dict[str, list[cst.Call]] = defaultdict(list)
        self.returns: dict[cst.CSTNode, list[cst.Return]] = defaultdict(list)
        self.attributes: dict[tuple[cst.CSTNode, str], list[cst.Attribute]] = (
            defaultdict(list)
        )
        self.star_imports: list[cst.ImportFrom] = []
        self._path: list[cst.CSTNode] = []
        self._functions: list[cst.CSTNode] = []
        self._classes: list[cst.CSTNode] = []

    def on_visit(self, node: cst.CSTNode) -> bool:
        """Note a node."""
        if self._path:
            self.parents[node] = self._path[-1]
        self._path.append(node)
        match node:
            case cst.FunctionDef():
                self._functions.append(node)
            case cst.ClassDef():
                self._classes.append(node)
            case cst.Call(func=cst.Name(value=name)):
                self.calls[name].append(node)
            case cst.Return() if self._functions:
                self.returns[self._functions[-1]].append(node)
            case cst.ImportFrom(names=cst.ImportStar()):
                self.star_imports.append(node)
            case cst.Attribute(
                value=cst.Name(value="self"), attr=cst.Name(value=name)
            ) if self._classes:
                self.attributes[self._classes[-1], name].append(node)
        return True

    def on_leave(self, original_node: cst.CSTNode) -> None:
        """Go back to the node around."""
        self._path.pop()
        if isinstance(original_node, cst.FunctionDef):
            self._functions.pop()
        elif isinstance(original_node, cst.ClassDef):
            self._classes.pop()


class _Parts(cst.CSTVisitor):
    def __init__(self, kind: type[cst.CSTNode]):
        super().__init__()
        self._kind = kind
        self.found: list[cst.CSTNode] = []

    def on_visit(self, node: cst.CSTNode) -> bool:
        if isinstance(node, self._kind):
            self.found.append(node)
        return True


def parts(node: cst.CSTNode, kind: type[cst.CSTNode]) -> list[cst.CSTNode]:
    """Return all nodes of a kind in a small piece of syntax, and itself.

    Parameters
    ----------
    node
        Where to look.
    kind
        Of the nodes.

    Returns
    -------
    list of CSTNode
    """
    finder = _Parts(kind)
    node.visit(finder)
    return finder.found
