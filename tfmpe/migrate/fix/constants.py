"""The value of padding is imported from where it is defined."""

import libcst as cst

from .legacy_uses import legacy_uses
from .module import Module
from .new_imports import without_names
from .new_names import imported_from_tfmpe
from .result import Change, Findings, Part, Span

__all__ = ["find_constants"]

_NAME = "PAD_VALUE"


def find_constants(module: Module) -> Findings:
    """Propose ``tfmpe.PAD_VALUE`` in place of the legacy one.

    Parameters
    ----------
    module : Module

    Returns
    -------
    Findings
        One change for all its uses; none where the name means something
        else, or the value goes by another name.
    """
    found = Findings()
    uses = [use for use in legacy_uses(module) if use.entry.name == _NAME]
    bare = [use for use in uses if isinstance(use.node, cst.Name)]
    dropped = without_names(module, {_NAME}) if bare else []
    if (
        not uses
        or any(use.use.name != _NAME for use in bare)
        or (bare and not dropped)
        or (
            not bare
            and imported_from_tfmpe(module, _NAME) is None
            and _is_bound(module)
        )
    ):
        return found
    longer = [use.node for use in uses if use not in bare]
    spans = [Span(*module.span(node), _NAME) for node in longer]
    parts = [
        Part(
            "T111",
            module.span(use.node)[0],
            module.source(use.node),
            f"tfmpe.{_NAME}",
        )
        for use in uses
    ]
    found.changes.append(
        Change(
            (*dropped, *spans),
            tuple(parts),
            "safe",
            imports=frozenset({_NAME}),
        )
    )
    return found


def _is_bound(module: Module) -> bool:
    return any(
        binding.name == _NAME
        for scope in module.scopes
        for binding in scope.assignments
    )
