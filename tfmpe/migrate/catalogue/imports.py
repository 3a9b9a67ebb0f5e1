"""Rules T0: how legacy names come into a script."""

from .entry import Rule

__all__ = ["IMPORTS"]

IMPORTS = (
    Rule(
        "T001",
        "legacy-import",
        "a legacy module is imported",
        "safe",
        text=(
            "Every legacy module has its name below `tfmpe.compat`, with the "
            "same functions and classes on the new core. Nothing else in the "
            "script changes, and no number does."
        ),
        todo="Nothing: this is step 1, and it can be where you stay.",
        rewrite=(
            "`tfmpe fix` always does it: `import`, `from … import`, aliases, "
            "imports inside functions, and the dotted names that follow from "
            "`import sfmpe.util.dataloader`."
        ),
        before="""\
from sfmpe.util.dataloader import flatten_structured

old, old_slices = flatten_structured({"theta": theta, "y": y})
""",
        after="""\
from tfmpe.compat.util.dataloader import flatten_structured

new, new_slices = flatten_structured({"theta": theta, "y": y})
""",
        check="""\
assert old_slices == new_slices
assert np.array_equal(old["data"]["y"], new["data"]["y"])
""",
    ),
    Rule(
        "T002",
        "star-import",
        "all names of a legacy module are imported",
        "safe",
        text=(
            "A star brings in every public name, so that a reader cannot see "
            "where `decode_theta` comes from. The module of the bridge has "
            "the same names, and the star keeps its meaning."
        ),
        todo=(
            "Before step 2, name what you use: a name that the star brought "
            "and your own code then assigns is yours, and only you know."
        ),
        rewrite="`tfmpe fix` changes the module and keeps the star.",
        before="""\
from sfmpe.util.dataloader import *

flat, slices = flatten_structured({"theta": theta, "y": y})
old = decode_theta(flat["data"]["theta"], slices["theta"], (8,))
""",
        after="""\
from tfmpe.compat.util.dataloader import *

flat, slices = flatten_structured({"theta": theta, "y": y})
new = decode_theta(flat["data"]["theta"], slices["theta"], (8,))
""",
        check='assert np.array_equal(old["theta"], new["theta"])\n',
    ),
    Rule(
        "T003",
        "unknown-name",
        "a legacy module or name that the bridge does not have",
        "manual",
        text=(
            "The bridge has every name of the legacy package in its last "
            "state. What is not there was removed from it earlier, or is "
            "private and of no use outside; importing it from `tfmpe.compat` "
            "fails."
        ),
        todo=(
            "Copy what it did into your own code, or replace it: the rest of "
            "the script can move without it."
        ),
        rewrite=(
            "Never. The import stays as it is, with a TODO; other names of "
            "the same import are moved."
        ),
        before="""\
from tfmpe.compat import util

# from sfmpe.util.plotting import plot_rows   is not in the bridge:
assert not hasattr(util, "plotting")
""",
        after="""\
from tfmpe import Tokens, draw_mask

tokens = Tokens.from_pytree({**theta, **y}, rules)
picture = draw_mask(tokens, ["mu", "theta"], ["obs"])
assert picture.count("#") == 15
""",
    ),
    Rule(
        "T004",
        "name-in-a-string",
        "a legacy name inside a string, as of a dynamic import",
        "manual",
        text=(
            "`importlib.import_module`, `mock.patch`, configuration and "
            "pickles name modules in strings. A string may also be a title "
            "or a path, so rewriting it would be a guess."
        ),
        todo=(
            "If it names a module, write `tfmpe.compat` for `sfmpe`. Pickled "
            "legacy objects are best written again, as arrays."
        ),
        rewrite="Never; the line gets a TODO if it is a dynamic import.",
        before="""\
import importlib

module = importlib.import_module("sfmpe.util.dataloader")
old = module.PAD_VALUE
""",
        after="""\
import importlib

module = importlib.import_module("tfmpe.compat.util.dataloader")
new = module.PAD_VALUE
""",
        check="assert old == new\n",
    ),
)
