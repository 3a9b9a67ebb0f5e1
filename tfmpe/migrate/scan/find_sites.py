"""Every use of a legacy name in one file, and where it is."""

import libcst as cst
from libcst.metadata import PositionProvider

from tfmpe.migrate.errors import one_line
from tfmpe.migrate.names.known import IN_TEXT
from tfmpe.migrate.names.module_names import ModuleNames
from tfmpe.migrate.sources import Document
from tfmpe.migrate.uses import find_uses

from .results import Site, Undecided
from .safety import Safeties

__all__ = ["find_sites"]

_LONGEST = 80


def find_sites(
    names: ModuleNames, document: Document
) -> tuple[list[Site], list[Undecided]]:
    """Find all uses of legacy names in a file.

    Parameters
    ----------
    names
        What its names stand for.
    document
        Where its parts are.

    Returns
    -------
    sites : list of Site
    undecided : list of Undecided
        Both in the order of the lines.
    """
    positions = names.syntax.wrapper.resolve(PositionProvider)
    judged = Safeties(names, document.source)
    sites: list[Site] = []
    undecided = [
        Undecided(place, one_line(text, _LONGEST), "a magic is not Python")
        for place, text in document.magic_places()
        if IN_TEXT.search(text)
    ]
    for node, code, name, text in find_uses(names):
        place = document.place(positions[node])
        written = _written(names, node)
        if code == "T901":
            undecided.append(Undecided(place, written, text))
        else:
            safety = judged.of(node, code)
            sites.append(Site(place, code, name, written, text, safety))
    return (
        sorted(sites, key=lambda site: (site.place, site.code)),
        sorted(undecided, key=lambda item: item.place),
    )


def _written(names: ModuleNames, node: cst.CSTNode) -> str:
    text = " ".join(names.syntax.module.code_for_node(node).split())
    parent = names.syntax.parents.get(node)
    if isinstance(parent, cst.Call) and parent.func is node:
        text += "(...)"
    return one_line(text, _LONGEST)
