"""Names for what new code binds and imports."""

import libcst as cst
from libcst import metadata

from .module import Module, dotted_name

__all__ = ["Namer", "imported_from_tfmpe", "numpy_name"]

_JAX_NUMPY = "jax.numpy"


class Namer:
    """Gives out names that nothing in a module has.

    Functions side by side may be given the same.

    Parameters
    ----------
    module : Module
    """

    def __init__(self, module: Module):
        self._written = module.identifiers
        self._given: dict[str, list[metadata.Scope]] = {}

    def free(self, wanted: str, scope: metadata.Scope) -> str:
        """Return a name that is free in a scope, and take it."""
        name, number = wanted, 1
        while name in self._written or any(
            _sees(scope, other) or _sees(other, scope)
            for other in self._given.get(name, ())
        ):
            number += 1
            name = f"{wanted}_{number}"
        self._given.setdefault(name, []).append(scope)
        return name

    def tokens_for(self, flat: str, scope: metadata.Scope) -> str:
        """Return a name for Tokens in place of a flat dictionary."""
        if flat == "flat":
            return self.free("tokens", scope)
        if "flat" in flat:
            return self.free(flat.replace("flat", "tokens"), scope)
        return self.free(f"{flat}_tokens", scope)


def _sees(scope: metadata.Scope, outer: metadata.Scope) -> bool:
    """Whether a scope is within another, or the same."""
    while scope is not outer and scope is not scope.parent:
        scope = scope.parent
    return scope is outer


def numpy_name(module: Module) -> str | None:
    """Return what ``jax.numpy`` is called, or ``'jnp'``; None if taken."""
    for name, node in _top_imports(module):
        if isinstance(node, cst.Import):
            for alias in node.names:
                shown = alias.asname and dotted_name(alias.asname.name)
                if dotted_name(alias.name) == _JAX_NUMPY and shown == name:
                    return name
        elif dotted_name(node.module) == "jax" and not isinstance(
            node.names, cst.ImportStar
        ):
            for alias in node.names:
                shown = alias.asname or alias
                if dotted_name(alias.name) == "numpy" and (
                    dotted_name(shown.name) == name
                ):
                    return name
    return None if "jnp" in module.identifiers else "jnp"


def imported_from_tfmpe(module: Module, name: str) -> bool | None:
    """Whether a name of ``tfmpe`` is imported; None if it is taken."""
    for bound, node in _top_imports(module):
        if (
            bound == name
            and isinstance(node, cst.ImportFrom)
            and dotted_name(node.module) in ("tfmpe", "tfmpe.preprocessing")
            and not node.relative
        ):
            return True
    return None if name in module.identifiers else False


def _top_imports(
    module: Module,
) -> list[tuple[str, cst.Import | cst.ImportFrom]]:
    """Return what imports bind in the module, if nothing else binds it."""
    found = []
    for scope in module.scopes:
        if not isinstance(scope, metadata.GlobalScope):
            continue
        names: dict[str, list[metadata.BaseAssignment]] = {}
        for binding in scope.assignments:
            names.setdefault(binding.name, []).append(binding)
        for name, bindings in names.items():
            nodes = [getattr(each, "node", None) for each in bindings]
            if len(nodes) == 1 and isinstance(
                nodes[0], cst.Import | cst.ImportFrom
            ):
                found.append((name, nodes[0]))
    return found
