"""Nine and more positional arguments become keywords."""

import libcst as cst

from tfmpe.migrate.legacy_names import LegacyName
from tfmpe.migrate.names.known import entry_of
from tfmpe.migrate.names.values import Legacy
from tfmpe.migrate.uses import find_uses

from .arguments import positional_names
from .module import Module
from .result import Change, Findings, Part, Span

__all__ = ["find_positional_calls"]

_CODES = ("T202", "T203")
_NOTE = (
    "so many arguments are the only sign that it is the legacy method: the "
    "object could not be followed"
)


def find_positional_calls(module: Module) -> Findings:
    """Propose keywords for ``cnf.sample`` and ``cnf.log_prob``.

    Parameters
    ----------
    module : Module

    Returns
    -------
    Findings
        Only for calls with at least nine positional arguments; safe only
        where the object is known to be a legacy flow, since other classes
        have methods of these names, too.
    """
    found = Findings()
    for node, code, name, _ in find_uses(module.names):
        entry = entry_of(name) if name is not None else None
        call = module.parent(node)
        if (
            code in _CODES
            and entry is not None
            and isinstance(call, cst.Call)
            and call.func is node
        ):
            change = _keywords(module, call, entry)
            found.changes += [] if change is None else [change]
    found.changes.sort(key=lambda change: change.parts[0].start)
    return found


def _keywords(
    module: Module, call: cst.Call, entry: LegacyName
) -> Change | None:
    names = positional_names(call, entry.parameters)
    if names is None:
        return None
    positional = [arg for arg in call.args if arg.keyword is None]
    spans = []
    for name, arg in zip(names, positional, strict=True):
        start, end = module.span(arg)
        bare = isinstance(arg.value, cst.NamedExpr) and not arg.value.lpar
        spans.append(Span(start, start, f"{name}=" + "(" * bare))
        if bare:
            spans.append(Span(end, end, ")"))
    followed = any(
        isinstance(value, Legacy) for value in module.names.values(call.func)
    )
    start, before = module.span(call)[0], module.source(call)
    after = f"{module.source(call.func)}({', '.join(f'{n}=…' for n in names)})"
    part = Part(entry.code, start, before, after)
    if followed:
        return Change(tuple(spans), (part,), "safe")
    return Change(tuple(spans), (part,), "unsafe", _NOTE)
