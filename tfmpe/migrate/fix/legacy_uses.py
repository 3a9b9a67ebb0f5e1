"""Uses of legacy names, whether imported from the bridge or not."""

from dataclasses import dataclass

import libcst as cst

from tfmpe.migrate.legacy_names import LegacyName
from tfmpe.migrate.names.imported import attribute_of, imported
from tfmpe.migrate.names.known import entry_of, is_legacy, is_module
from tfmpe.migrate.names.values import Legacy

from .chains import chain_of
from .module import Module, Use, dotted_name

__all__ = ["LegacyUse", "is_legacy_import", "legacy_uses"]


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
    """Return all uses that cannot mean anything else, in their order."""
    found = []
    for use in module.uses:
        value = imported(module.names, use.name, use.scope)
        chain = chain_of(module, use)
        node = chain.nodes[0]
        for attribute, longer in zip(
            chain.attributes, chain.nodes[1:], strict=True
        ):
            if value is None or _entry(value) is not None:
                break
            value = attribute_of(module.names, value, attribute)
            node = longer
        entry = _entry(value)
        if entry is None:
            continue
        parent = module.parent(node)
        call = None
        if isinstance(parent, cst.Call) and parent.func is node:
            call = parent
        found.append(LegacyUse(entry, use, node, call))
    return found


def _entry(value: object) -> LegacyName | None:
    if not isinstance(value, Legacy) or is_module(value.name):
        return None
    return entry_of(value.name)


def is_legacy_import(node: cst.CSTNode) -> bool:
    """Whether a statement imports from the legacy package or the bridge."""
    names: list[str | None] = []
    if isinstance(node, cst.ImportFrom):
        names = [dotted_name(node.module)]
    elif isinstance(node, cst.Import):
        names = [dotted_name(alias.name) for alias in node.names]
    return any(name is not None and is_legacy(name) for name in names)
