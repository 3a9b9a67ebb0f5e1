"""Uses of legacy names, whether imported from the bridge or not."""

from collections.abc import Mapping
from dataclasses import dataclass

import libcst as cst
from libcst import metadata

from tfmpe.migrate.legacy_names import BRIDGE, LEGACY, LegacyName, lookup

from .bridge_names import is_module, star_names
from .chains import chain_of
from .module import Module, Use, dotted_name

__all__ = [
    "LegacyUse",
    "bind",
    "is_legacy_import",
    "legacy_uses",
    "qualified",
]


@dataclass(frozen=True)
class LegacyUse:
    """A legacy function, class or constant where it is used.

    Attributes
    ----------
    entry : LegacyName
    use : Use
        Of the name that the expression begins with.
    node : CSTNode
        The expression, ``flatten_structured`` or ``dl.flatten_structured``.
    call : Call or None
        The call of it.
    """

    entry: LegacyName
    use: Use
    node: cst.CSTNode
    call: cst.Call | None


def legacy_uses(module: Module) -> list[LegacyUse]:
    """Return all uses, in the order of the text."""
    found = []
    for use in module.uses:
        start = qualified(module, use)
        if start is None:
            continue
        chain = chain_of(module, use)
        name, entry, node = start, lookup(start), chain.nodes[0]
        for attribute, longer in zip(
            chain.attributes, chain.nodes[1:], strict=True
        ):
            if entry is not None:
                break
            name = f"{name}.{attribute}"
            entry, node = lookup(name), longer
        if entry is None or is_module(name):
            continue
        parent = module.parent(node)
        call = None
        if isinstance(parent, cst.Call) and parent.func is node:
            call = parent
        found.append(LegacyUse(entry, use, node, call))
    return found


def qualified(module: Module, use: Use) -> str | None:
    """Return the full legacy name that a name was imported as, or None."""
    bindings = module.bindings(use.name, use.scope)
    if not bindings:
        return _from_star(module, use.name)
    names = {_imported(binding, use.name) for binding in bindings}
    (name,) = names if len(names) == 1 else (None,)
    if name is None:
        return None
    if name == BRIDGE or name.startswith(f"{BRIDGE}."):
        return f"{LEGACY}{name.removeprefix(BRIDGE)}"
    top = name.partition(".")[0]
    if top == BRIDGE.partition(".")[0] == use.name:
        return _through_package(module, use)
    return name if top == LEGACY else None


def _through_package(module: Module, use: Use) -> str | None:
    """Read ``tfmpe.compat.x.y``, where the name is that of the package."""
    chain = chain_of(module, use)
    if chain.attributes[:1] != ("compat",):
        return None
    name = ".".join((LEGACY, *chain.attributes[1:]))
    return name if lookup(name) else None


def _imported(binding: metadata.BaseAssignment, bound: str) -> str | None:
    node = getattr(binding, "node", None)
    if isinstance(node, cst.ImportFrom) and not isinstance(
        node.names, cst.ImportStar
    ):
        package = dotted_name(node.module)
        for alias in node.names:
            name = dotted_name(alias.name)
            shown = dotted_name(alias.asname.name) if alias.asname else name
            if shown == bound and package and not node.relative:
                return f"{package}.{name}"
    if isinstance(node, cst.Import):
        for alias in node.names:
            name = dotted_name(alias.name) or ""
            if alias.asname is not None:
                if dotted_name(alias.asname.name) == bound:
                    return name
            elif name.partition(".")[0] == bound:
                return bound
    return None


def _from_star(module: Module, name: str) -> str | None:
    for node in module.tree.body:
        if not isinstance(node, cst.SimpleStatementLine):
            continue
        for each in node.body:
            if isinstance(each, cst.ImportFrom) and isinstance(
                each.names, cst.ImportStar
            ):
                source = (dotted_name(each.module) or "").replace(
                    BRIDGE, LEGACY, 1
                )
                if is_module(source) and name in star_names(source):
                    return f"{source}.{name}"
    return None


def bind(
    call: cst.Call, parameters: tuple[str, ...]
) -> Mapping[str, cst.Arg] | None:
    """Say which argument of a call is which; None where one cannot know."""
    bound: dict[str, cst.Arg] = {}
    for number, arg in enumerate(call.args):
        if arg.star or (arg.keyword is None and number >= len(parameters)):
            return None
        name = arg.keyword.value if arg.keyword else parameters[number]
        if name in bound or name not in parameters:
            return None
        bound[name] = arg
    return bound


def is_legacy_import(node: cst.CSTNode) -> bool:
    """Whether a statement imports from the legacy package or the bridge."""
    names: list[str | None] = []
    if isinstance(node, cst.ImportFrom):
        names = [dotted_name(node.module)]
    elif isinstance(node, cst.Import):
        names = [dotted_name(alias.name) for alias in node.names]
    return any(
        name is not None and f"{name}.".startswith((f"{BRIDGE}.", f"{LEGACY}."))
        for name in names
    )
