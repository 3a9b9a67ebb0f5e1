"""Whether `tfmpe fix` would rewrite a site, and how safely."""

from functools import cached_property

import libcst as cst

from tfmpe.migrate.catalogue import CATALOGUE, Safety
from tfmpe.migrate.fix.module import Module
from tfmpe.migrate.fix.result import Options
from tfmpe.migrate.fix.rewrite import proposals
from tfmpe.migrate.fix.surroundings import in_surroundings
from tfmpe.migrate.names.module_names import ModuleNames
from tfmpe.migrate.sources import Source

__all__ = ["Safeties"]

_ALL = Options(to="tokens", unsafe=True)


class Safeties:
    """How safe the rewrites of one file are.

    Parameters
    ----------
    names
        What its names stand for.
    source
        The file.
    """

    def __init__(self, names: ModuleNames, source: Source):
        self._names = names
        self._source = source

    def of(self, node: cst.CSTNode, code: str) -> Safety:
        """Return that of one use.

        Parameters
        ----------
        node
            The use.
        code
            Its rule.

        Returns
        -------
        str
            That of the rule, but ``'manual'`` where this use of it would be
            left.
        """
        safety = CATALOGUE[code].safety or "manual"
        # What feeds a call is looked at once that is rewritten.
        if safety == "manual" or code.startswith("T3"):
            return safety
        module, would_be = self._rewriting
        # It is the use that is replaced, or its call, or its statement.
        parent = module.parent(node)
        for whole in (node, parent, module.statement(node)):
            found = would_be.get((module.span(whole)[0], code))
            if found is not None:
                return found
        return "manual"

    @cached_property
    def _rewriting(self) -> tuple[Module, dict[tuple[int, str], Safety]]:
        module = Module(self._names)
        options = in_surroundings(_ALL, self._source)
        return module, {
            (part.start, part.code): change.safety
            for found in proposals(module, options)
            for change in found.changes
            for part in change.parts
        }
