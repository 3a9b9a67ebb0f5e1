"""Attribute chains that begin with a legacy module."""

from dataclasses import dataclass

import libcst as cst

from .bridge_names import bridge_has, is_module
from .module import Module, Use

__all__ = ["Chain", "chain_of", "follow"]


@dataclass(frozen=True)
class Chain:
    """A use of a name with the attributes that are taken of it.

    Attributes
    ----------
    use : Use
    nodes : tuple of CSTNode
        The name, then the name with one attribute, with two, and so on.
    attributes : tuple of str
    is_read : bool
        Whether it is read by code, rather than deleted or quoted.
    whole : CSTNode
        As much of the chain as names modules and what is in them.
    module : str
        The legacy module that the chain leads to.
    unknown : str
        What the bridge lacks of it; empty if nothing.
    """

    use: Use
    nodes: tuple[cst.CSTNode, ...]
    attributes: tuple[str, ...]
    is_read: bool
    whole: cst.CSTNode
    module: str = ""
    unknown: str = ""


def chain_of(module: Module, use: Use) -> Chain:
    """Collect the attributes that are taken of a name."""
    nodes: list[cst.CSTNode] = [use.node]
    attributes = []
    if isinstance(use.node, cst.Name):
        parent = module.parent(use.node)
        while isinstance(parent, cst.Attribute) and parent.value is nodes[-1]:
            nodes.append(parent)
            attributes.append(parent.attr.value)
            parent = module.parent(parent)
    is_read = isinstance(use.node, cst.Name) and not isinstance(
        module.parent(use.node), cst.Del
    )
    return Chain(use, tuple(nodes), tuple(attributes), is_read, nodes[0])


def follow(chain: Chain, name: str) -> Chain:
    """Follow a chain from the legacy module that its name holds."""
    unknown, taken = "", 0
    for attribute in chain.attributes:
        if not is_module(f"{name}.{attribute}"):
            if bridge_has(name, attribute):
                taken += 1
            else:
                unknown = f"{name}.{attribute}"
            break
        name = f"{name}.{attribute}"
        taken += 1
    return Chain(
        chain.use,
        chain.nodes,
        chain.attributes,
        chain.is_read,
        chain.nodes[taken],
        name,
        unknown,
    )
