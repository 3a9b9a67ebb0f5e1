"""Step 1: imports of the legacy package become imports of the bridge."""

from collections.abc import Iterable, Sequence

import libcst as cst
from libcst import metadata

from tfmpe.migrate.legacy_names import BRIDGE, LEGACY, lookup

from .bridge_names import bridge_has, is_module, loaded_with
from .chains import Chain, chain_of, follow
from .module import Module, dotted_name
from .result import Change, Findings, Options, Part, Remark, Span
from .stars import import_nodes, star_fault

__all__ = ["find_imports"]

_TOP = BRIDGE.partition(".")[0]


def find_imports(module: Module, options: Options) -> Findings:
    """Propose to import from the bridge what is imported from the legacy.

    Parameters
    ----------
    module : Module
    options : Options

    Returns
    -------
    Findings
        One change for each statement, or for all imports that share the
        name ``sfmpe``; and what the bridge does not have.
    """
    found = Findings()
    groups: dict[int, tuple[metadata.Scope, list[cst.ImportAlias]]] = {}
    for node in import_nodes(module):
        if isinstance(node, cst.ImportFrom):
            if not node.relative and _is_legacy(dotted_name(node.module)):
                _from(module, node, options, found)
            continue
        for alias in node.names:
            if not _is_legacy(dotted_name(alias.name)):
                continue
            if options.shadowed:
                _leave(module, alias, "T003", options.shadowed, found)
            elif alias.asname is not None:
                _as(module, alias, found)
            else:
                scope = module.scope_of(node)
                groups.setdefault(id(scope), (scope, []))[1].append(alias)
    for scope, aliases in groups.values():
        _shared(module, scope, aliases, found)
    return found


def _is_legacy(name: str | None) -> bool:
    return name is not None and name.partition(".")[0] == LEGACY


def _bridged(name: str) -> str:
    return f"{BRIDGE}{name.removeprefix(LEGACY)}"


def _leave(
    module: Module, node: cst.CSTNode, code: str, why: str, found: Findings
) -> None:
    found.remarks.append(Remark(module.span(node)[0], code, why))


def _root(module: Module, node: cst.CSTNode) -> Span:
    """Return the span that turns the first part of a name."""
    while isinstance(node, cst.Attribute):
        node = node.value
    return Span(*module.span(node), BRIDGE)


def _part(
    module: Module, code: str, node: cst.CSTNode, spans: list[Span]
) -> Part:
    start, end = module.span(node)
    text, at = "", start
    for span in sorted(spans, key=lambda each: each.start):
        if start <= span.start and span.end <= end:
            text += module.text[at : span.start].decode() + span.text
            at = span.end
    text += module.text[at:end].decode()
    return Part(code, start, module.source(node), text)


def _from(
    module: Module, node: cst.ImportFrom, options: Options, found: Findings
) -> None:
    """Rewrite ``from sfmpe.x import a, b as c``."""
    assert node.module is not None
    name = dotted_name(node.module)
    assert name is not None
    if options.shadowed:
        _leave(module, node, "T003", options.shadowed, found)
        return
    if not is_module(name):
        _leave(module, node, "T003", f"{BRIDGE} has no mirror of {name}", found)
        return
    code, lines = "T001", []
    root = _root(module, node.module)
    if isinstance(node.names, cst.ImportStar):
        code = "T002"
        why = star_fault(module, name, options)
        if why:
            _leave(module, node, code, why, found)
            return
    else:
        faults, needed = [], set()
        scope = module.scope_of(node)
        for alias in node.names:
            imported = dotted_name(alias.name) or ""
            if not bridge_has(name, imported):
                faults.append(f"{name}.{imported}")
            elif is_module(f"{name}.{imported}"):
                bound = _bound_name(alias)
                chains = _chains(module, bound, scope, f"{name}.{imported}")
                faults += _unknown(chains)
                needed |= _submodules(chains) - loaded_with(
                    f"{name}.{imported}"
                )
        if needed and not _tfmpe_is_free(module, scope):
            faults.append("the name tfmpe, which means something else here")
        home = _home(node, name)
        if home is not None:
            root = Span(*module.span(node.module), _bridged(home))
        elif faults:
            _leave(module, node, "T003", _missing(faults), found)
            return
        lines = [f"import {_bridged(each)}" for each in _deepest(needed)]
    spans = [root]
    start = module.line_start(module.span(module.statement(node))[0])
    blanks = module.indent(start)
    spans += [
        Span(start, start, blanks + each + module.newline) for each in lines
    ]
    found.changes.append(
        Change(tuple(spans), (_part(module, code, node, spans),), "safe")
    )


def _home(node: cst.ImportFrom, package: str) -> str | None:
    """Return the module of names that the legacy package showed, too.

    Such as of ``from sfmpe.util import flatten_structured``; None if the
    bridge shows them as well, or they come from several modules.
    """
    assert not isinstance(node.names, cst.ImportStar)
    names = [dotted_name(alias.name) or "" for alias in node.names]
    if all(bridge_has(package, name) for name in names):
        return None
    entries = [lookup(f"{package}.{name}") for name in names]
    homes = {entry.module if entry else "" for entry in entries}
    home = f"{LEGACY}.{homes.pop()}" if len(homes) == 1 else ""
    return home if all(bridge_has(home, name) for name in names) else None


def _bound_name(alias: cst.ImportAlias) -> str:
    name = dotted_name(alias.asname.name if alias.asname else alias.name)
    assert name is not None
    return name


