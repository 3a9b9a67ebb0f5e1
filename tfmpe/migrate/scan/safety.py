"""Whether `tfmpe fix` would rewrite a site, and how safely."""

from functools import cached_property

import libcst as cst

from tfmpe.migrate.catalogue import CATALOGUE, Safety
from tfmpe.migrate.fix.flatten import find_flattened
from tfmpe.migrate.fix.module import Module
from tfmpe.migrate.names.known import entry_of
from tfmpe.migrate.names.module_names import ModuleNames
from tfmpe.migrate.names.positional import keywords_safety

__all__ = ["Safeties"]

_FLATTENED = ("T101", "T102", "T103")
_NINE = ("T202", "T203")


class Safeties:
    """How safe the rewrites of one module are.

    Parameters
    ----------
    names
        What its names stand for.
    """

    def __init__(self, names: ModuleNames):
        self._names = names

    def of(self, node: cst.CSTNode, code: str, name: str | None) -> Safety:
        """Return that of one use.

        Parameters
        ----------
        node
            The use.
        code
            Its rule.
        name
            The full legacy name.

        Returns
        -------
        str
            That of the rule, but ``'manual'`` where this use of it would be
            left.
        """
        parent = self._names.syntax.parents.get(node)
        call = parent if isinstance(parent, cst.Call) else None
        if code not in (*_FLATTENED, *_NINE):
            return CATALOGUE[code].safety or "manual"
        entry = entry_of(name) if name is not None else None
        if entry is None or call is None or call.func is not node:
            return "manual"
        if code in _NINE:
            return keywords_safety(self._names, call, entry.parameters)
        module, would_be = self._rewriting
        # A decoded array is replaced alone, others with their statement.
        whole = call if code == "T102" else module.statement(node)
        if (module.span(whole)[0], code) not in would_be:
            return "manual"
        return CATALOGUE[code].safety or "manual"

    @cached_property
    def _rewriting(self) -> tuple[Module, set[tuple[int, str]]]:
        module = Module(self._names)
        return module, {
            (part.start, part.code)
            for change in find_flattened(module).changes
            for part in change.parts
        }
