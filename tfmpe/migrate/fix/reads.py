"""What is read of a flat dictionary, and the same of Tokens."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import libcst as cst

from .module import Module, Use
from .sites import Site
from .wrapping import COLUMNS, wrapped

__all__ = ["Read", "Value", "constant_key", "is_written", "read_path"]

Tree = Mapping[str, "str | Tree"]
# What is left of 80 columns for a name, a comma and the like.
_LONGEST = 60


@dataclass(eq=False)
class Value:
    """A site together with the names that Tokens get in its place.

    Attributes
    ----------
    site : Site
    tokens : str
    views : dict of str
        Names of the views, by side.
    used : set of str
        The sides whose views are needed.
    """

    site: Site
    tokens: str
    views: dict[str, str]
    jnp: str
    used: set[str] = field(default_factory=set)

    @property
    def joined(self) -> bool:
        """Whether it comes from `combine_data`."""
        return bool(self.site.operands)

    def flat(self) -> Tree:
        """Return the flat dictionary as code for each of its arrays.

        Every entry has the value, dtype and shape of the legacy one, where
        the notes of the change do not say otherwise.
        """
        tree: dict[str, str | Tree] = {
            "data": self._both("{view}.data"),
            "labels": self._both(self._labels()),
        }
        if self.joined or self.site.has_index:
            tree["index"] = {side: self._index(side) for side in self.views}
        masks: dict[str, str | Tree] = {}
        if self.joined or self.site.has_rules:
            masks["attention"] = {
                "y": self._mask(f"{self.views['y']}.self_attention_mask"),
                "theta": self._mask(
                    f"{self.views['theta']}.self_attention_mask"
                ),
                "cross": self._mask(
                    f"{self.tokens}.cross_attention_mask("
                    f"{self.views['theta']}.key_order, "
                    f"{self.views['y']}.key_order)"
                ),
            }
        if self.joined or self.site.has_shapes:
            dtype = "{view}.data.dtype" if self.joined else "{jnp}.float32"
            masks["padding"] = self._both(
                "{jnp}.asarray({view}.padding_mask, " + dtype + ")"
            )
        if masks:
            tree["masks"] = masks
        return tree

    def slices(self) -> Tree:
        """Return the slices as code for each side."""
        return self._both("{view}.slices")

    def _both(self, code: str) -> Tree:
        return {
            side: code.format(view=view, jnp=self.jnp)
            for side, view in self.views.items()
        }

    def _labels(self) -> str:
        if self.joined:
            return "{jnp}.asarray({view}.labels, {jnp}.int8)"
        first = ", ".join([":1"] * self.site.sample_ndims)
        return "{jnp}.asarray({view}.labels[" + first + "], {jnp}.int8)"

    def _mask(self, code: str) -> str:
        mask = f"{self.jnp}.asarray({code}[None], {self.jnp}.float32)"
        if self.joined:
            # One copy for each sample.
            n_samples = f"{self.tokens}.sample_shape[0]"
            return f"{self.jnp}.repeat({mask}, {n_samples}, 0)"
        return mask

    def _index(self, side: str) -> str:
        view = self.views[side]
        sides = self.site.sides
        names = sides.names.get(side) if sides else None
        if names is not None and list(names) == sorted(names):
            return f"{view}.functional_inputs"
        # The legacy rows follow the sorted keys (L1).
        ordered = f"sorted({view}.key_order)"
        return f"{view}.select_tokens({ordered}).functional_inputs"


@dataclass(frozen=True)
class Read:
    """One expression that reads a dictionary: ``flat["data"]["y"]``."""

    node: cst.CSTNode
    path: tuple[str, ...]

    def text(self, tree: Tree, indent: str = "") -> str | None:
        """Return the code for the same of Tokens, None if there is none.

        A dictionary that is too long for one line has one entry on each.
        """
        found: str | Tree = tree
        for part in self.path:
            if isinstance(found, str) or part not in found:
                return None
            found = found[part]
        return _display(found, indent)


def read_path(module: Module, use: Use, tree: Tree) -> Read | str:
    """Follow constant subscripts of a name to an array; or say why not."""
    node, path = use.node, []
    found: str | Tree = tree
    if not isinstance(node, cst.Name):
        return f"{use.name!r} is in a quoted annotation"
    while not isinstance(found, str):
        parent = module.parent(node)
        if not isinstance(parent, cst.Subscript) or parent.value is not node:
            break
        key = constant_key(parent)
        if key is None:
            return f"{use.name!r} is read with a key that is not written out"
        path.append(key)
        node = parent
        if key not in found:
            break
        found = found[key]
    if is_written(module, node):
        return f"{use.name!r} is changed or deleted"
    return Read(node, tuple(path))


def constant_key(node: cst.Subscript) -> str | None:
    """Return the text that something is subscripted with; else None."""
    if len(node.slice) != 1 or not isinstance(node.slice[0].slice, cst.Index):
        return None
    value = node.slice[0].slice.value
    if not isinstance(value, cst.SimpleString):
        return None
    key = value.evaluated_value
    return key if isinstance(key, str) else None


def is_written(module: Module, node: cst.CSTNode) -> bool:
    """Whether an expression, or an entry of it, is assigned to or deleted."""
    parent = module.parent(node)
    while (isinstance(parent, cst.Subscript) and parent.value is node) or (
        isinstance(parent, cst.Element | cst.Tuple | cst.List)
    ):
        node, parent = parent, module.parent(parent)
    if isinstance(parent, cst.AssignTarget | cst.Del):
        return True
    target = getattr(parent, "target", None)
    return target is node


def _display(tree: "str | Tree", indent: str) -> str:
    if isinstance(tree, str):
        return tree
    deeper = f"{indent}    "
    entries = []
    for name, each in tree.items():
        key = f'"{name}": '
        code = _display(each, deeper)
        if isinstance(each, str):
            # A comma follows.
            code = wrapped(code, deeper, COLUMNS - 1 - len(deeper + key))
        entries.append(key + code)
    line = f"{{{', '.join(entries)}}}"
    if len(indent) + len(line) <= _LONGEST and "\n" not in line:
        return line
    lines = "".join(f"{deeper}{entry},\n" for entry in entries)
    return f"{{\n{lines}{indent}}}"