def _missing(faults: Iterable[str]) -> str:
    listed = ", ".join(dict.fromkeys(faults))
    return f"{BRIDGE} does not have {listed}"


def _as(module: Module, alias: cst.ImportAlias, found: Findings) -> None:
    """Rewrite ``import sfmpe.x as y``: the name that is bound stays."""
    name = dotted_name(alias.name)
    assert name is not None
    if not is_module(name):
        _leave(
            module, alias, "T003", f"{BRIDGE} has no mirror of {name}", found
        )
        return
    scope = module.scope_of(alias)
    chains = _chains(module, _bound_name(alias), scope, name)
    faults = _unknown(chains)
    needed = _deepest(_submodules(chains) - loaded_with(name))
    if needed and not _tfmpe_is_free(module, scope):
        faults.append("the name tfmpe, which means something else here")
    if faults:
        _leave(module, alias, "T003", _missing(faults), found)
        return
    spans = [_root(module, alias.name)]
    part = _part(module, "T001", alias, spans)
    if needed:
        assert alias.asname is not None
        end = module.span(alias.asname.name)[1]
        extra = "".join(f", {_bridged(each)}" for each in needed)
        spans.append(Span(end, end, extra))
    found.changes.append(Change(tuple(spans), (part,), "safe"))


def _shared(
    module: Module,
    scope: metadata.Scope,
    aliases: Sequence[cst.ImportAlias],
    found: Findings,
) -> None:
    """Rewrite all ``import sfmpe.x`` of a scope, which bind one name."""
    names = [dotted_name(alias.name) or "" for alias in aliases]
    chains = _chains(module, LEGACY, scope, LEGACY)
    faults = [name for name in names if not is_module(name)]
    faults += _unknown(chains)
    if faults:
        for alias in aliases:
            _leave(module, alias, "T003", _missing(faults), found)
        return
    loaded = frozenset().union(*(loaded_with(name) for name in names))
    needed = _deepest(_submodules(chains) - loaded)
    free = _tfmpe_is_free(module, scope)
    # Otherwise the name has to stay, for a package that goes by it.
    alone = (
        free
        and len(module.bindings(LEGACY, scope)) == len(aliases)
        and all(
            chain.is_read and not _others_named_tfmpe(module, chain.use.scope)
            for chain in chains
        )
    )
    if not alone and not free:
        needed_as = _deepest({*names, *needed} - loaded_with(LEGACY))
        if needed_as:
            why = "sfmpe and tfmpe both mean several things here"
            for alias in aliases:
                _leave(module, alias, "T901", why, found)
            return
    spans: list[Span] = []
    parts: list[Part] = []
    for number, (alias, name) in enumerate(zip(aliases, names, strict=True)):
        wanted = [name] if alone else _deepest({name} - loaded_with(LEGACY))
        if not number:
            wanted = [*wanted, *needed] if name != LEGACY else needed
        texts = [_bridged(each) for each in dict.fromkeys(wanted)]
        if not alone:
            texts.insert(0, f"{BRIDGE} as {LEGACY}")
        span = Span(*module.span(alias.name), ", ".join(texts or [BRIDGE]))
        spans.append(span)
        parts.append(_part(module, "T001", alias, [span]))
    if alone:
        for chain in chains:
            span = Span(*module.span(chain.use.node), BRIDGE)
            spans.append(span)
            parts.append(_part(module, "T001", chain.whole, [span]))
    found.changes.append(Change(tuple(spans), tuple(parts), "safe"))


def _chains(
    module: Module, bound: str, scope: metadata.Scope, name: str
) -> list[Chain]:
    """Return the uses of a name that holds a legacy module and no other."""
    return [
        follow(chain_of(module, use), name)
        for use in module.uses_of(bound, scope)
        if all(
            _holds_legacy(module, binding)
            for binding in module.bindings(bound, use.scope)
        )
    ]


def _holds_legacy(module: Module, binding: metadata.BaseAssignment) -> bool:
    node = getattr(binding, "node", None)
    if isinstance(node, cst.ImportFrom):
        return not node.relative and _is_legacy(dotted_name(node.module))
    return isinstance(node, cst.Import) and any(
        _is_legacy(dotted_name(alias.name)) for alias in node.names
    )


def _unknown(chains: Iterable[Chain]) -> list[str]:
    return [chain.unknown for chain in chains if chain.unknown]


def _submodules(chains: Iterable[Chain]) -> set[str]:
    return {chain.module for chain in chains}


def _deepest(modules: Iterable[str]) -> list[str]:
    """Drop the packages that are imported with what is in them."""
    found = sorted(set(modules))
    return [
        each
        for each in found
        if not any(other.startswith(f"{each}.") for other in found)
    ]


def _tfmpe_is_free(module: Module, scope: metadata.Scope) -> bool:
    """Whether ``import tfmpe.compat`` in a scope takes no name away."""
    if _others_named_tfmpe(module, scope):
        return False
    # In a function it would hide what is bound outside.
    return (
        isinstance(scope, metadata.GlobalScope)
        or _TOP not in module.identifiers
    )


def _others_named_tfmpe(module: Module, scope: metadata.Scope) -> bool:
    """Whether the name of the new package means something else."""
    for binding in module.bindings(_TOP, scope):
        node = getattr(binding, "node", None)
        if not isinstance(node, cst.Import) or any(
            alias.asname and _bound_name(alias) == _TOP for alias in node.names
        ):
            return True
    return False
